import Curl
import Decisions
import Peers
import InMemoryPorts
import Ports
import Testing

@testable import AWS

/// Conditions that DynamoDB judges, where the decisions say when they hold.
@Suite("Raising, booking and departing, against moto's server")
struct MotoCountingTests {
    private static let now = WallTime(milliseconds: 1_700_000_000_000)

    /// A ledger with a booking, in a service of its own.
    private func booked(
        _ stack: MotoTests.Stack,
        _ service: String,
        _ ago: Int?
    ) async throws -> DynamoDBLedgerStore {
        let store = try await stack.store(service)
        _ = try await store.change { ledger, _ in ledger.size = 1 }
        if let ago {
            let at = Self.now.advanced(by: .milliseconds(-ago))
            #expect(try await store.book(at: at).wait == nil)
        }
        return store
    }

    /// Milliseconds by which a booking lies back, around the bounds of those in the way.
    private static let ages: [Int?] = [
        nil, -1_000, -251, -250, -249, -1, 0, 1, 249, 250, 251, 1_000,
    ]

    @Test("an update is booked exactly where no other booking is in the way", arguments: ages)
    func books(ago: Int?) async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let store = try await booked(stack, "books-\(ago ?? -9_999)", ago)
        let expected = try await store.counted().bookingWait(at: Self.now)
        let (wait, counted) = try await store.book(at: Self.now)
        #expect(wait == expected)
        #expect((counted.projectedAt == Self.now) == (wait == nil || ago == 0))
        #expect(try await store.counted() == counted)
    }

    @Test("a raise books exactly where no other booking is in the way", arguments: ages)
    func raiseBooks(ago: Int?) async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let store = try await booked(stack, "raise-books-\(ago ?? -9_999)", ago)
        let before = try await store.counted()
        let isFree = before.bookingWait(at: Self.now) == nil
        let raise = try await store.raise(to: 4, over: before.version, bookingAt: Self.now)
        #expect(raise.isBooked == isFree)
        var expected = before
        (expected.size, expected.moves, expected.lastRaise) = (4, 2, 2)
        if isFree { expected.projectedAt = Self.now }
        #expect(raise.counted == expected)
        #expect(try await store.counted() == expected)
    }

    @Test("twenty raises at once book one update, and one of them is made")
    func manyRaises() async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let store = try await booked(stack, "many-raises", nil)
        let booked = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await store.raise(to: 9, over: 1, bookingAt: Self.now).isBooked
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(booked == 1)
        let counted = try await store.counted()
        #expect(counted.size == 9 && counted.moves == 2 && counted.version == 1)
    }

    @Test("what was followed is noted where nobody else has since, and not without a ledger")
    func notes() async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let store = try await stack.store("notes")
        #expect(try await store.note(followed: 2, after: 0) == (false, Ledger()))
        #expect(try await store.book(at: Self.now) == (.zero, Ledger()))
        #expect(try await store.read().ledger == Ledger())
        _ = try await store.change { ledger, _ in ledger.size = 1 }
        for (number, note) in SingleWriteTests.Note.all.enumerated() {
            let answer = try await store.note(followed: note.moves, after: note.before)
            #expect(answer.isNoted == note.isNoted, "note \(number)")
            #expect(answer.counted.followed == note.followed, "note \(number)")
        }
    }

    @Test("a job's item is written where the same task has it as before, and only there")
    func jobs() async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let store = try await stack.store("jobs")
        let job = try #require(Job(id: "run-1", type: "plan"))
        let waiting = Ledger.JobEntry(at: WallTime(milliseconds: 1))
        let ours = Ledger.JobEntry(at: WallTime(milliseconds: 2), task: TaskID("t"))
        let theirs = Ledger.JobEntry(at: WallTime(milliseconds: 3), task: TaskID("u"))
        let steps: [(JobWrite, Bool)] = [
            (JobWrite(job, from: waiting, to: ours), false),
            (JobWrite(job, from: ours, to: nil), false),
            (JobWrite(job, from: waiting, to: nil), true),
            (JobWrite(job, from: nil, to: waiting), true),
            (JobWrite(job, from: nil, to: waiting), false),
            (JobWrite(job, from: waiting, to: ours), true),
            (JobWrite(job, from: waiting, to: theirs), false),
            (JobWrite(job, from: waiting, to: nil), false),
            (JobWrite(job, from: theirs, to: nil), false),
            (JobWrite(job, from: ours, to: nil), true),
        ]
        for (number, (write, isMade)) in steps.enumerated() {
            #expect(try await store.write(write).isMade == isMade, "step \(number)")
        }
        #expect(try await store.read().ledger.jobs == [:])
    }

    @Test("twelve departures of one task at once lower once")
    func departures() async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let store = try await stack.store("departures")
        _ = try await store.change { ledger, _ in ledger.size = 12 }
        let answers = try await withThrowingTaskGroup(of: Departure.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    try await store.change { ledger, limits in
                        ledger.depart(TaskID("t"), at: .now(), limits)
                    }.answer
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count { $0 == .retired } == 1)
        #expect(answers.allSatisfy { $0 == .retired || $0 == .bookedBefore })
        #expect(try await store.read().ledger.size == 11)
    }
}
