import Decisions
package import Model
import Rules

/// One run as it would go with agents at hand.
package struct RunPlan: Sendable, Equatable {
    /// When it is created.
    package var at: Milliseconds
    package var pool = 0
    package var workspace = 0
    package var plan: Milliseconds
    package var approval: Milliseconds
    package var apply: Milliseconds
    package var outcome: RunOutcome

    package init(
        at: Milliseconds,
        pool: Int = 0,
        workspace: Int = 0,
        plan: Milliseconds,
        approval: Milliseconds = 0,
        apply: Milliseconds = 0,
        outcome: RunOutcome
    ) {
        self.at = at
        self.pool = pool
        self.workspace = workspace
        self.plan = plan
        self.approval = approval
        self.apply = apply
        self.outcome = outcome
    }
}

/// What a run needs of the agent pool that it is for.
protocol RunHost: AnyObject {
    var index: Int { get }
    func add(_ run: SimulatedRun)
    func remove(_ run: SimulatedRun)
    func enqueue(_ job: PoolJob)
    func withdraw(_ run: SimulatedRun)
    /// HCP Terraform calls the run task.
    func call(_ stage: TaskStage, of run: SimulatedRun, done: @escaping (Bool) -> Void)
    /// HCP Terraform notifies of the end of the run.
    func tellEnd(of run: SimulatedRun)
}

/// A job in an agent's hands.
struct HeldJob {
    let job: Job
    let kind: PoolJob.Kind
    let run: SimulatedRun
    let length: Milliseconds
    /// Since when the run could have gone on with an agent at hand.
    let wantedAt: Milliseconds
}

/// A run of HCP Terraform in virtual time: performs what its ``RunLife`` says.
final class SimulatedRun {
    let id: String
    let number: Int
    let plan: RunPlan
    let pool: any RunHost
    unowned let world: World
    private(set) var life: RunLife
    /// Has the agent that holds the job drop it.
    private var interrupt: (() -> Void)?
    private var isOver = false

    init(_ plan: RunPlan, pool: any RunHost, world: World) {
        self.plan = plan
        self.pool = pool
        self.world = world
        id = world.newRunID()
        number = world.tally.runs
        life = RunLife(id: id, outcome: plan.outcome, plan: plan.plan, apply: plan.apply)
    }

    func begin() {
        world.tell("\(id) arrives: \(plan.outcome.rawValue)")
        pool.add(self)
        if plan.outcome == .canceled {
            world.after(plan.plan) { [self] in cancel() }
        }
        handle(.created)
    }

    func handle(_ input: RunLife.Input) {
        let effect = life.handle(input, at: world.now)
        if let effect { perform(effect) }
        guard life.status.isFinal, !isOver else { return }
        isOver = true
        interrupt = nil
        world.state(.runEnded(id, .asMeant), in: pool.index)
        pool.remove(self)
        if world.setup.notifies { notifyOfEnd() }
        world.runEnded()
    }

    /// Sent once: one that is lost is not sent again.
    private func notifyOfEnd() {
        world.after(200...2.seconds) { [self] in
            if !world.happens(.webhookLost) { pool.tellEnd(of: self) }
        }
    }

    private func perform(_ effect: RunLife.Effect) {
        switch effect {
        case .callTask(let stage): call(stage)
        case .queue(let job): pool.enqueue(job)
        case .withdraw: pool.withdraw(self)
        case .interrupt: interrupt?()
        case .awaitDecision: world.after(plan.approval) { [self] in handle(.decided) }
        }
    }

    // MARK: Jobs

    func job(_ kind: PoolJob.Kind) -> Job? { Job(id: id, type: kind.rawValue) }

    /// The job for which it waits for an agent, as its status in the API says.
    var waitingJob: Job? { life.status.queued.flatMap(job) }

    func received(_ job: HeldJob, interrupt: @escaping () -> Void) {
        self.interrupt = interrupt
        handle(.received(job.kind))
    }

    private func cancel() {
        switch life.status {
        case .prePlanRunning, .planQueued: world.tell("\(id) is canceled")
        default: break
        }
        handle(.canceled)
    }

    // MARK: Run tasks

    /// HCP Terraform calls the run task. A run waits for the answer before its jobs; after them it
    /// does not here.
    private func call(_ stage: TaskStage) {
        if world.setup.stage?.isQueued ?? false { return handle(.taskEnded(stage)) }
        guard stage == .prePlan || stage == .preApply else {
            if world.prompter == nil { notify(stage) }
            return handle(.taskEnded(stage))
        }
        let isSilent = stage == .prePlan && world.happens(.unannounced)
        guard world.terms.usesRunTasks, !isSilent else { return goOn(stage) }
        attempt(TaskCall(stage))
    }

    private func goOn(_ stage: TaskStage) {
        world.after(100...300) { [self] in handle(.taskEnded(stage)) }
    }

    private static let pace = Pace(first: 5.seconds, longest: 1.minutes)

    private func attempt(_ call: TaskCall) {
        guard !isOver else { return }
        let again = { [self] in
            var call = call
            let pause = call.failed(Self.pace)
            world.after(world.isPrompted ? 0 : pause) { [self, call] in attempt(call) }
        }
        world.after(100...400) { [self] in
            world.prompt(.call, .job(number + 1)) { [self] in make(call, again) }
        }
    }

    private func make(_ call: TaskCall, _ again: @escaping () -> Void) {
        guard !isOver else { return }
        if world.happens(.webhookLost) {
            // Without an API token nobody would ever learn of the job, so it is called again
            // until it is answered; with one HCP Terraform may give up.
            let givesUp = call.failures >= 2 && world.setup.hasToken
            return givesUp ? handle(.taskEnded(call.stage)) : again()
        }
        if world.happens(.webhookDoubled) {
            world.after(100...60.seconds) { [self] in
                pool.call(call.stage, of: self) { _ in }
            }
        }
        pool.call(call.stage, of: self) { [self] isAnswered in
            isAnswered ? goOn(call.stage) : again()
        }
    }

    /// A call that the run does not wait for here.
    private func notify(_ stage: TaskStage) {
        guard world.terms.usesRunTasks else { return }
        world.after(200...800) { [self] in
            if world.happens(.webhookLost) { return }
            pool.call(stage, of: self) { _ in }
        }
    }
}
