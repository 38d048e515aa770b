import Decisions
import Model

/// The policies that can be compared.
package enum PolicyKind: String, Sendable, CaseIterable {
    case ours
    /// As the module's example `plans-on-spot`.
    case spotPlans = "spot-plans"
    case counter
    case poller
    case runCount = "run-count"
    case fixed
    case selfEnding = "self-ending"

    /// What it is, for a table's legend.
    package var title: String {
        switch self {
        case .ours: "this project: announced jobs, a sidecar that retires its own task"
        case .spotPlans: "this project: plans on a Spot service, applies on one that is not"
        case .counter: "run tasks add and subtract one; ECS picks who goes"
        case .poller: "a poller with idle guard, protecting busy tasks before it shrinks"
        case .runCount: "replicas follow the number of runs, with a cooldown"
        case .fixed: "max_count agents, always"
        case .selfEnding: "idle agents end and lower the count by one, without protection"
        }
    }

    func make() -> any Policy {
        switch self {
        case .ours: OurPolicy()
        case .spotPlans: OurPolicy(splitsPlans: true)
        case .counter: CounterPolicy()
        case .poller: PollerPolicy()
        case .runCount: RunCountPolicy()
        case .fixed: FixedPolicy()
        case .selfEnding: SelfEndingPolicy()
        }
    }
}

/// A fixed pool, as aws-ia/terraform-aws-tf-cloud-agents makes it: the count never changes and
/// each agent takes one job.
final class FixedPolicy: Policy {
    let usesRunTasks = false

    /// The module's default.
    func isSingleJob(_ setup: Setup) -> Bool { true }
    func firstCount(_ limits: Limits) -> Int { limits.maxCount }
    func containers(_ setup: Setup) -> [ContainerDefinition] {
        Self.agentAlone(stopTimeout: 30.seconds)
    }

    func keep(_ pool: Pool) -> any Keeper { Nobody() }

    private final class Nobody: Keeper {}
}
