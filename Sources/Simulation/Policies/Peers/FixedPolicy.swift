import Decisions

/// A fixed pool, as aws-ia/terraform-aws-tf-cloud-agents makes it: the count never changes and
/// each agent takes one job.
final class FixedPolicy: Policy {
    let usesRunTasks = false
    let stopTimeout: Milliseconds = 30.seconds

    /// The module's default.
    func isSingleJob(_ setup: Setup) -> Bool { true }
    func firstCount(_ limits: Limits) -> Int { limits.maxCount }
    func begin(_ pool: Pool) {}
}
