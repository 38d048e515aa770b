import Curl
import Decisions
import FoundationEssentials
import Synchronization
import Testing

@testable import AWS

/// The two DynamoDB calls in use, for one item, in memory; faults are put in front of it.
final class FakeTable: Sendable {
    private let items = Mutex<[String: Item]>([:])

    subscript(key: String) -> Item? {
        get { items.withLock { $0[key] } }
        set { items.withLock { $0[key] = newValue } }
    }

    var ledger: Ledger? {
        self["agents/pool"].flatMap { try? LedgerItem.decode($0).ledger }
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        let body = Data(request.body ?? [])
        switch request["x-amz-target"] {
        case "DynamoDB_20120810.BatchGetItem":
            #expect(request.text.contains(#""ConsistentRead":true"#))
            // JSONEncoder writes a slash as \/, which is the same text in JSON.
            let text = request.text.replacing("\\/", with: "/")
            let keys = ["", "/limits", "/limits/scheduled", "/limits/ending"].map {
                "agents/pool" + $0
            }
            let found = keys.filter { text.contains("\"\($0)\"") }.compactMap { self[$0] }
            guard let json = try? JSONEncoder().encode(["Responses": ["ledger": found]]) else {
                return .json("", status: 500)
            }
            return HTTPResponse(status: 200, body: Array(json))
        case "DynamoDB_20120810.PutItem":
            guard let put = try? JSONDecoder().decode(Put.self, from: body) else {
                Issue.record("not a PutItem: \(request.text)")
                return .json("", status: 400)
            }
            return write(put) ? .json("{}") : Self.conditionFailed
        default:
            Issue.record("an unknown call")
            return .json("", status: 400)
        }
    }

    static let conditionFailed = HTTPResponse.json(
        #"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","#
            + #""message":"The conditional request failed"}"#,
        status: 400
    )

    private struct Put: Decodable {
        let Item: Item
        let ConditionExpression: String
        let ExpressionAttributeValues: Item?
    }

    private func write(_ put: Put) -> Bool {
        guard case .string(let key) = put.Item["pk"] else { return false }
        return items.withLock { items in
            switch put.ConditionExpression {
            case "attribute_not_exists(pk)":
                guard items[key] == nil else { return false }
            case "version = :expected":
                let expected = put.ExpressionAttributeValues?[":expected"]
                guard let there = items[key], there["version"] == expected else { return false }
            default:
                Issue.record("an unknown condition")
                return false
            }
            items[key] = put.Item
            return true
        }
    }
}

extension HTTPRequest {
    var isPut: Bool { self["x-amz-target"] == "DynamoDB_20120810.PutItem" }
}

@Suite("The ledger store")
struct LedgerStoreTests {
    let table = FakeTable()
    let time = FakeTime()
    /// What the service wants when its ledger is first written.
    var desired = 0

    func store(_ http: FakeHTTP) throws -> DynamoDBLedgerStore {
        DynamoDBLedgerStore(
            try makeClient(http, pacing: time.pacing),
            table: "ledger",
            cluster: "agents",
            service: "pool",
            environment: try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0)),
            adopting: { [desired] in desired },
            pacing: time.pacing
        )
    }

    func honest() -> FakeHTTP { FakeHTTP { [table] request, _ in table.answer(request) } }

    static func announce(_ id: String) -> @Sendable (inout Ledger, Limits) -> Int {
        { ledger, limits in
            if let job = Job(id: id, type: "plan") {
                ledger.announce(job, at: WallTime(milliseconds: 1), limits)
            }
            return ledger.size
        }
    }

    @Test("a ledger that was never written is empty, and reading writes nothing")
    func fresh() async throws {
        let snapshot = try await store(honest()).read()
        #expect(snapshot.ledger == Ledger())
        #expect(snapshot.limitsFault == nil)
        #expect(table["agents/pool"] == nil)
    }

    @Test("each change raises the version by one and is what is read next")
    func changes() async throws {
        let store = try store(honest())
        #expect(try await store.change(Self.announce("a")).answer == 1)
        let (answer, snapshot) = try await store.change(Self.announce("b"))
        #expect(answer == 2)
        #expect(snapshot.ledger.version == 2)
        #expect(try await store.read() == snapshot)
    }

    @Test("an operation that changes nothing writes nothing")
    func unchanged() async throws {
        let http = honest()
        let store = try store(http)
        _ = try await store.change(Self.announce("a"))
        _ = try await store.change(Self.announce("a"))
        #expect(http.requests.filter(\.isPut).count == 1)
    }

    @Test("rule 10: the first write of a task takes nothing from the service that is there")
    func adopts() async throws {
        var tests = self
        tests.desired = 6
        let store = try tests.store(honest())
        let (size, snapshot) = try await store.change(Self.announce("a"))
        #expect(size == 6)
        #expect(snapshot.ledger.isAdopted && snapshot.ledger.jobs.count == 1)
    }

    @Test("a first ledger is written even if it has nothing to say, so that it counts as one")
    func firstOfAll() async throws {
        let store = try store(honest())
        _ = try await store.change { ledger, limits in
            ledger.uphold(limits, at: WallTime(milliseconds: 1))
        }
        #expect(table.ledger == Ledger(version: 1))
    }

    @Test("rule 10: no task writes to the ledger of a service that does not list it, or that ends")
    func notOurs() async throws {
        let service = FakeService(desired: 6)
        let store = DynamoDBLedgerStore(
            try makeClient(honest(), pacing: time.pacing),
            table: "ledger",
            cluster: "agents",
            service: "pool",
            environment: try #require(Limits(desiredCount: 0, maxCount: 1, spareCount: 0)),
            adopting: service.adopting(by: TaskID("t"))
        )
        let thrown = await failing { () throws(LedgerFailure) in
            _ = try await store.change(Self.announce("a"))
        }
        #expect(thrown == .unchanged(.notOurs(TaskID("t"))))
        #expect(table["agents/pool"] == nil)
        service.end()
        let failure = await failing { () throws(LedgerFailure.Cause) in
            _ = try await service.adopting(by: TaskID("t"))()
        }
        #expect(failure == .serviceEnds)
    }

    @Test("the version is the store's: an operation cannot change it")
    func versionIsTheStores() async throws {
        let store = try store(honest())
        _ = try await store.change { ledger, _ in ledger.version = 40 }
        #expect(table.ledger == Ledger(version: 1))
        _ = try await store.change { ledger, _ in
            ledger.version = 40
            ledger.size = 1
        }
        #expect(table.ledger == Ledger(version: 2, size: 1))
    }

    @Test("limits come with the ledger, from the table where it has them")
    func limits() async throws {
        table["agents/pool/limits"] = [
            "pk": .string("agents/pool/limits"), "max_count": .number("1"),
        ]
        let store = try store(honest())
        _ = try await store.change(Self.announce("a"))
        let (size, snapshot) = try await store.change(Self.announce("b"))
        #expect(size == 1)
        #expect(snapshot.limits.maxCount == 1)
    }

    @Test("a schedule's count stands for the one that is declared, and for nothing else")
    func scheduled() async throws {
        table["agents/pool/limits"] = [
            "pk": .string("agents/pool/limits"), "desired_count": .number("1"),
            "max_count": .number("7"), "spare_count": .number("2"),
        ]
        let store = try store(honest())
        #expect(
            try await store.read().limits == Limits(desiredCount: 1, maxCount: 7, spareCount: 2)
        )
        table["agents/pool/limits/scheduled"] = [
            "pk": .string("agents/pool/limits/scheduled"), "desired_count": .number("5"),
            "max_count": .number("100"),
        ]
        let limits = try await store.read().limits
        #expect(limits == Limits(desiredCount: 5, maxCount: 7, spareCount: 2))
    }

    @Test("a schedule that has set nothing changes nothing")
    func notYetScheduled() async throws {
        table["agents/pool/limits/scheduled"] = ["pk": .string("agents/pool/limits/scheduled")]
        let limits = try await store(honest()).read().limits
        #expect(limits == Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
    }

    @Test("where the limits have been taken away, those of the end hold, whatever a schedule says")
    func ending() async throws {
        let key = "agents/pool/limits"
        let ending: Item = [
            "pk": .string(key + "/ending"), "desired_count": .number("0"),
            "max_count": .number("0"),
        ]
        let store = try store(honest())
        table[key] = ["pk": .string(key), "max_count": .number("7")]
        table[key + "/ending"] = ending
        #expect(try await store.read().limits.maxCount == 7)
        table[key + "/scheduled"] = [
            "pk": .string(key + "/scheduled"), "desired_count": .number("5"),
        ]
        table[key] = nil
        let snapshot = try await store.read()
        #expect(snapshot.limits.isEnding && snapshot.limitsFault == nil)
    }

    @Test("a lost race is run again on what the other one wrote")
    func lostRace() async throws {
        let other = try store(honest())
        let store = try store(
            FakeHTTP { [table] request, number in
                if request.isPut, number == 2 {
                    _ = try? await other.change(Self.announce("other"))
                }
                return table.answer(request)
            }
        )
        #expect(try await store.change(Self.announce("mine")).answer == 2)
        #expect(table.ledger?.jobs.count == 2)
        #expect(table.ledger?.version == 2)
    }

    @Test("a write whose answer was lost is found by its mark, and not made twice")
    func lostAnswerWritten() async throws {
        let runs = Mutex(0)
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            let response = table.answer(request)
            if number == 2 { throw .lostAnswer }
            return response
        }
        let (answer, snapshot) = try await store(http).change { ledger, _ in
            ledger.size += 1
            return runs.withLock {
                $0 += 1
                return $0
            }
        }
        #expect(answer == 1)
        #expect(snapshot.ledger.size == 1)
        #expect(table.ledger == snapshot.ledger)
        #expect(http.requests.filter(\.isPut).count == 1)
    }

    @Test("a write that was lost on its way is made again")
    func lostOnTheWay() async throws {
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            if number == 2 { throw .lostAnswer }
            return table.answer(request)
        }
        let (_, snapshot) = try await store(http).change { ledger, _ in ledger.size += 1 }
        #expect(snapshot.ledger.size == 1)
        #expect(table.ledger == snapshot.ledger)
        #expect(http.requests.filter(\.isPut).count == 2)
    }

    @Test("a write that arrives late, after its repetition was sent, counts once")
    func lateWrite() async throws {
        let late = Mutex<HTTPRequest?>(nil)
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            if request.isPut {
                if number == 2 {
                    late.withLock { $0 = request }
                    throw .lostAnswer
                }
                if let first = late.withLock({ $0.take() }) { _ = table.answer(first) }
            }
            return table.answer(request)
        }
        let (_, snapshot) = try await store(http).change { ledger, _ in ledger.size += 1 }
        #expect(snapshot.ledger.size == 1)
        #expect(table.ledger == Ledger(version: 1, size: 1))
    }

    @Test("a write that its own transport repeated is no lost race")
    func repeatedByTransport() async throws {
        let http = FakeHTTP { [table] request, _ in
            if request.isPut { _ = table.answer(request) }
            return table.answer(request)
        }
        let (_, snapshot) = try await store(http).change { ledger, _ in ledger.size += 1 }
        #expect(snapshot.ledger == Ledger(version: 1, size: 1))
        #expect(table.ledger == snapshot.ledger)
    }

    @Test("what nobody can tell is unclear, and says so")
    func unclear() async throws {
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            guard number == 1 else { throw .lostAnswer }
            return table.answer(request)
        }
        let store = try store(http)
        let failure = await failing { () throws(LedgerFailure) in
            _ = try await store.change(Self.announce("a"))
        }
        guard case .unclear(.service) = failure else {
            Issue.record("not unclear: \(String(describing: failure))")
            return
        }
    }

    @Test("a write that was refused or never sent leaves the ledger unchanged")
    func refusedWrite() async throws {
        for status in [400, 0] {
            let http = FakeHTTP { [table] request, _ throws(HTTPFailure) in
                guard request.isPut else { return table.answer(request) }
                if status == 0 { throw .notConnected }
                return .json(#"{"__type":"ValidationException"}"#, status: status)
            }
            let store = try store(http)
            let failure = await failing { () throws(LedgerFailure) in
                _ = try await store.change(Self.announce("a"))
            }
            guard case .unchanged(.service) = failure else {
                Issue.record("not unchanged: \(String(describing: failure))")
                continue
            }
        }
    }

    @Test("races that are lost for ever end, with nothing written")
    func contention() async throws {
        let http = FakeHTTP { [table] request, _ in
            request.isPut ? FakeTable.conditionFailed : table.answer(request)
        }
        let store = try store(http)
        let failure = await failing { () throws(LedgerFailure) in
            _ = try await store.change(Self.announce("a"))
        }
        let attempts = LedgerChange<Int, String>.maximumAttempts
        #expect(failure == .unchanged(.contention(attempts: attempts)))
        #expect(http.requests.filter(\.isPut).count == attempts)
        #expect(time.slept.allSatisfy { $0 <= .milliseconds(500) })
    }

    @Test(
        "a newer, a malformed and an unreadable item are refused and never overwritten",
        arguments: [
            ["format": .number("2")],
            ["format": .number("1"), "version": .number("-1")],
        ] as [Item]
    )
    func refusedItem(item: Item) async throws {
        let stored = item.merging(["pk": .string("agents/pool")]) { $1 }
        table["agents/pool"] = stored
        let http = honest()
        let store = try store(http)
        let failure = await failing { () throws(LedgerFailure) in
            _ = try await store.change(Self.announce("a"))
        }
        guard case .refused = failure else {
            Issue.record("not refused: \(String(describing: failure))")
            return
        }
        #expect(table["agents/pool"] == stored)
        #expect(!http.requests.contains { $0.isPut })
    }

    @Test("limits that contradict each other stop nothing: the ceiling wins, and the fault is told")
    func contradictingLimits() async throws {
        table["agents/pool/limits"] = [
            "pk": .string("agents/pool/limits"), "desired_count": .number("8"),
            "max_count": .number("5"),
        ]
        let (size, snapshot) = try await store(honest()).change(Self.announce("a"))
        #expect(size == 5)
        #expect(snapshot.limitsFault == LimitsFault(desiredCount: 8, maxCount: 5))
    }

    @Test("an item that would be too large is refused before it is sent")
    func tooLarge() async throws {
        let http = honest()
        let store = try store(http)
        let failure = await failing { () throws(LedgerFailure) in
            _ = try await store.change { ledger, _ in
                for number in 0..<10_000 {
                    guard let job = Job(id: "run-0123456789-\(number)", type: "plan") else {
                        return
                    }
                    ledger.jobs[job] = .init(
                        at: .now(),
                        task: TaskID("0123456789abcdef0123456789abcdef")
                    )
                }
            }
        }
        guard case .refused(.tooLarge) = failure else {
            Issue.record("not refused: \(String(describing: failure))")
            return
        }
        #expect(!http.requests.contains { $0.isPut })
    }

    @Test("keys that are left unprocessed are asked for again")
    func unprocessed() async throws {
        table["agents/pool"] = LedgerItem.encode(
            Ledger(version: 3, size: 2),
            key: "agents/pool",
            writer: "mark"
        )
        let http = FakeHTTP { [table] request, number in
            number == 1
                ? .json(
                    #"{"Responses":{"ledger":[]},"UnprocessedKeys":{"ledger":{"Keys":["#
                        + #"{"pk":{"S":"agents/pool"}}],"ConsistentRead":true}}}"#
                )
                : table.answer(request)
        }
        #expect(try await store(http).read().ledger.size == 2)
        #expect(http.requests[1].text.contains("limits") == false)
    }

    @Test("keys that stay unprocessed are an error, not an empty ledger")
    func unprocessedForEver() async throws {
        let http = FakeHTTP { _, _ in
            .json(
                #"{"Responses":{},"UnprocessedKeys":{"ledger":{"Keys":["#
                    + #"{"pk":{"S":"agents/pool"}}]}}}"#
            )
        }
        let store = try store(http)
        let failure = await failing { () throws(LedgerFailure) in _ = try await store.read() }
        #expect(failure == .unchanged(.unprocessed(attempts: LedgerTable.maximumReads)))
    }
}
