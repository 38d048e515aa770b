/// A run from its creation to its end, as a value: what happened goes in, what is to be done comes
/// out.
///
/// The order of its states is the documented one (HCP Terraform API reference, "Run States"). It
/// calls its run task at each stage and goes on whatever the result is.
package struct RunLife: Hashable, Sendable {
    package enum Input: Hashable, Sendable {
        case created
        /// The run task of a stage has its result, or was given up.
        case taskEnded(TaskStage)
        /// An agent received the job.
        case received(PoolJob.Kind)
        case jobEnded(PoolJob.Kind, JobResult)
        /// Whoever decides about the plan has decided.
        case decided
        /// Somebody cancels the run. A job that an agent works at is only interrupted by it.
        case canceled
        /// The agent that held the job is gone for good. HCP Terraform repeats no job.
        case agentLost(PoolJob.Kind)
    }

    /// What an agent says of its job.
    package enum JobResult: String, Hashable, Sendable {
        case finished
        case errored
        case canceled
    }

    package enum Effect: Hashable, Sendable {
        case callTask(TaskStage)
        case queue(PoolJob)
        /// The run's job leaves the pool's queue.
        case withdraw
        /// The agent is to interrupt the run's job.
        case interrupt
        case awaitDecision
    }

    /// Why it ended as it did.
    package enum End: Hashable, Sendable {
        case asMeant
        case agentLost
        /// The agent said so, and nobody had meant it to.
        case job(JobResult)
    }

    package let id: String
    package let outcome: RunOutcome
    private let plan: Milliseconds
    private let apply: Milliseconds
    package private(set) var status = RunStatus.pending
    package private(set) var end: End?
    /// When it came into its status.
    private var since: Milliseconds = 0

    /// - Parameters:
    ///   - plan: how long an agent works at its plan.
    ///   - apply: the same for its apply.
    package init(id: String, outcome: RunOutcome, plan: Milliseconds, apply: Milliseconds) {
        self.id = id
        self.outcome = outcome
        self.plan = plan
        self.apply = apply
    }

    /// An input that does not fit the status changes nothing: late answers are normal.
    ///
    /// - Returns: what is to be done now.
    package mutating func handle(_ input: Input, at now: Milliseconds) -> Effect? {
        switch (status, input) {
        case (.pending, .created): return call(.prePlan, .prePlanRunning, now)
        case (.prePlanRunning, .taskEnded(.prePlan)): return queue(.plan, .planQueued, now)
        case (.planQueued, .received(.plan)): return enter(.planning, now)
        case (.planning, .jobEnded(.plan, let result)): return planEnded(result, now)
        case (.postPlanRunning, .taskEnded(.postPlan)):
            guard outcome != .planned else { return finish(.plannedAndFinished) }
            _ = enter(.planned, now)
            return .awaitDecision
        case (.planned, .decided):
            guard outcome != .discarded else { return finish(.discarded) }
            return call(.preApply, .preApplyRunning, now)
        case (.preApplyRunning, .taskEnded(.preApply)): return queue(.apply, .applyQueued, now)
        case (.applyQueued, .received(.apply)): return enter(.applying, now)
        case (.applying, .jobEnded(.apply, let result)): return applyEnded(result, now)
        case (.postApplyRunning, .taskEnded(.postApply)): return finish(.applied)
        case (.prePlanRunning, .canceled): return finish(.canceled)
        case (.planQueued, .canceled):
            _ = finish(.canceled)
            return .withdraw
        case (.planning, .canceled): return .interrupt
        case (.planning, .agentLost(.plan)), (.applying, .agentLost(.apply)):
            return finish(.errored, .agentLost)
        default: return nil
        }
    }

    private mutating func planEnded(_ result: JobResult, _ now: Milliseconds) -> Effect? {
        switch (result, outcome) {
        case (.canceled, .canceled), (.finished, .canceled): finish(.canceled)
        case (.finished, .errored): finish(.errored)
        case (.finished, _): call(.postPlan, .postPlanRunning, now)
        default: finish(.errored, .job(result))
        }
    }

    private mutating func applyEnded(_ result: JobResult, _ now: Milliseconds) -> Effect? {
        guard result == .finished else { return finish(.errored, .job(result)) }
        guard outcome != .applyErrored else { return finish(.errored) }
        return call(.postApply, .postApplyRunning, now)
    }

    private mutating func call(
        _ stage: TaskStage,
        _ next: RunStatus,
        _ now: Milliseconds
    ) -> Effect? {
        _ = enter(next, now)
        return .callTask(stage)
    }

    private mutating func queue(
        _ kind: PoolJob.Kind,
        _ next: RunStatus,
        _ now: Milliseconds
    ) -> Effect? {
        let job = PoolJob(
            run: id,
            kind: kind,
            length: kind == .plan ? plan : apply,
            wantedAt: since
        )
        _ = enter(next, now)
        return .queue(job)
    }

    private mutating func enter(_ next: RunStatus, _ now: Milliseconds) -> Effect? {
        status = next
        since = now
        return nil
    }

    private mutating func finish(_ last: RunStatus, _ end: End = .asMeant) -> Effect? {
        status = last
        self.end = end
        return nil
    }
}
