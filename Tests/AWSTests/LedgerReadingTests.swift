import Curl
import Decisions
import Ports
import Testing

@testable import AWS

@Suite("The ledger store: reading")
struct LedgerReadingTests {
    let bench = StoreBench()
    var table: FakeTable { bench.table }

    private func limits() async throws -> Limits {
        try await bench.store(bench.honest()).read().limits
    }

    @Test("limits come with the ledger, from the table where it has them")
    func fromTable() async throws {
        table["limits"] = ["max_count": .number("1")]
        let store = try bench.store(bench.honest())
        _ = try await store.change(StoreBench.announce("a"))
        let (size, snapshot) = try await store.change(StoreBench.announce("b"))
        #expect(size == 1)
        #expect(snapshot.limits.maxCount == 1)
    }

    @Test("a schedule's count stands for the one that is declared, and for nothing else")
    func scheduled() async throws {
        table["limits"] = [
            "desired_count": .number("1"), "max_count": .number("7"), "spare_count": .number("2"),
        ]
        #expect(try await limits() == Limits(desiredCount: 1, maxCount: 7, spareCount: 2))
        table["limits/scheduled"] = ["desired_count": .number("5"), "max_count": .number("100")]
        #expect(try await limits() == Limits(desiredCount: 5, maxCount: 7, spareCount: 2))
    }

    @Test("a schedule that has set nothing changes nothing")
    func notYetScheduled() async throws {
        table["limits/scheduled"] = [:]
        #expect(try await limits() == Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
    }

    @Test("where the limits have been taken away, those of the end hold, whatever a schedule says")
    func ending() async throws {
        table["limits"] = ["max_count": .number("7")]
        table["limits/ending"] = ["desired_count": .number("0"), "max_count": .number("0")]
        #expect(try await limits().maxCount == 7)
        table["limits/scheduled"] = ["desired_count": .number("5")]
        table["limits"] = nil
        let snapshot = try await bench.store(bench.honest()).read()
        #expect(snapshot.limits.isEnding && snapshot.limitsFault == nil)
    }

    @Test("limits that contradict each other stop nothing: the ceiling wins, and the fault is told")
    func contradictingLimits() async throws {
        table["limits"] = ["desired_count": .number("8"), "max_count": .number("5")]
        let store = try bench.store(bench.honest())
        let (size, snapshot) = try await store.change(StoreBench.announce("a"))
        #expect(size == 5)
        #expect(snapshot.limitsFault == LimitsFault(desiredCount: 8, maxCount: 5))
    }

    @Test("the overview is one call, which has what is counted and the limits, and no job")
    func overview() async throws {
        table["limits"] = ["max_count": .number("7")]
        table["limits/scheduled"] = ["desired_count": .number("5")]
        let http = bench.honest()
        let store = try bench.store(http)
        _ = try await store.change(StoreBench.announce("a"))
        let whole = try await store.read()
        let before = http.requests.count
        let overview = try await store.overview()
        #expect(http.requests.dropFirst(before).map(\.operation) == ["BatchGetItem"])
        #expect(whole.ledger.jobs.count == 1 && overview.ledger.jobs.isEmpty)
        var counted = whole.ledger
        counted.jobs = [:]
        #expect(overview.ledger == counted)
        #expect(overview.limits == Limits(desiredCount: 5, maxCount: 7, spareCount: 0))
    }

    @Test("the overview of a table without a ledger is an empty one")
    func overviewOfNothing() async throws {
        let overview = try await bench.store(bench.honest()).overview()
        #expect(overview.ledger == Ledger())
        #expect(overview.limits == Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
    }

    // MARK: Pages

    private func ledger(jobs: Int) throws -> Ledger {
        var ledger = Ledger(version: 3, size: 2)
        for number in 0..<jobs {
            let job = try #require(Job(id: "run-\(100 + number)", type: "plan"))
            ledger.jobs[job] = .init(at: WallTime(milliseconds: number))
        }
        return ledger
    }

    @Test("a ledger of several pages is read to its end, and the tasks that have departed are not")
    func pages() async throws {
        let ledger = try ledger(jobs: 60)
        table.ledger = ledger
        table["limits"] = ["max_count": .number("4")]
        table["task/t"] = DepartedItem.encode(.init(at: .now(), kind: .retired))
        let http = bench.honest()
        let snapshot = try await bench.store(http).read()
        #expect(snapshot.ledger == ledger)
        #expect(snapshot.limits.maxCount == 4)
        #expect(http.requests.count > 2)
        #expect(http.requests.allSatisfy { $0.operation == "Query" })
    }

    @Test("a page that cannot be read is a failure, and never half a ledger")
    func missingPage() async throws {
        table.ledger = try ledger(jobs: 60)
        let http = FakeHTTP { [table] request, number in
            number == 2
                ? .json(#"{"__type":"ValidationException"}"#, status: 400) : table.answer(request)
        }
        let store = try bench.store(http)
        let failure = await failing { () throws(LedgerFailure) in _ = try await store.read() }
        guard case .unchanged(.call) = failure else {
            Issue.record("not unchanged: \(String(describing: failure))")
            return
        }
    }

    @Test("pages without end are refused")
    func endlessPages() async throws {
        let http = FakeHTTP { _, _ in
            .json(
                #"{"Items":[],"LastEvaluatedKey":{"pk":{"S":"agents/pool"},"sk":{"S":"job/a/b"}}}"#
            )
        }
        let store = try bench.store(http)
        let failure = await failing { () throws(LedgerFailure) in _ = try await store.read() }
        #expect(failure == .refused("the table has more than 16 MB of jobs of the service"))
    }

    @Test("a read that is throttled, fails or gets no answer is made again")
    func repeated() async throws {
        table.ledger = Ledger(version: 3, size: 2)
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            switch number {
            case 1:
                return .json(
                    #"{"__type":"ProvisionedThroughputExceededException"}"#,
                    status: 400
                )
            case 2: throw .lostAnswer
            case 3: return .json(#"{"__type":"InternalServerError"}"#, status: 500)
            default: return table.answer(request)
            }
        }
        #expect(try await bench.store(http).read().ledger.size == 2)
    }

    // MARK: Tasks that have departed

    private func depart(
        _ http: FakeHTTP,
        knowing tasks: Set<TaskID>
    ) async throws -> [TaskID: Ledger.Departed] {
        try await bench.store(http).change(knowing: { _ in tasks }) { ledger, _ in
            ledger.departed
        }.answer
    }

    @Test("an operation knows of the tasks that it asks for whether they have departed")
    func departed() async throws {
        let departed = Ledger.Departed(at: WallTime(milliseconds: 5), kind: .recycled)
        table.ledger = Ledger(version: 3, size: 2)
        for id in ["t", "u"] { table["task/\(id)"] = DepartedItem.encode(departed) }
        let http = bench.honest()
        let known = try await depart(http, knowing: [TaskID("t"), TaskID("v")])
        #expect(known == [TaskID("t"): departed])
        #expect(http.requests.map(\.operation) == ["Query", "BatchGetItem"])
    }

    @Test("more tasks than one call may ask for are asked for in several")
    func manyDeparted() async throws {
        table.ledger = Ledger(version: 3, size: 2)
        let tasks = Set((0..<250).map { TaskID("t\($0)") })
        let departed = Ledger.Departed(at: WallTime(milliseconds: 5), kind: .retired)
        for task in tasks { table[LedgerKey.task(task)] = DepartedItem.encode(departed) }
        let http = bench.honest()
        #expect(Set(try await depart(http, knowing: tasks).keys) == tasks)
        #expect(http.requests.filter { $0.operation == "BatchGetItem" }.count == 3)
    }

    private static let unprocessed = HTTPResponse.json(
        #"{"Responses":{"ledger":[]},"UnprocessedKeys":{"ledger":{"Keys":["#
            + #"{"pk":{"S":"agents/pool"},"sk":{"S":"task/t"}}],"ConsistentRead":true}}}"#
    )

    @Test("keys that are left unprocessed are asked for again, and only those")
    func unprocessed() async throws {
        let departed = Ledger.Departed(at: WallTime(milliseconds: 5), kind: .retired)
        table.ledger = Ledger(version: 3, size: 2)
        table["task/t"] = DepartedItem.encode(departed)
        let http = FakeHTTP { [table] request, number in
            number == 2 ? Self.unprocessed : table.answer(request)
        }
        let known = try await depart(http, knowing: [TaskID("t"), TaskID("other")])
        #expect(known == [TaskID("t"): departed])
        #expect(http.requests[2].text.contains("other") == false)
    }

    @Test("keys that stay unprocessed are an error, and no task that has not departed")
    func unprocessedForEver() async throws {
        table.ledger = Ledger(version: 3, size: 2)
        let http = FakeHTTP { [table] request, _ in
            request.operation == "BatchGetItem" ? Self.unprocessed : table.answer(request)
        }
        let store = try bench.store(http)
        let failure = await failing { () throws(LedgerFailure) in
            _ = try await store.change(knowing: { _ in [TaskID("t")] }) { _, _ in }
        }
        let cause = "dynamodb BatchGetItem left keys unprocessed, \(LedgerTable.maximumReads) times"
        #expect(failure == .unchanged(.call(cause)))
    }
}
