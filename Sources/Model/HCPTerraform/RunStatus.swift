/// A run's status, in HCP Terraform's words (HCP Terraform API reference, "Run States").
package enum RunStatus: String, Hashable, Sendable, CaseIterable {
    case pending
    case prePlanRunning = "pre_plan_running"
    case planQueued = "plan_queued"
    case planning
    case postPlanRunning = "post_plan_running"
    case planned
    case preApplyRunning = "pre_apply_running"
    case applyQueued = "apply_queued"
    case applying
    case postApplyRunning = "post_apply_running"
    case applied
    case plannedAndFinished = "planned_and_finished"
    case discarded
    case canceled
    case errored

    package var isFinal: Bool {
        switch self {
        case .applied, .plannedAndFinished, .discarded, .canceled, .errored: true
        default: false
        }
    }

    /// Whether a job of the run can still come to an agent, or is with one.
    package func mayNeedAgent(for job: PoolJob.Kind) -> Bool {
        switch self {
        case .pending, .prePlanRunning, .planQueued, .planning: true
        case .postPlanRunning, .planned, .preApplyRunning, .applyQueued, .applying: job == .apply
        default: false
        }
    }

    /// The kind of job that the run waits for an agent with.
    package var queued: PoolJob.Kind? {
        switch self {
        case .planQueued: .plan
        case .applyQueued: .apply
        default: nil
        }
    }
}

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
