import Decisions
import Testing

private let now = WallTime(milliseconds: 1_000_000_000)
private let task = TaskID("a")
private func job(_ key: String) throws -> Job { try #require(Job(key: key)) }
private func limits(_ desired: Int, _ max: Int) throws -> Limits {
    try #require(Limits(desiredCount: desired, maxCount: max, spareCount: 0))
}

@Suite("Ledger, jobs that a later one closes")
struct LedgerClosingTests {
    @Test(
        "a pre_apply closes its run's plan unless an agent holds it, and nothing of another run",
        arguments: [
            (waiting: ["run-1/plan"], held: [], left: ["run-1/apply"]),
            (waiting: [], held: ["run-1/plan"], left: ["run-1/apply", "run-1/plan"]),
            (waiting: [], held: [], left: ["run-1/apply"]),
            (waiting: ["run-2/plan"], held: [], left: ["run-1/apply", "run-2/plan"]),
            (waiting: ["run-1/apply"], held: [], left: ["run-1/apply"]),
            (
                waiting: ["run-1/plan", "run-2/plan"], held: ["run-1/apply"],
                left: ["run-1/apply", "run-2/plan"]
            ),
        ] as [(waiting: [String], held: [String], left: [String])]
    )
    func closes(waiting: [String], held: [String], left: [String]) throws {
        let limits = try limits(0, 9)
        var ledger = Ledger()
        for key in waiting { ledger.announce(try job(key), at: now, limits) }
        for key in held { ledger.report(task, try job(key), at: now, limits) }
        ledger.close([try job("run-1/plan")])
        ledger.announce(try job("run-1/apply"), at: now, limits)
        #expect(ledger.jobs.keys.map(\.key).sorted() == left)
    }

    @Test("the apply takes over the agent that its plan asked for; the size stays")
    func sizeStays() throws {
        let limits = try limits(0, 9)
        var ledger = Ledger()
        ledger.announce(try job("run-1/plan"), at: now, limits)
        ledger.close([try job("run-1/plan")])
        ledger.announce(try job("run-1/apply"), at: now, limits)
        #expect(ledger.size == 1)
    }

    @Test("an announcement lowers no size, even when it closes more than it adds")
    func neverLowers() throws {
        let limits = try limits(0, 9)
        var ledger = Ledger()
        for key in ["run-1/plan", "run-1/policy", "run-1/apply"] {
            ledger.announce(try job(key), at: now, limits)
        }
        ledger.close([try job("run-1/plan"), try job("run-1/policy")])
        ledger.announce(try job("run-1/apply"), at: now, limits)
        #expect(ledger.jobs.count == 1)
        #expect(ledger.size == 3)
    }

    @Test("jobs that are over end where no agent holds them, and nothing else changes")
    func closesOnly() throws {
        let limits = try limits(0, 9)
        var ledger = Ledger()
        for key in ["run-1/plan", "run-1/policy", "run-2/plan"] {
            ledger.announce(try job(key), at: now, limits)
        }
        ledger.report(task, try job("run-1/policy"), at: now, limits)
        let before = ledger
        ledger.close([try job("run-1/plan"), try job("run-1/policy"), try job("run-3/plan")])
        #expect(ledger.jobs.keys.map(\.key).sorted() == ["run-1/policy", "run-2/plan"])
        #expect(ledger.size == before.size)
        let after = ledger
        ledger.close([try job("run-1/plan"), try job("run-1/policy")])
        #expect(ledger == after)
    }

    @Test("limits that were raised meanwhile raise the size, and lowered ones leave it")
    func uphold() throws {
        var ledger = Ledger(size: 1)
        ledger.uphold(try limits(4, 9), at: now)
        #expect(ledger.size == 4)
        ledger.uphold(try limits(0, 2), at: now)
        #expect(ledger.size == 4)
    }
}
