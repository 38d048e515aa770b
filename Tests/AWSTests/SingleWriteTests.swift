import Curl
import Decisions
import InMemoryPorts
import Ports
import Testing

@testable import AWS

@Suite("The ledger store: single writes")
struct SingleWriteTests {
    let bench = StoreBench()
    var table: FakeTable { bench.table }

    private static let waiting = Ledger.JobEntry(at: WallTime(milliseconds: 1))
    private static func held(by task: String) -> Ledger.JobEntry {
        .init(at: WallTime(milliseconds: 2), task: TaskID(task), isFirst: true)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let old: Ledger.JobEntry?
        let new: Ledger.JobEntry?
        /// What may be there for the write to be made.
        let fits: [Ledger.JobEntry?]
    }

    static let cases = [
        Case(testDescription: "announce", old: nil, new: waiting, fits: [nil]),
        Case(testDescription: "take", old: waiting, new: held(by: "t"), fits: [waiting]),
        Case(testDescription: "end", old: held(by: "t"), new: nil, fits: [held(by: "t")]),
        Case(testDescription: "drop", old: waiting, new: nil, fits: [nil, waiting]),
    ]

    @Test(
        "a job's item is written where the same task has it as before, and only there",
        arguments: cases
    )
    func jobs(each: Case) async throws {
        let job = try #require(Job(id: "run-1", type: "plan"))
        let store = try bench.store(bench.honest())
        for there in [nil, Self.waiting, Self.held(by: "t"), Self.held(by: "u")] {
            table["job/run-1/plan"] = there.map(JobItem.encode)
            let answer = try await store.write(JobWrite(job, from: each.old, to: each.new))
            let isMade = answer.isMade
            if isMade { #expect(answer == .written(over: there)) }
            #expect(isMade == each.fits.contains(there), "\(String(describing: there))")
            let after = isMade ? each.new : there
            #expect(table["job/run-1/plan"] == after.map(JobItem.encode))
        }
    }

    @Test(
        "a job's write that is not answered is sent again, and one that is not heard of is unclear"
    )
    func lostAnswers() async throws {
        let job = try #require(Job(id: "run-1", type: "plan"))
        let write = JobWrite(job, from: nil, to: Self.waiting)
        let once = FakeHTTP { [table] request, number throws(HTTPFailure) in
            let response = table.answer(request)
            if number == 1 { throw .lostAnswer }
            return response
        }
        // The repetition finds the job that the first one has put.
        #expect(try await bench.store(once).write(write) == .otherwise)
        #expect(table["job/run-1/plan"] == JobItem.encode(Self.waiting))
        let never = FakeHTTP { _, _ throws(HTTPFailure) in throw .lostAnswer }
        let store = try bench.store(never)
        let failure = await failing { () throws(LedgerFailure) in _ = try await store.write(write) }
        guard case .unclear(.call) = failure else {
            Issue.record("not unclear: \(String(describing: failure))")
            return
        }
    }

    // MARK: Raising

    private let now = WallTime(milliseconds: 1_000_000)

    @Test("a first raise makes the ledger, which no task has adopted")
    func firstRaise() async throws {
        let store = try bench.store(bench.honest())
        let (isBooked, counted) = try await store.raise(to: 2, over: 0, bookingAt: now)
        #expect(isBooked)
        let expected = Ledger(
            version: 1,
            size: 2,
            isAdopted: false,
            moves: 1,
            lastRaise: 1,
            projectedAt: now
        )
        #expect(counted == expected)
        #expect(table.ledger == expected)
    }

    @Test("a raise is made over the version that was read, where the size is below, and counted")
    func raises() async throws {
        table.ledger = Ledger(version: 3, size: 2)
        let store = try bench.store(bench.honest())
        for (size, version) in [(3, 2), (3, 4), (3, 0), (2, 3), (1, 3)] {
            let (isBooked, counted) = try await store.raise(to: size, over: version, bookingAt: now)
            #expect(!isBooked && counted == Ledger(version: 3, size: 2), "\(size) over \(version)")
        }
        let raised = try await store.raise(to: 5, over: 3, bookingAt: nil)
        #expect(raised == (false, Ledger(version: 3, size: 5, moves: 1, lastRaise: 1)))
        #expect(table.ledger == raised.counted)
    }

    @Test("a raise beside another booking is made all the same, and books nothing")
    func raiseBesideBooking() async throws {
        let ledger = Ledger(version: 3, size: 2, projectedAt: now)
        table.ledger = ledger
        let store = try bench.store(bench.honest())
        let later = now.advanced(by: .milliseconds(100))
        let raised = try await store.raise(to: 5, over: 3, bookingAt: later)
        #expect(!raised.isBooked)
        #expect(
            raised.counted == Ledger(version: 3, size: 5, moves: 1, lastRaise: 1, projectedAt: now)
        )
    }

    @Test("a raise whose answer was lost is not counted twice")
    func raiseLostAnswer() async throws {
        table.ledger = Ledger(version: 3, size: 2)
        let http = FakeHTTP { [table] request, number throws(HTTPFailure) in
            let response = table.answer(request)
            if number == 1 { throw .lostAnswer }
            return response
        }
        let raised = try await bench.store(http).raise(to: 5, over: 3, bookingAt: now)
        let expected = Ledger(version: 3, size: 5, moves: 1, lastRaise: 1, projectedAt: now)
        #expect(raised.counted == expected && table.ledger == expected)
    }

    @Test("a raise over a change that was decided without it makes that change be decided again")
    func raiseBeforeChange() async throws {
        table.ledger = Ledger(version: 3, size: 1)
        let endpoint = try bench.store(bench.honest())
        let http = FakeHTTP { [table] request, number in
            if number == 2 { _ = try? await endpoint.raise(to: 2, over: 3, bookingAt: nil) }
            return table.answer(request)
        }
        let (before, snapshot) = try await bench.store(http).change { ledger, _ in
            defer { ledger.size += 1 }
            return ledger.size
        }
        #expect(before == 2)
        #expect(snapshot.ledger == Ledger(version: 4, size: 3, moves: 2, lastRaise: 2))
    }

    // MARK: Booking

    @Test("nobody books or notes in a table without a ledger, or one would begin with half of it")
    func noLedger() async throws {
        let store = try bench.store(bench.honest())
        let booked = try await store.book(at: now)
        #expect(booked == (.zero, Ledger()))
        #expect(try await store.note(followed: 4, after: 0) == (false, Ledger()))
        #expect(table.sortKeys == [])
    }

    /// Notes what is followed, where the one before must still be noted.
    struct Note: Sendable {
        let moves: Int
        let before: Int
        let isNoted: Bool
        let followed: Int

        static let all = [
            Note(moves: 2, before: 1, isNoted: false, followed: 0),
            Note(moves: 2, before: 0, isNoted: true, followed: 2),
            // It may be another one's, of an update that this one overtook.
            Note(moves: 2, before: 0, isNoted: false, followed: 2),
            Note(moves: 3, before: 0, isNoted: false, followed: 2),
            Note(moves: 5, before: 2, isNoted: true, followed: 5),
            Note(moves: 5, before: 2, isNoted: false, followed: 5),
            Note(moves: 4, before: 2, isNoted: false, followed: 5),
        ]
    }

    @Test("what was followed is noted where nobody else has noted since, and no more is changed")
    func notes() async throws {
        table.ledger = Ledger(version: 3, size: 2, moves: 5)
        let store = try bench.store(bench.honest())
        for (number, note) in Note.all.enumerated() {
            let answer = try await store.note(followed: note.moves, after: note.before)
            #expect(answer.isNoted == note.isNoted, "note \(number)")
            #expect(answer.counted.followed == note.followed, "note \(number)")
        }
        #expect(table.ledger == Ledger(version: 3, size: 2, moves: 5, followed: 5))
    }

    @Test("an item of what is counted that is not understood is refused by each of them")
    func refused() async throws {
        table["ledger"] = ["format": .number("2"), "version": .number("3"), "size": .number("1")]
        let store = try bench.store(bench.honest())
        let failures = [
            await failing { () throws(LedgerFailure) in _ = try await store.counted() },
            await failing { () throws(LedgerFailure) in
                _ = try await store.raise(to: 0, over: 3, bookingAt: now)
            },
        ]
        #expect(failures.allSatisfy { $0 == .refused("\(ItemFault.newerFormat(2))") })
    }
}
