import Decisions
package import Model

/// How a run ends when no agent is lost.
package enum RunOutcome: String, Sendable, CaseIterable {
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

/// One run as it would go with agents at hand.
package struct RunPlan: Sendable, Equatable {
    /// When it is created.
    package var at: Milliseconds
    package var pool = 0
    package var plan: Milliseconds
    package var approval: Milliseconds
    package var apply: Milliseconds
    package var outcome: RunOutcome

    package init(
        at: Milliseconds,
        pool: Int = 0,
        plan: Milliseconds,
        approval: Milliseconds = 0,
        apply: Milliseconds = 0,
        outcome: RunOutcome
    ) {
        self.at = at
        self.pool = pool
        self.plan = plan
        self.approval = approval
        self.apply = apply
        self.outcome = outcome
    }
}

/// A run of HCP Terraform on its way through its states.
final class Run {
    enum State {
        case prePlan
        case planQueued
        case planning
        case planned
        case preApply
        case applyQueued
        case applying
        case over
    }

    let id: String
    let number: Int
    let plan: RunPlan
    let pool: Pool
    unowned let world: World
    private(set) var state = State.prePlan
    private var current: PoolJob?
    private var holder: AgentTask?

    init(_ plan: RunPlan, pool: Pool, world: World) {
        self.plan = plan
        self.pool = pool
        self.world = world
        id = world.newRunID()
        number = world.tally.runs
    }

    func begin() {
        world.tell("\(id) arrives: \(plan.outcome.rawValue)")
        pool.add(self)
        if plan.outcome == .canceled {
            world.after(plan.plan) { [self] in cancel() }
        }
        callTask(.prePlan)
    }

    // MARK: Jobs

    private func queue(_ type: String, length: Milliseconds, wantedAt: Milliseconds) {
        guard let job = Job(id: id, type: type) else { return }
        let waiting = PoolJob(job, of: self, length: length, wantedAt: wantedAt)
        current = waiting
        pool.enqueue(waiting)
    }

    func received(_ job: PoolJob, by task: AgentTask) {
        holder = task
        state = state == .planQueued ? .planning : .applying
    }

    func finished(_ job: PoolJob) {
        holder = nil
        current = nil
        if state == .planning {
            planEnded()
        } else if state == .applying {
            if plan.outcome == .applyErrored { return end() }
            notify(.postApply)
            end()
        }
    }

    private func planEnded() {
        switch plan.outcome {
        case .errored, .canceled:
            end()
        case .planned:
            notify(.postPlan)
            end()
        case .discarded:
            notify(.postPlan)
            state = .planned
            world.after(plan.approval) { [self] in end() }
        case .applied, .applyErrored:
            notify(.postPlan)
            state = .planned
            world.after(plan.approval) { [self] in
                state = .preApply
                callTask(.preApply)
            }
        }
    }

    /// The agent is gone; HCP Terraform gives the run up after a while and does not repeat it.
    func lost(_ job: PoolJob) {
        world.tally.lostRuns += 1
        holder = nil
        current = nil
        world.after(5.minutes) { [self] in end() }
    }

    private func cancel() {
        switch state {
        case .prePlan, .planQueued:
            world.tell("\(id) is canceled")
            if let current { pool.withdraw(current) }
            current = nil
            end()
        case .planning:
            guard let holder else { return }
            self.holder = nil
            current = nil
            holder.finishJob(dropped: true)
            end()
        default: break
        }
    }

    private func end() {
        guard state != .over else { return }
        state = .over
        world.rules?.runEnded(self)
        pool.remove(self)
        world.runEnded()
    }

    // MARK: Run tasks

    /// Whether the run waits for an agent, as its status in the API says.
    var waitingJob: Job? {
        switch state {
        case .planQueued: Job(id: id, type: "plan")
        case .applyQueued: Job(id: id, type: "apply")
        default: nil
        }
    }

    var needsAgent: Bool { state != .planned && state != .over }

    /// Whether the job can still come to an agent, or is with one.
    func needsAgent(for job: Job) -> Bool {
        switch state {
        case .prePlan, .planQueued, .planning: true
        case .planned, .preApply, .applyQueued, .applying: job.type == "apply"
        case .over: false
        }
    }

    private func goOn(_ stage: Stage, wantedAt: Milliseconds) {
        switch (stage, state) {
        case (.prePlan, .prePlan):
            state = .planQueued
            queue("plan", length: plan.plan, wantedAt: wantedAt)
        case (.preApply, .preApply):
            state = .applyQueued
            queue("apply", length: plan.apply, wantedAt: wantedAt)
        default: break
        }
    }

    /// HCP Terraform calls the run task and the run waits for its answer.
    private func callTask(_ stage: Stage) {
        let wantedAt = world.now
        let isSilent = stage == .prePlan && world.happens(.unannounced)
        guard world.policy.usesRunTasks, !isSilent else {
            return world.after(100...300) { [self] in goOn(stage, wantedAt: wantedAt) }
        }
        attempt(stage, wantedAt: wantedAt, number: 1)
    }

    /// Neither the number of HCP Terraform's tries nor their pauses are documented.
    private func attempt(_ stage: Stage, wantedAt: Milliseconds, number: Int) {
        guard state != .over else { return }
        let again = { [self] in
            let pause = min(5.seconds << min(number - 1, 4), 1.minutes)
            world.after(pause) { [self] in
                attempt(stage, wantedAt: wantedAt, number: number + 1)
            }
        }
        world.after(100...400) { [self] in
            guard state != .over else { return }
            if world.happens(.webhookLost) {
                // Without an API token nobody would ever learn of the job, so it is called again
                // until it is answered; with one HCP Terraform may give up.
                if number >= 3, world.setup.hasToken { return goOn(stage, wantedAt: wantedAt) }
                return again()
            }
            if world.happens(.webhookDoubled) {
                world.after(100...60.seconds) { [self] in
                    world.policy.webhook(stage, of: self) { _ in }
                }
            }
            world.policy.webhook(stage, of: self) { [self] isAnswered in
                guard isAnswered else { return again() }
                world.after(100...300) { [self] in goOn(stage, wantedAt: wantedAt) }
            }
        }
    }

    /// A call that the run does not wait for here.
    private func notify(_ stage: Stage) {
        guard world.policy.usesRunTasks else { return }
        world.after(200...800) { [self] in
            if world.happens(.webhookLost) { return }
            world.policy.webhook(stage, of: self) { _ in }
        }
    }
}

/// When HCP Terraform calls a run task. The `post_` ones come only after success.
enum Stage {
    case prePlan
    case postPlan
    case preApply
    case postApply
}
