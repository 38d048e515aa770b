import Curl
import Decisions
import Ports
import Synchronization
import Testing

@testable import AWS

@Suite("The ledger store: departures")
struct DepartureTests {
    let bench = StoreBench()
    var table: FakeTable { bench.table }

    private static let task = TaskID("t")

    private static func depart(_ store: DynamoDBLedgerStore) async throws -> Departure {
        try await store.change { ledger, limits in
            ledger.depart(task, at: WallTime(milliseconds: 9), limits)
        }.answer
    }

    /// When the other departure of the same task comes.
    enum Order: CaseIterable {
        case afterTheFirst
        case betweenReadingAndWriting
        /// The first one's write was made, and its answer lost.
        case afterALostAnswer
        /// The first one's write is still on its way, and arrives after the other.
        case beforeALateWrite
    }

    @Test("two departures of one task, in any order, lower once", arguments: Order.allCases)
    func twice(order: Order) async throws {
        table.ledger = Ledger(version: 3, size: 3)
        let other = try bench.store(bench.honest())
        let answers = Mutex<[Departure]>([])
        let late = Mutex<HTTPRequest?>(nil)
        let departsElsewhere: @Sendable () async -> Void = {
            guard let answer = try? await Self.depart(other) else { return }
            answers.withLock { $0.append(answer) }
        }
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            switch (order, number) {
            case (.betweenReadingAndWriting, 2): await departsElsewhere()
            case (.afterALostAnswer, 2):
                _ = table.answer(request)
                await departsElsewhere()
                throw .lostAnswer
            case (.beforeALateWrite, 2):
                late.withLock { $0 = request }
                await departsElsewhere()
                throw .lostAnswer
            case (.beforeALateWrite, _):
                if let first = late.withLock({ $0.take() }) { _ = table.answer(first) }
            default: break
            }
            return table.answer(request)
        }
        let answer = try await Self.depart(try bench.store(http))
        if order == .afterTheFirst { await departsElsewhere() }
        let both = answers.withLock { $0 } + [answer]
        #expect(Set(both) == [.retired, .bookedBefore] && both.count == 2)
        #expect(table.ledger == Ledger(version: 4, size: 2, moves: 1))
        #expect(table.departed(Self.task)?.kind == .retired)
    }

    @Test(
        "a departure whose answer was lost is found by its mark, or by its task's item",
        arguments: [false, true]
    )
    func lostAnswer(isWrittenOver: Bool) async throws {
        table.ledger = Ledger(version: 3, size: 3)
        let other = try bench.store(bench.honest())
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            let response = table.answer(request)
            guard number == 2 else { return response }
            if isWrittenOver {
                _ = try? await other.change { ledger, limits in
                    ledger.expose(TaskID("u"), at: WallTime(milliseconds: 1), limits)
                }
            }
            throw .lostAnswer
        }
        let answer = try await Self.depart(try bench.store(http))
        #expect(answer == (isWrittenOver ? .bookedBefore : .retired))
        #expect(table.ledger?.size == 2)
        #expect(http.requests.filter(\.isWrite).count == 1)
    }

    @Test("a departure that was lost on its way is made again, once")
    func lostOnTheWay() async throws {
        table.ledger = Ledger(version: 3, size: 3)
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            if number == 2 { throw .lostAnswer }
            return table.answer(request)
        }
        #expect(try await Self.depart(try bench.store(http)) == .retired)
        #expect(table.ledger == Ledger(version: 4, size: 2, moves: 1))
    }

    @Test("size and task are written in one transaction: without the one there is not the other")
    func together() async throws {
        table.ledger = Ledger(version: 3, size: 3)
        let http = bench.honest()
        _ = try await Self.depart(try bench.store(http))
        let writes = http.requests.filter(\.isWrite)
        #expect(writes.map(\.operation) == ["TransactWriteItems"])
    }

    @Test("an item of a departed task is deleted by DynamoDB an hour after it at the earliest")
    func expires() {
        let item = DepartedItem.encode(.init(at: WallTime(milliseconds: 7_000), kind: .retired))
        #expect(item["expires"] == .number("3607"))
    }

    // MARK: The second look

    private func announced(_ job: Job) -> JobWrite {
        JobWrite(job, from: nil, to: .init(at: WallTime(milliseconds: 8)))
    }

    @Test("a job announced between a departure's reading and its write has its agent after it")
    func secondLook() async throws {
        let job = try #require(Job(id: "run-1", type: "plan"))
        table.ledger = Ledger(version: 3, size: 1)
        let endpoint = try bench.store(bench.honest())
        let http = FakeHTTP { [table, announced] request, number in
            if number == 2 {
                _ = try? await endpoint.write(announced(job))
                // The endpoint reads one agent for its one job, and has nothing to raise.
                #expect(table.ledger?.size == 1)
            }
            return table.answer(request)
        }
        let (answer, snapshot) = try await bench.store(http).change { ledger, limits in
            ledger.depart(Self.task, at: WallTime(milliseconds: 9), limits)
        }
        #expect(answer == .retired)
        #expect(snapshot.ledger.size == 1 && snapshot.ledger.jobs.count == 1)
        #expect(table.ledger?.size == 1 && table.ledger?.lastRaise == 2)
    }

    @Test("a departure stays booked although the jobs cannot be looked at once more")
    func noSecondLook() async throws {
        table.ledger = Ledger(version: 3, size: 3)
        let http = FakeHTTP { [table] request, number in
            number == 3
                ? .json(#"{"__type":"ValidationException"}"#, status: 400) : table.answer(request)
        }
        #expect(try await Self.depart(try bench.store(http)) == .retired)
        #expect(table.ledger == Ledger(version: 4, size: 2, moves: 1))
    }

    @Test("a write that lowers nothing and adds no job is not followed by a look")
    func noLookNeeded() async throws {
        table.ledger = Ledger(version: 3, size: 3)
        let http = bench.honest()
        _ = try await bench.store(http).change { ledger, limits in
            ledger.expose(TaskID("a"), at: WallTime(milliseconds: 1), limits)
        }
        #expect(http.requests.last?.isWrite == true)
    }

    @Test("a job that nobody had announced is looked at once more")
    func looksAfterOwnJob() async throws {
        table.ledger = Ledger(version: 3, size: 3)
        let http = bench.honest()
        _ = try await bench.store(http).change(StoreBench.announce("a"))
        #expect(http.requests.last?.isWrite == false)
    }
}
