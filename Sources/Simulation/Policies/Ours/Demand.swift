import Decisions
import Model

/// How many idle agents are worth their time, by what the calls of run tasks tell: an experiment that
/// does not ship (this target's README, "What is not worth it").
///
/// Plans come as often as in the last half hour, and a plan that has ended may be followed by its apply
/// within ten minutes. The first idle agent stays while that makes a few jobs an hour, each further one
/// while it makes more.
final class Demand {
    private var plans: [Milliseconds] = []
    /// Runs whose plan has ended and whose apply was not called for, and since when.
    private var planned: [String: Milliseconds] = [:]
    private let thresholds: [Int]

    private static let window: Milliseconds = 30.minutes
    private static let decision: Milliseconds = 10.minutes
    /// Half of the plans that ended are followed by their apply, five minutes later or so.
    private static let perPlanned = 6

    /// - Parameter thresholds: jobs in an hour that the first idle agent is worth, the second, and so on.
    init(_ thresholds: [Int]) { self.thresholds = thresholds }

    func note(_ stage: TaskStage, of run: String, at now: Milliseconds) {
        switch stage {
        case .prePlan: plans.append(now)
        case .postPlan: planned[run] = now
        case .preApply, .postApply: planned[run] = nil
        }
    }

    /// Whether one of the idle agents that there are is to stay.
    func keeps(_ ledger: Ledger, at now: Milliseconds) -> Bool {
        plans.removeAll { now - $0 > Self.window }
        planned = planned.filter { now - $0.value <= Self.decision }
        let perHour = plans.count * (1.hours / Self.window) + planned.count * Self.perPlanned
        return ledger.staying - ledger.jobs.count <= thresholds.count { perHour >= $0 }
    }
}
