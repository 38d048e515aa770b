import Curl
import Decisions
import InMemoryPorts
import Ports
import Synchronization
import Testing

@testable import AWS

/// A store over a table in memory, and what may be put in between.
struct StoreBench {
    let table = FakeTable()
    let time = FakeTime()
    /// What the service wants when its ledger is first written.
    var desired = 0

    func store(_ http: FakeHTTP, meter: LedgerMeter? = nil) throws -> DynamoDBLedgerStore {
        DynamoDBLedgerStore(
            try makeClient(http, retry: time.retry),
            table: "ledger",
            cluster: "agents",
            service: "pool",
            environment: try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0)),
            adoption: { [desired] in desired },
            meter: meter,
            retry: time.retry
        )
    }

    func honest() -> FakeHTTP { FakeHTTP { [table] request, _ in table.answer(request) } }

    static func announce(_ id: String) -> @Sendable (inout Ledger, Limits) -> Int {
        { ledger, limits in
            if let job = Job(id: id, type: "plan") {
                ledger.jobs[job] = .init(at: WallTime(milliseconds: 1))
                ledger.uphold(limits, at: WallTime(milliseconds: 1))
            }
            return ledger.size
        }
    }
}

@Suite("The ledger store: changing what is counted")
struct LedgerStoreTests {
    let bench = StoreBench()
    var table: FakeTable { bench.table }

    @Test("a ledger that was never written is empty, and reading writes nothing")
    func fresh() async throws {
        let snapshot = try await bench.store(bench.honest()).read()
        #expect(snapshot.ledger == Ledger())
        #expect(snapshot.limitsFault == nil)
        #expect(table.sortKeys == [])
    }

    @Test("each change raises the version by one and is what is read next")
    func changes() async throws {
        let store = try bench.store(bench.honest())
        #expect(try await store.change(StoreBench.announce("a")).answer == 1)
        let (answer, snapshot) = try await store.change(StoreBench.announce("b"))
        #expect(answer == 2)
        #expect(snapshot.ledger.version == 2)
        let read = try await store.read()
        #expect(read.ledger == snapshot.ledger && read.limits == snapshot.limits)
        #expect(table.sortKeys == ["job/a/plan", "job/b/plan", "ledger"])
    }

    @Test("an operation that changes nothing writes nothing")
    func unchanged() async throws {
        let http = bench.honest()
        let store = try bench.store(http)
        _ = try await store.change(StoreBench.announce("a"))
        _ = try await store.change(StoreBench.announce("a"))
        #expect(http.requests.filter(\.isWrite).count == 1)
    }

    @Test("a change writes what it changes, and neither other jobs nor other attributes")
    func small() async throws {
        let http = bench.honest()
        let store = try bench.store(http)
        for id in ["a", "b", "c"] { _ = try await store.change(StoreBench.announce(id)) }
        table["ledger"]?["note"] = .string("looked at")
        _ = try await store.change { ledger, limits in
            ledger.expose(TaskID("t"), at: WallTime(milliseconds: 1), limits)
        }
        #expect(http.requests.last?.operation == "UpdateItem")
        #expect(table["ledger"]?["note"] == .string("looked at"))
        #expect(table.ledger?.exposed.count == 1 && table.ledger?.jobs.count == 3)
    }

    @Test("a change of jobs alone leaves what is counted as it is")
    func jobsAlone() async throws {
        let job = try #require(Job(id: "a", type: "plan"))
        table.ledger = Ledger(version: 3, size: 1, jobs: [job: .init(at: .now())])
        let http = bench.honest()
        _ = try await bench.store(http).change { ledger, _ in ledger.jobs[job] = nil }
        #expect(http.requests.map(\.operation) == ["Query", "DeleteItem"])
        #expect(table.ledger == Ledger(version: 3, size: 1))
    }

    @Test("more jobs than a transaction has room for are written one by one")
    func manyJobs() async throws {
        let jobs = try (0..<120).map { try #require(Job(id: "run-\($0)", type: "plan")) }
        let http = bench.honest()
        let (_, snapshot) = try await bench.store(http).change { ledger, _ in
            for job in jobs { ledger.jobs[job] = .init(at: WallTime(milliseconds: 1)) }
            ledger.size = 10
        }
        #expect(snapshot.ledger.jobs.count == 120)
        #expect(table.ledger == snapshot.ledger)
        #expect(http.requests.filter { $0.operation == "PutItem" }.count == 120)
    }

    @Test("the first write of a task takes nothing from the service that is there")
    func adopts() async throws {
        var bench = bench
        bench.desired = 6
        let store = try bench.store(bench.honest())
        let (size, snapshot) = try await store.change(StoreBench.announce("a"))
        #expect(size == 6)
        #expect(snapshot.ledger.isAdopted && snapshot.ledger.jobs.count == 1)
    }

    @Test("a first ledger is written even if it has nothing to say, so that it counts as one")
    func firstOfAll() async throws {
        let store = try bench.store(bench.honest())
        _ = try await store.change { ledger, limits in
            ledger.uphold(limits, at: WallTime(milliseconds: 1))
        }
        #expect(table.ledger == Ledger(version: 1))
    }

    @Test("no task writes to the ledger of a service that does not list it, or that ends")
    func notOurs() async throws {
        let service = InMemoryService(desired: 6)
        let store = DynamoDBLedgerStore(
            try makeClient(bench.honest(), retry: bench.time.retry),
            table: "ledger",
            cluster: "agents",
            service: "pool",
            environment: try #require(Limits(desiredCount: 0, maxCount: 1, spareCount: 0)),
            adoption: service.adoption(by: TaskID("t"))
        )
        let thrown = await failing { () throws(LedgerFailure) in
            _ = try await store.change(StoreBench.announce("a"))
        }
        #expect(thrown == .unchanged(.notOurs(TaskID("t"))))
        #expect(table.sortKeys == [])
        service.end()
        let failure = await failing { () throws(LedgerFailure.Cause) in
            _ = try await service.adoption(by: TaskID("t"))()
        }
        #expect(failure == .serviceEnds)
    }

    @Test("the version is the store's: an operation cannot change it")
    func versionIsTheStores() async throws {
        let store = try bench.store(bench.honest())
        _ = try await store.change { ledger, _ in ledger.version = 40 }
        #expect(table.ledger == Ledger(version: 1))
        _ = try await store.change { ledger, _ in
            ledger.version = 40
            ledger.size = 1
        }
        #expect(table.ledger == Ledger(version: 2, size: 1, moves: 1, lastRaise: 1))
    }

    @Test("a lost race is run again on what the other one wrote")
    func lostRace() async throws {
        let other = try bench.store(bench.honest())
        let store = try bench.store(
            FakeHTTP { [table] request, number in
                if request.isWrite, number == 2 {
                    _ = try? await other.change(StoreBench.announce("other"))
                }
                return table.answer(request)
            }
        )
        #expect(try await store.change(StoreBench.announce("mine")).answer == 2)
        #expect(table.ledger?.jobs.count == 2)
        #expect(table.ledger?.version == 2)
    }

    @Test("what writing takes is told, and apart from it what was in vain")
    func cost() async throws {
        let meter = LedgerMeter()
        let other = try bench.store(bench.honest())
        let store = try bench.store(
            FakeHTTP { [table] request, number in
                if request.isWrite, number == 2 {
                    _ = try? await other.change(StoreBench.announce("other"))
                }
                return table.answer(request)
            },
            meter: meter
        )
        _ = try await store.change(StoreBench.announce("mine"))
        // In a transaction each of two small items takes two units; the other's were as many.
        #expect(meter.take() == LedgerMeter.Reading(conflicts: 1, writeUnits: 4))
        #expect(table.writeUnits == 4 + 4 + 4)
        #expect(meter.take() == LedgerMeter.Reading())
        let job = try #require(Job(id: "run-1", type: "plan"))
        let entry = Ledger.JobEntry(at: WallTime(milliseconds: 1))
        _ = try await store.write(JobWrite(job, from: nil, to: entry))
        _ = try await store.write(JobWrite(job, from: nil, to: entry))
        #expect(meter.take() == LedgerMeter.Reading(conflicts: 1, writeUnits: 1))
    }

    @Test(
        "a write whose cost is not told as documented has been made all the same",
        arguments: [
            (#"{"ConsumedCapacity":"odd"}"#, 0),
            (#"{"ConsumedCapacity":{"CapacityUnits":"1"}}"#, 0),
            (#"{"ConsumedCapacity":null}"#, 0),
            (#"{"ConsumedCapacity":["odd",{"CapacityUnits":2},{"CapacityUnits":0.5}]}"#, 2.5),
        ]
    )
    func oddCost(_ answer: String, _ units: Double) async throws {
        let meter = LedgerMeter()
        let store = try bench.store(
            FakeHTTP { [table] request, _ in
                let real = table.answer(request)
                return request.isWrite ? .json(answer) : real
            },
            meter: meter
        )
        let job = try #require(Job(id: "run-1", type: "plan"))
        let entry = Ledger.JobEntry(at: WallTime(milliseconds: 1))
        let written = try await store.write(JobWrite(job, from: nil, to: entry))
        #expect(written == .written(over: nil))
        #expect(meter.take() == LedgerMeter.Reading(writeUnits: units))
    }

    @Test(
        "a write that another one was in the way of has done nothing, and is run again",
        arguments: [
            FakeTable.cancelled("None", "TransactionConflict"),
            FakeTable.cancelled("ConditionalCheckFailed", "None"),
            FakeTable.cancelled("ThrottlingError", "None"),
            .json(#"{"__type":"TransactionConflictException"}"#, status: 400),
        ]
    )
    func conflict(refusal: HTTPResponse) async throws {
        let http = FakeHTTP { [table] request, number in
            number == 2 ? refusal : table.answer(request)
        }
        #expect(try await bench.store(http).change(StoreBench.announce("a")).answer == 1)
        #expect(table.ledger?.version == 1)
    }

    @Test("a write whose answer was lost is found by its mark, and not made twice")
    func lostAnswerWritten() async throws {
        let runs = Mutex(0)
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            let response = table.answer(request)
            if number == 2 { throw .lostAnswer }
            return response
        }
        let (answer, snapshot) = try await bench.store(http).change { ledger, _ in
            ledger.size += 1
            return runs.withLock {
                $0 += 1
                return $0
            }
        }
        #expect(answer == 1)
        #expect(snapshot.ledger.size == 1)
        #expect(table.ledger == snapshot.ledger)
        #expect(http.requests.filter(\.isWrite).count == 1)
    }

    @Test("a write that was lost on its way is made again")
    func lostOnTheWay() async throws {
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            if number == 2 { throw .lostAnswer }
            return table.answer(request)
        }
        let (_, snapshot) = try await bench.store(http).change { ledger, _ in ledger.size += 1 }
        #expect(snapshot.ledger.size == 1)
        #expect(table.ledger == snapshot.ledger)
        #expect(http.requests.filter(\.isWrite).count == 2)
    }

    @Test("a write that arrives late, after its repetition was sent, counts once")
    func lateWrite() async throws {
        let late = Mutex<HTTPRequest?>(nil)
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            if request.isWrite {
                if number == 2 {
                    late.withLock { $0 = request }
                    throw .lostAnswer
                }
                if let first = late.withLock({ $0.take() }) { _ = table.answer(first) }
            }
            return table.answer(request)
        }
        let (_, snapshot) = try await bench.store(http).change { ledger, _ in ledger.size += 1 }
        #expect(snapshot.ledger.size == 1)
        #expect(table.ledger == Ledger(version: 1, size: 1, moves: 1, lastRaise: 1))
    }

    @Test("a write that its own transport repeated is no lost race")
    func repeatedByTransport() async throws {
        let http = FakeHTTP { [table] request, _ in
            if request.isWrite { _ = table.answer(request) }
            return table.answer(request)
        }
        let (_, snapshot) = try await bench.store(http).change { ledger, _ in ledger.size += 1 }
        #expect(snapshot.ledger == Ledger(version: 1, size: 1, moves: 1, lastRaise: 1))
        #expect(table.ledger == snapshot.ledger)
    }

    @Test("what nobody can tell is unclear, and says so")
    func unclear() async throws {
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            guard number == 1 else { throw .lostAnswer }
            return table.answer(request)
        }
        let store = try bench.store(http)
        let failure = await failing { () throws(LedgerFailure) in
            _ = try await store.change(StoreBench.announce("a"))
        }
        guard case .unclear(.call) = failure else {
            Issue.record("not unclear: \(String(describing: failure))")
            return
        }
    }

    @Test("a write that was refused or never sent leaves the ledger unchanged")
    func refusedWrite() async throws {
        for status in [400, 0] {
            let http = FakeHTTP { [table] request, _ throws(HTTPFailure) in
                guard request.isWrite else { return table.answer(request) }
                if status == 0 { throw .notConnected }
                return .json(#"{"__type":"ValidationException"}"#, status: status)
            }
            let store = try bench.store(http)
            let failure = await failing { () throws(LedgerFailure) in
                _ = try await store.change(StoreBench.announce("a"))
            }
            guard case .unchanged(.call) = failure else {
                Issue.record("not unchanged: \(String(describing: failure))")
                continue
            }
        }
    }

    @Test("races that are lost for ever end, with nothing written")
    func contention() async throws {
        let http = FakeHTTP { [table] request, _ in
            request.isWrite
                ? FakeTable.cancelled("ConditionalCheckFailed", "None") : table.answer(request)
        }
        let store = try bench.store(http)
        let failure = await failing { () throws(LedgerFailure) in
            _ = try await store.change(StoreBench.announce("a"))
        }
        let attempts = LedgerChange<Int, String>.maximumAttempts
        #expect(failure == .unchanged(.contention(attempts: attempts)))
        #expect(http.requests.filter(\.isWrite).count == attempts)
        #expect(bench.time.slept.allSatisfy { $0 <= .milliseconds(500) })
    }

    @Test(
        "a newer, a malformed and an unreadable item are refused and never overwritten",
        arguments: [
            ("ledger", ["format": .number("2")]),
            ("ledger", ["format": .number("1"), "version": .number("-1")]),
            ("job/run-1/plan", ["task": .string("t")]),
            ("job/run-1", ["at": .number("1")]),
            ("limits", ["max_count": .string("4")]),
        ] as [(String, Item)]
    )
    func refusedItem(sortKey: String, item: Item) async throws {
        table[sortKey] = item
        let http = bench.honest()
        let store = try bench.store(http)
        let failure = await failing { () throws(LedgerFailure) in
            _ = try await store.change(StoreBench.announce("a"))
        }
        guard case .refused = failure else {
            Issue.record("not refused: \(String(describing: failure))")
            return
        }
        #expect(table[sortKey] == item)
        #expect(!http.requests.contains { $0.isWrite })
    }
}
