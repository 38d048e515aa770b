/// A run's status, in HCP Terraform's words (API reference, run states).
enum RunPhase: String, Sendable, CaseIterable {
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

    var isFinal: Bool {
        switch self {
        case .applied, .plannedAndFinished, .discarded, .canceled, .errored: true
        default: false
        }
    }
}

/// What a person or the configuration does to a run, decided before it starts.
enum RunScript: String, Sendable, CaseIterable {
    case applies = "plan and apply"
    case planOnly = "plan only"
    case discarded = "plan, then discarded"
    case canceled = "canceled while planning"
    case planFails = "plan fails"
}

/// A piece of work for an agent. Its key is `<run id>/<type>`.
struct Job: Equatable, Sendable {
    enum Kind: String, Sendable {
        case plan
        case apply
    }
    var run: String
    var kind: Kind
    var seconds: Double
    var key: String { "\(run)/\(kind.rawValue)" }
}

/// A run from creation to its final phase, as a value: inputs go in, effects come out.
///
/// The order of phases is that of the documented run states; run tasks are advisory, so their
/// result is noted and the run goes on whatever it is.
struct Run: Sendable {
    enum Stage: String, Sendable {
        case prePlan = "pre_plan"
        case postPlan = "post_plan"
        case preApply = "pre_apply"
        case postApply = "post_apply"
    }

    enum Input: Equatable, Sendable {
        case created
        case stageDone(Stage)
        case dispatched(Job.Kind)
        case jobDone(Job.Kind, JobResult)
        case confirmed
        /// The agent that held the job is gone for good.
        case agentLost(Job.Kind)
    }

    enum JobResult: String, Sendable {
        case finished
        case errored
        case canceled
    }

    enum Effect: Equatable, Sendable {
        case callRunTask(Stage)
        case enqueue(Job)
        case cancelSoon
        case awaitConfirmation
    }

    /// Begins the note of a run that ends in `errored` because its script says so.
    static let asScripted = "as scripted"
    /// The note of a run whose agent HCP Terraform has given up.
    static let agentGone = "the agent that ran it is gone"

    let id: String
    let workspace: String
    let script: RunScript
    let planSeconds: Double
    let applySeconds: Double
    private(set) var phase = RunPhase.pending
    private(set) var note = ""
    private(set) var history: [(phase: RunPhase, at: Milliseconds)] = []

    init(
        id: String,
        workspace: String,
        script: RunScript,
        planSeconds: Double,
        applySeconds: Double
    ) {
        self.id = id
        self.workspace = workspace
        self.script = script
        self.planSeconds = planSeconds
        self.applySeconds = applySeconds
    }

    var isPlanOnly: Bool { script == .planOnly }

    /// An input that does not fit the phase changes nothing: late answers are normal.
    mutating func handle(_ input: Input, at now: Milliseconds) -> [Effect] {
        switch (phase, input) {
        case (.pending, .created):
            enter(.prePlanRunning, now)
            return [.callRunTask(.prePlan)]
        case (.prePlanRunning, .stageDone(.prePlan)):
            enter(.planQueued, now)
            return [.enqueue(Job(run: id, kind: .plan, seconds: planSeconds))]
        case (.planQueued, .dispatched(.plan)):
            enter(.planning, now)
            return script == .canceled ? [.cancelSoon] : []
        case (.planning, .jobDone(.plan, let result)):
            return planDone(result, now)
        case (.postPlanRunning, .stageDone(.postPlan)):
            enter(isPlanOnly ? .plannedAndFinished : .planned, now)
            return isPlanOnly ? [] : [.awaitConfirmation]
        case (.planned, .confirmed):
            if script == .discarded {
                enter(.discarded, now)
                return []
            }
            enter(.preApplyRunning, now)
            return [.callRunTask(.preApply)]
        case (.preApplyRunning, .stageDone(.preApply)):
            enter(.applyQueued, now)
            return [.enqueue(Job(run: id, kind: .apply, seconds: applySeconds))]
        case (.applyQueued, .dispatched(.apply)):
            enter(.applying, now)
            return []
        case (.applying, .jobDone(.apply, let result)):
            guard result == .finished else { return end(result, now) }
            enter(.postApplyRunning, now)
            return [.callRunTask(.postApply)]
        case (.postApplyRunning, .stageDone(.postApply)):
            enter(.applied, now)
            return []
        case (.planning, .agentLost(.plan)), (.applying, .agentLost(.apply)):
            note = Self.agentGone
            enter(.errored, now)
            return []
        default:
            return []
        }
    }

    /// When the run first entered `phase`.
    func at(_ phase: RunPhase) -> Milliseconds? {
        history.first { $0.phase == phase }?.at
    }

    private mutating func planDone(_ result: JobResult, _ now: Milliseconds) -> [Effect] {
        guard result == .finished else { return end(result, now) }
        if script == .planFails {
            note = "\(Self.asScripted), its plan fails"
            enter(.errored, now)
            return []
        }
        enter(.postPlanRunning, now)
        return [.callRunTask(.postPlan)]
    }

    private mutating func end(_ result: JobResult, _ now: Milliseconds) -> [Effect] {
        if result == .canceled && script == .canceled {
            enter(.canceled, now)
        } else {
            note = "the agent reported \(result.rawValue)"
            enter(.errored, now)
        }
        return []
    }

    private mutating func enter(_ next: RunPhase, _ now: Milliseconds) {
        phase = next
        history.append((next, now))
    }
}
