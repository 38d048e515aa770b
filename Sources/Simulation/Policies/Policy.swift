import AgentLink
import Decisions
import Model

/// A way to have agents when runs need them. What is common to all of them, ECS and HCP Terraform,
/// is the world's.
protocol Policy: AnyObject {
    /// HCP Terraform calls a run task before and after plans and applies.
    var usesRunTasks: Bool { get }
    /// What a task consists of.
    func containers(_ setup: Setup) -> [ContainerDefinition]
    /// The agent takes one job and ends.
    func isSingleJob(_ setup: Setup) -> Bool
    /// `desiredCount` of a service that has just been made.
    func firstCount(_ limits: Limits) -> Int
    /// Each pool has a service on Spot for its plans, and one that is not for its applies.
    var splitsPlans: Bool { get }
    /// Begins to look after a pool.
    func keep(_ pool: Pool) -> any Keeper
}

extension Policy {
    func isSingleJob(_ setup: Setup) -> Bool { setup.mode.isSingle }
    func firstCount(_ limits: Limits) -> Int { limits.desiredCount }
    var splitsPlans: Bool { false }

    /// A task that is nothing but an agent.
    static func agentAlone(stopTimeout: Milliseconds) -> [ContainerDefinition] {
        [ContainerDefinition(Deployed.agentName, stopTimeout: stopTimeout)]
    }
}

extension Terms {
    init(_ policy: any Policy, _ setup: Setup) {
        self.init(
            usesRunTasks: policy.usesRunTasks,
            isSingleJob: policy.isSingleJob(setup),
            firstCount: policy.firstCount(setup.limits),
            containers: policy.containers(setup),
            splitsPlans: policy.splitsPlans
        )
    }
}
