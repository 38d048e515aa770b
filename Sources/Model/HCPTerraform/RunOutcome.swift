/// How a run ends when no agent is lost: what its configuration and the people around it do.
package enum RunOutcome: String, Hashable, Sendable, CaseIterable {
    case applied
    /// Plan only, or nothing to change.
    case planned
    /// The plan fails, so no `post_plan` comes.
    case errored
    /// The apply fails, so no `post_apply` comes.
    case applyErrored = "apply_errored"
    /// Nobody confirms.
    case discarded
    /// Canceled while its plan waits for an agent, or soon after.
    case canceled
}
