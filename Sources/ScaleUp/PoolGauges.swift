internal import Decisions
internal import Ports
internal import Telemetry

/// The pool as one sweep saw it: who waits, what runs, what is not as it should be.
struct PoolGauges: Hashable, Sendable {
    var wanted: Int
    /// What jobs and limits ask for; the ledger has more while somebody idle has time left.
    var asked: Int
    var busy: Int
    var idle: Int
    var starting: Int
    var leaving: Int
    var exposed: Int
    var failing: Int
    /// Announced jobs that no agent has, and the age of the oldest.
    var waiting: Int
    var oldestWait: Duration
    /// Jobs for which the ceiling leaves no agent.
    var beyondMax: Int
    /// How far the service is from the ledger, once it was made to follow.
    var away: Int

    /// - Parameters:
    ///   - snapshot: the ledger once it was tidied.
    ///   - counts: the service before it was made to follow; its counts lag.
    ///   - repair: how that ended.
    init(
        _ snapshot: LedgerSnapshot,
        _ counts: ServiceCounts,
        _ repair: SweepOutcome.Repair,
        at now: WallTime
    ) {
        let ledger = snapshot.ledger
        let desired =
            switch repair {
            case .agreed(let size), .repaired(_, let size): size
            case .held(_, let desired, _): desired
            case .still, .failed: counts.desired
            }
        let waits = ledger.jobs.values.filter { $0.task == nil }
        wanted = ledger.size
        asked = ledger.want(snapshot.limits)
        busy = ledger.busy
        leaving = ledger.leaving.count
        idle = max(0, counts.running - ledger.busy - ledger.leaving.count)
        starting = max(0, desired - counts.running)
        exposed = ledger.exposed.count
        failing = ledger.failedStarts?.count ?? 0
        waiting = waits.count
        oldestWait = waits.map { max(.zero, now.since($0.at)) }.max() ?? .zero
        beyondMax = max(0, ledger.jobs.count - snapshot.limits.maxCount)
        away =
            switch repair {
            case .agreed, .repaired, .still: 0
            case .held(_, _, let size): abs(desired - size)
            case .failed: abs(desired - ledger.size)
            }
    }

    /// Nothing runs and nothing waits: an hour of it must not cost the price of twenty metrics.
    var isAtRest: Bool {
        wanted == 0 && busy == 0 && idle == 0 && starting == 0 && leaving == 0 && exposed == 0
            && failing == 0 && waiting == 0 && away == 0
    }

    var measured: Measurements {
        [
            .agentsWanted: Double(wanted), .agentsBusy: Double(busy), .agentsIdle: Double(idle),
            .agentsStarting: Double(starting), .agentsLeaving: Double(leaving),
            .agentsExposed: Double(exposed), .agentsFailing: Double(failing),
            .jobsWaiting: Double(waiting), .jobsBeyondMax: Double(beyondMax),
            .oldestWaitingJob: oldestWait / .seconds(1), .serviceAway: Double(away),
        ]
    }
}
