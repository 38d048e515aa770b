import Decisions
import Model

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

    func begin(_ pool: Pool) {}
}
