import Decisions
import Ports
import Telemetry
import Testing

@testable import ScaleUp

@Suite("Pool gauges")
struct PoolGaugesTests {
    private let now = WallTime(milliseconds: 1_700_000_000_000)

    private func gauges(
        _ ledger: Ledger,
        running: Int,
        _ repair: SweepOutcome.Repair,
        maxCount: Int = 10
    ) throws -> PoolGauges {
        let limits = try #require(Limits(desiredCount: 0, maxCount: maxCount, spareCount: 0))
        return PoolGauges(
            LedgerSnapshot(ledger: ledger, limits: limits),
            ServiceCounts(desired: ledger.size, running: running, pending: 0),
            repair,
            at: now
        )
    }

    private func ledger(size: Int, waiting: [Int] = [], busy: Int = 0) throws -> Ledger {
        var ledger = Ledger(version: 1, size: size)
        for (number, age) in waiting.enumerated() {
            let job = try #require(Job(id: "run-\(number)", type: "plan"))
            ledger.jobs[job] = Ledger.JobEntry(at: now.advanced(by: .seconds(-age)))
        }
        for number in 0..<busy {
            let job = try #require(Job(id: "run-\(number)", type: "apply"))
            ledger.jobs[job] = Ledger.JobEntry(at: now, task: TaskID("t\(number)"))
        }
        return ledger
    }

    @Test("agents are counted by what they do, and jobs by who waits")
    func counts() throws {
        let found = try gauges(
            ledger(size: 5, waiting: [30, 400], busy: 2),
            running: 3,
            .agreed(size: 5),
            maxCount: 3
        )
        #expect(found.measured[.agentsWanted] == 5)
        #expect(found.measured[.agentsBusy] == 2)
        #expect(found.measured[.agentsIdle] == 1)
        #expect(found.measured[.agentsStarting] == 2)
        #expect(found.measured[.jobsWaiting] == 2)
        #expect(found.measured[.oldestWaitingJob] == 400)
        #expect(found.measured[.jobsBeyondMax] == 1)
        #expect(found.measured[.serviceAway] == 0)
    }

    @Test("the service is away while it is held, or could not be written")
    func away() throws {
        let book = try ledger(size: 2)
        let held = SweepOutcome.Repair.held(.exposed(TaskID("t")), desired: 5, size: 2)
        #expect(try gauges(book, running: 5, held).measured[.serviceAway] == 3)
        let counts = ServiceCounts(desired: 4, running: 4, pending: 0)
        let limits = try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
        let failed = PoolGauges(
            LedgerSnapshot(ledger: book, limits: limits),
            counts,
            .failed("no"),
            at: now
        )
        #expect(failed.measured[.serviceAway] == 2)
    }

    @Test("a pool that rests costs one metric: that there was a sweep")
    func rest() throws {
        let quiet = SweepOutcome(
            repair: .agreed(size: 0),
            search: .notMade,
            limitsFault: nil,
            gauges: try gauges(ledger(size: 0), running: 0, .agreed(size: 0)),
            failedStarts: []
        )
        let record = quiet.record(after: .milliseconds(20))
        #expect(record.measured == [.sweeps: 1] && record.level == .debug)
    }

    @Test("a sweep that could not do everything is counted as that, and says it")
    func failed() {
        let outcome = SweepOutcome(repair: .failed("no"), search: .notMade)
        let record = outcome.record(after: .milliseconds(20))
        #expect(record.event == .sweptInPart && record.level == .error)
        #expect(record.measured == [.sweepsFailed: 1, .sweepDuration: 20])
    }

    @Test("a repair is counted, with all that the sweep saw")
    func repaired() throws {
        let outcome = SweepOutcome(
            repair: .repaired(from: 0, to: 1),
            search: .notMade,
            limitsFault: nil,
            gauges: try gauges(ledger(size: 1), running: 0, .repaired(from: 0, to: 1)),
            failedStarts: []
        )
        let record = outcome.record(after: .zero)
        #expect(record.level == .info)
        #expect(record.measured[.projectionRepairs] == 1 && record.measured[.sweeps] == 1)
        #expect(record.measured[.agentsStarting] == 1)
    }
}
