import Decisions
import Seeded
import Testing

/// ECS's list of tasks costs every idle agent a call a minute, so it is asked for only where it can
/// change the answer.
@Suite("Need of ECS's list of tasks")
struct ListNeedTests {
    private static let now = WallTime(milliseconds: 1_800_000_000_000)
    private static let old = now.advanced(by: .seconds(-3_000))
    private let task = TaskID("idle")

    private func limits(_ desired: Int, spare: Int = 0) throws -> Limits {
        try #require(Limits(desiredCount: desired, maxCount: 10, spareCount: spare))
    }

    /// Asks without a list, as a sidecar does first.
    private func needsList(
        _ ledger: Ledger,
        _ limits: Limits,
        aboveSize: Duration = .zero
    ) -> Bool {
        var ledger = ledger
        let operation = LedgerOperation.reserve(aboveSize: aboveSize)
        let report = ledger.apply(
            operation,
            of: task,
            live: nil,
            finished: [],
            patience: nil,
            at: Self.now,
            limits
        )
        return operation.needsList(after: report, of: task, ledger, at: Self.now, limits)
    }

    private func job(_ id: String) throws -> Job { try #require(Job(id: id, type: "plan")) }

    @Test("an agent of the floor needs none, whatever works beside it")
    func floor() throws {
        #expect(try !needsList(Ledger(version: 1, size: 2), limits(2)))
        let job = try job("run-1")
        let busy = Ledger(
            version: 1,
            size: 2,
            jobs: [job: .init(at: Self.old, task: TaskID("other"))]
        )
        #expect(try !needsList(busy, limits(2)))
    }

    @Test("an agent that may leave needs none")
    func surplus() throws {
        #expect(try !needsList(Ledger(version: 1, size: 3), limits(2), aboveSize: .seconds(400)))
    }

    @Test("where more tasks run than belong, the list tells whether this is one of them")
    func above() throws {
        let ledger = Ledger(version: 1, size: 2)
        #expect(try needsList(ledger, limits(2), aboveSize: .seconds(1)))
    }

    @Test("a job that may be of a dead task needs it once it keeps an agent")
    func deadJob() throws {
        let job = try job("run-1")
        var ledger = Ledger(
            version: 1,
            size: 2,
            jobs: [job: .init(at: Self.old, task: TaskID("dead"))]
        )
        #expect(try needsList(ledger, limits(0, spare: 1)))
        // Younger than the list may lag.
        ledger.jobs[job]?.at = Self.now
        #expect(try !needsList(ledger, limits(0, spare: 1)))
    }

    @Test("an exposed task that may be dead needs it once it keeps an agent")
    func deadExposure() throws {
        var ledger = Ledger(version: 1, size: 2)
        ledger.exposed[TaskID("dead")] = .init(since: Self.old)
        #expect(try needsList(ledger, limits(1)))
        ledger.exposed[TaskID("dead")] = .init(since: Self.now)
        #expect(try !needsList(ledger, limits(1)))
    }

    @Test("a reservation of a task that may be dead needs it once it keeps an agent")
    func deadReservation() throws {
        var ledger = Ledger(version: 1, size: 2)
        ledger.leaving[TaskID("dead")] = .init(since: Self.old, kind: .surplus)
        #expect(try needsList(ledger, limits(1)))
        ledger.leaving[TaskID("dead")] = .init(since: Self.now, kind: .surplus)
        #expect(try !needsList(ledger, limits(1)))
    }

    @Test("where it is not needed, no list would let the agent leave")
    func neverMissed() throws {
        var random = SeededRandom(seed: 41)
        var (needed, notNeeded, freed) = (0, 0, 0)
        for _ in 0..<20_000 {
            let limits = try limits(
                .random(in: 0...3, using: &random),
                spare: .random(in: 0...1, using: &random)
            )
            let others = (0..<4).map { TaskID("t\($0)") }
            let time = { (random: inout SeededRandom) in
                Bool.random(using: &random) ? Self.old : Self.now
            }
            var ledger = Ledger(version: 1, size: .random(in: 0...5, using: &random))
            for number in 0..<Int.random(in: 0...3, using: &random) {
                let holder =
                    Bool.random(using: &random) ? others.randomElement(using: &random) : nil
                ledger.jobs[try job("run-\(number)")] = .init(at: time(&random), task: holder)
            }
            for other in others where Int.random(in: 0..<4, using: &random) == 0 {
                let kind = Ledger.LeaveKind.allCases.randomElement(using: &random) ?? .stray
                ledger.leaving[other] = .init(since: time(&random), kind: kind)
            }
            for other in others where Int.random(in: 0..<6, using: &random) == 0 {
                ledger.exposed[other] = .init(since: time(&random))
            }
            guard ledger.staying >= 0 else { continue }
            var live: Set<TaskID> = [task]
            for other in others where Bool.random(using: &random) { live.insert(other) }
            let first = apply(&ledger, live: nil, limits)
            guard case .reserve(.refused) = first else { continue }
            let operation = LedgerOperation.reserve(aboveSize: .zero)
            let isNeeded = operation.needsList(after: first, of: task, ledger, at: Self.now, limits)
            if isNeeded { needed += 1 } else { notNeeded += 1 }
            if case .reserve(.granted) = apply(&ledger, live: live, limits) {
                freed += 1
                #expect(isNeeded, "\(ledger)")
            }
        }
        #expect(needed > 500 && notNeeded > 500 && freed > 100)
    }

    private func apply(_ ledger: inout Ledger, live: Set<TaskID>?, _ limits: Limits) -> LedgerReport
    {
        ledger.apply(
            .reserve(aboveSize: .zero),
            of: task,
            live: live,
            finished: [],
            patience: nil,
            at: Self.now,
            limits
        )
    }
}
