import Decisions
import Testing

private let now = WallTime(milliseconds: 1_000_000_000)
private func later(_ seconds: Int) -> WallTime { now.advanced(by: .seconds(seconds)) }
private func job(_ key: String) throws -> Job { try #require(Job(key: key)) }
private func limits(_ desired: Int, _ max: Int) throws -> Limits {
    try #require(Limits(desiredCount: desired, maxCount: max, spareCount: 0))
}
private let a = TaskID("a")
private let b = TaskID("b")
private let c = TaskID("c")

@Suite("Ledger, strays")
struct LedgerStrayTests {
    private let minutes = Duration.seconds(300)

    @Test("one task too many is one stray: the next one that asks stays, however soon it asks")
    func oneStray() throws {
        var ledger = Ledger(size: 1)
        let limits = try limits(1, 5)
        let listed: Set = [a, b]
        #expect(
            ledger.reserve(a, live: listed, aboveSize: minutes, at: now, limits)
                == .granted(.stray)
        )
        #expect(ledger.depart(a, at: later(2), limits) == .strayed)
        // ECS still lists the one that has left, and b saw two for as long as a did.
        #expect(
            ledger.reserve(b, live: listed, aboveSize: minutes, at: later(4), limits)
                == .refused(.needed(staying: 1, want: 1))
        )
    }

    @Test("a task that was replaced is no reason for another to leave while ECS still lists it")
    func recycledIsNoStray() throws {
        var ledger = Ledger(size: 1)
        let limits = try limits(1, 2)
        #expect(ledger.depart(a, at: now, limits) == .recycles(.needed(staying: 1, want: 1)))
        #expect(
            ledger.reserve(b, live: [a, b], aboveSize: minutes, at: later(2), limits)
                == .refused(.needed(staying: 1, want: 1))
        )
    }

    @Test("a task that ECS does not list cannot tell that it is one too many")
    func unlisted() throws {
        var ledger = Ledger(size: 1)
        #expect(
            ledger.reserve(c, live: [a, b], aboveSize: minutes, at: now, try limits(1, 5))
                == .refused(.needed(staying: 1, want: 1))
        )
    }

    @Test("where more agents work than the size counts, one that ends lowers nothing")
    func beyondSize() throws {
        var ledger = Ledger()
        let limits = try limits(0, 1)
        ledger.report(a, try job("run-1/plan"), at: now, limits)
        ledger.report(b, try job("run-2/plan"), at: now, limits)
        #expect(ledger.size == 1)
        #expect(ledger.depart(a, at: now, limits) == .strayed)
        #expect(ledger.size == 1)
        #expect(ledger.depart(b, at: now, limits) == .retired)
        #expect(ledger.size == 0)
    }
}

@Suite("Ledger, jobs that were over before their report")
struct LedgerOverTests {
    @Test("an agent that ends takes its unreported job with it")
    func departure() throws {
        var ledger = Ledger()
        let limits = try limits(0, 5)
        let plan = try job("run-1/plan")
        ledger.announce(plan, at: now, limits)
        #expect(ledger.depart(a, over: [plan], at: now, limits) == .retired)
        #expect(ledger.jobs.isEmpty && ledger.size == 0)
    }

    @Test("an agent that waits again ends its unreported job, and none of another agent")
    func report() throws {
        var ledger = Ledger()
        let limits = try limits(0, 5)
        let plan = try job("run-1/plan")
        let other = try job("run-2/plan")
        ledger.announce(plan, at: now, limits)
        ledger.report(b, other, at: now, limits)
        ledger.report(a, nil, over: [plan, other], at: now, limits)
        #expect(ledger.jobs.keys.map(\.key) == ["run-2/plan"])
    }
}

@Suite("Ledger, agents that fail to start")
struct LedgerFailedStartTests {
    private func ledger(failures: Int, _ limits: Limits, waiting: Int = 5) throws -> Ledger {
        var ledger = Ledger()
        for number in 0..<waiting {
            ledger.announce(try job("run-\(number)/plan"), at: now, limits)
        }
        for number in 0..<failures {
            _ = ledger.depart(TaskID("t\(number)"), failedStart: true, at: now, limits)
        }
        return ledger
    }

    @Test("two may be chance: the service stays as large as it is wanted")
    func tolerated() throws {
        let limits = try limits(0, 5)
        #expect(try ledger(failures: 2, limits).size == 5)
    }

    @Test("from the third on each that fails lowers the service, so that they cost cents")
    func lowers() throws {
        let limits = try limits(0, 5)
        #expect(try ledger(failures: 3, limits).size == 4)
        #expect(try ledger(failures: 7, limits).size == 0)
    }

    @Test("then one is tried at a time, with pauses that double to a quarter of an hour")
    func paced() throws {
        let limits = try limits(0, 5)
        var ledger = try ledger(failures: 7, limits)
        var starts: [Int] = []
        for minute in 1...90 {
            ledger.uphold(limits, at: later(minute * 60))
            guard ledger.size > 0 else { continue }
            #expect(ledger.size == 1)
            starts.append(minute)
            _ = ledger.depart(
                TaskID("u\(minute)"),
                failedStart: true,
                at: later(minute * 60 + 30),
                limits
            )
            #expect(ledger.size == 0)
        }
        #expect(starts.count < 10)
        #expect(starts.count > 4)
    }

    private func tell(
        _ ledger: inout Ledger,
        _ operation: LedgerOperation,
        _ limits: Limits
    ) {
        _ = ledger.apply(
            operation,
            of: a,
            live: [a],
            finished: [],
            patience: nil,
            at: later(4_000),
            limits
        )
    }

    @Test("a fresh agent that takes a job ends it, and the rest are started at once")
    func recovers() throws {
        let limits = try limits(0, 5)
        var ledger = try ledger(failures: 7, limits)
        ledger.uphold(limits, at: later(3_600))
        #expect(ledger.size == 1)
        tell(&ledger, .report(try job("run-0/plan"), isFresh: true), limits)
        #expect(ledger.size == 5 && ledger.failedStarts == nil)
    }

    @Test("a fresh agent that idles ends it too")
    func idleRecovers() throws {
        let limits = try limits(2, 5)
        var ledger = try ledger(failures: 7, limits, waiting: 0)
        ledger.uphold(limits, at: later(3_600))
        tell(&ledger, .reserve(aboveSize: .zero, isFresh: true), limits)
        #expect(ledger.size == 2 && ledger.failedStarts == nil)
    }

    @Test("an old agent that works on, or idles, says nothing of those that start now")
    func oldAgent() throws {
        let limits = try limits(2, 5)
        var ledger = try ledger(failures: 3, limits)
        tell(&ledger, .reserve(aboveSize: .zero), limits)
        tell(&ledger, .report(try job("run-0/plan")), limits)
        #expect(ledger.failedStarts?.count == 3)
    }

    @Test("an agent that ends badly at work, or idle agents beside it, are no failed start")
    func others() throws {
        let limits = try limits(0, 5)
        var ledger = Ledger()
        for number in 0..<9 {
            _ = ledger.depart(TaskID("t\(number)"), failedStart: false, at: now, limits)
        }
        ledger.announce(try job("run-1/plan"), at: now, limits)
        #expect(ledger.size == 1)
    }

    @Test("while an agent runs without protection nothing is lowered for a failed start")
    func exposed() throws {
        let limits = try limits(0, 5)
        var ledger = try ledger(failures: 2, limits)
        ledger.expose(b, at: now, limits)
        #expect(
            ledger.depart(a, failedStart: true, at: now, limits) == .recycles(.agentExposed(b))
        )
        #expect(ledger.size == 5)
    }
}

@Suite("Ledger, the end of a service")
struct LedgerEndTests {
    @Test("limits of zero raise nothing, and let every idle agent go")
    func ends() throws {
        var ledger = Ledger(size: 2)
        let limits = try limits(0, 0)
        ledger.announce(try job("run-1/plan"), at: now, limits)
        ledger.report(b, try job("run-2/plan"), at: now, limits)
        #expect(ledger.size == 2)
        #expect(
            ledger.reserve(a, live: [a, b], aboveSize: .zero, at: now, limits)
                == .granted(.surplus)
        )
        #expect(ledger.depart(a, at: now, limits) == .retired)
        #expect(ledger.depart(b, at: now, limits) == .retired)
        #expect(ledger.size == 0)
    }
}
