import Decisions
import Model
import Rules

/// One ECS task: performs in virtual time what its ``TaskLife`` says, until nothing of it is left.
final class AgentTask {
    let id: TaskID
    /// The model's name for it.
    let number: Int
    let deployment: DeploymentID
    /// Of the task definition.
    let revision: Int
    unowned let service: any TaskHost
    unowned let world: World
    private(set) var life: TaskLife
    let startedAt: Milliseconds
    /// Stopped, or made to lose its agent, by something that no rule can prevent.
    private(set) var hasOutsideCause = false
    private var reported = TaskLife.State.provisioning
    private var mishapsPlanned = false
    /// When the queue will next look at it.
    private var lookAt: Milliseconds = .max

    var agent = VirtualAgent()
    /// Whose files and processes are in the agent's container; nil where it is as it was.
    var leftBy: Job?
    /// What the policy runs in it, from the start of its first container on.
    private(set) var companion: (any Companion)?

    /// - Parameter failure: why it never gets up; nil when it does.
    init(
        service: any TaskHost,
        world: World,
        number: Int,
        deployment: DeploymentID,
        revision: Int,
        failure: StartFailure?
    ) {
        self.service = service
        self.number = number
        self.deployment = deployment
        self.revision = revision
        self.world = world
        id = world.newTaskID()
        startedAt = world.now
        let boot =
            world.prompter == nil ? world.chance.within(failure?.delay ?? world.setup.boot) : 0
        life = TaskLife(
            world.terms.containers,
            readyAt: world.now + boot,
            failure: failure
        )
    }

    func close() {
        companion?.taskEnded()
        companion = nil
    }

    var isProtected: Bool { service.state.protection(of: number, at: world.now) > 0 }
    var isCounting: Bool { life.stop == nil }
    var isOnSpot: Bool { world.terms.isOnSpot(service.index) }
    /// Nothing of it is left.
    var isOver: Bool { life.state == .stopped }
    /// Started from a deployment that is the primary one no more.
    var isOutdated: Bool { deployment != service.state.primary.id }

    /// Outdated, and there before the newest deployment was.
    var isFromBefore: Bool { isOutdated && startedAt < service.state.primary.createdAt }

    func begin() {
        state(.taskStarted(id))
        world.tally.boots += 1
        world.tally.taskStarted(at: world.now)
        if isOnSpot, world.setup.spotInterruptions > 0 { planInterruption() }
        world.prompt(.boot, .task(number)) { [self] in
            // What a script calls running is a sidecar that runs.
            if world.prompter != nil { service.ran(self) }
            advance()
        }
    }

    func state(_ fact: @autoclosure () -> Fact) { world.state(fact(), in: service.index) }

    // MARK: Its life

    private func advance() {
        while case let actions = life.step(at: world.now), !actions.isEmpty {
            for action in actions { perform(action) }
        }
        report()
        if let next = life.nextAt { look(at: next) }
    }

    private func look(at instant: Milliseconds) {
        guard instant < lookAt else { return }
        lookAt = instant
        world.after(instant - world.now) { [self] in
            guard lookAt == instant else { return }
            lookAt = .max
            advance()
        }
    }

    private func perform(_ action: TaskLife.Action) {
        switch action {
        case .start(let name):
            life.started(name, pid: 1, at: world.now)
            let companion = companion ?? service.furnish(self)
            self.companion = companion
            companion.start(name)
            planMishaps()
        case .checkHealth(let name):
            life.checked(name, healthy: true, at: world.now)
        case .terminate(let name): companion?.terminate(name)
        case .kill(let name): companion?.kill(name)
        }
    }

    /// Tells the service what has changed.
    private func report() {
        guard life.state != reported else { return }
        let before = reported
        reported = life.state
        service.remember()
        if before < .deactivating, life.state >= .deactivating {
            let failsToStart = life.stop?.code == .failedToStart
            if failsToStart { world.tell("\(id) does not get up: \(life.stop?.reason ?? "")") }
            // There ECS counts a task until nothing of it is left, unless somebody stopped it.
            let isCounted = world.prompter != nil && life.stop == .essentialExited
            if !isCounted { service.leaves(self, failsToStart: failsToStart) }
        }
        switch life.state {
        case .running: service.ran(self)
        case .stopped: end()
        default: break
        }
    }

    // MARK: Its end

    /// ECS stops the task to have fewer, or other ones.
    func scaleIn(_ stop: Stop) {
        guard isCounting else { return }
        // What ECS stops for a count that a person set is that person's.
        if service.editedByPerson { hasOutsideCause = true }
        life.stop(stop)
        advance()
    }

    /// A container's first process is gone.
    ///
    /// - Parameter noticed: until ECS knows; until then the container counts as running.
    func containerEnded(
        _ name: String = Deployed.agentName,
        code: Int = 0,
        noticed: ClosedRange<Milliseconds> = 500...3.seconds
    ) {
        world.after(noticed) { [self] in
            guard !isOver else { return }
            life.exited(name, code: code, at: world.now)
            advance()
        }
    }

    /// Everything ends at once: the host is gone.
    private func vanish() {
        hasOutsideCause = true
        killAgent()
        life.loseHost(noticedAt: world.now)
        advance()
    }

    private func end() {
        killAgent()
        state(.taskStopped(id))
        world.tally.taskStopped(after: world.now - startedAt, onSpot: isOnSpot, at: world.now)
        companion?.taskEnded()
        companion = nil
        service.taskStopped(self)
    }

    // MARK: What a script says

    /// Its containers do not run at all.
    func failToBoot() {
        world.prompter?.forget(.task(number)) { $0 == .boot }
        life.stop(StartFailure.pullRefused.stop)
        advance()
    }

    /// Its time to stop is over.
    func endAtOnce() {
        for container in life.containers where container.isUp {
            life.exited(container.definition.name, code: 137, at: world.now)
        }
        advance()
    }

    /// One thing that happens to its containers.
    func play(_ step: Script.Step) -> Bool { companion?.play(step) ?? false }

    // MARK: Mishaps

    /// Draws what happens to this task within the next hour.
    private func planMishaps() {
        guard !world.faults.isNone, !mishapsPlanned else { return }
        mishapsPlanned = true
        plan(.sidecarDies) { [self] in companion?.sidecarDies() ?? false }
        plan(.linkBreaks) { [self] in companion?.linkBreaks() ?? false }
        plan(.hostDies) { [self] in
            world.tell("\(id): its host dies")
            vanish()
            return true
        }
        plan(.agentDies) { [self] in
            guard agent.mayLive else { return false }
            crashAgent()
            return true
        }
        plan(.stoppedOutside) { [self] in
            stopFromOutside()
            return true
        }
        world.after(1.hours) { [self] in
            mishapsPlanned = false
            if !isOver { planMishaps() }
        }
    }

    /// By a person or Spot.
    private func stopFromOutside() { stopOutside(world.chance.pick([Stop.byUser, .spot])) }

    /// Draws whether Spot takes it back within the next hour.
    private func planInterruption() {
        let isTaken = world.chance.happens(world.setup.spotInterruptions * 1_000)
        world.after(isTaken ? world.chance.below(1.hours) : 1.hours) { [self] in
            guard isCounting else { return }
            if isTaken { stopOutside(.spot) } else { planInterruption() }
        }
    }

    func stopOutside(_ stop: Stop) {
        world.tell("\(id): \(stop.reason)")
        hasOutsideCause = true
        life.stop(stop)
        advance()
    }

    func crashAgent() {
        world.tell("\(id): its agent crashes")
        hasOutsideCause = true
        killAgent()
        agentGone(code: 2)
    }

    /// What may strike while the container is renewed, or the next agent starts in it.
    func planStrike() {
        guard world.chance.happens(world.faults[.strikesRenewal]) else { return }
        let strike = world.chance.pick([
            { [self] in companion?.sidecarDies() ?? false },
            { [self] in companion?.linkBreaks() ?? false },
            { [self] in
                stopFromOutside()
                return true
            },
        ])
        world.after(0...5.seconds) { [self] in
            guard isCounting, !world.faults.isNone, strike() else { return }
            world.tally.played[.strikesRenewal] += 1
        }
    }

    /// - Parameter mishap: returns false where there was nothing that it could have struck.
    private func plan(_ fault: Fault, _ mishap: @escaping () -> Bool) {
        guard world.chance.happens(world.faults[fault]) else { return }
        world.after(world.chance.below(1.hours)) { [self] in
            guard isCounting, !world.faults.isNone, mishap() else { return }
            world.tally.played[fault] += 1
        }
    }
}

/// What a task needs of the service that it belongs to.
protocol TaskHost: AnyObject {
    /// Of its pool.
    var index: Int { get }
    var pool: any AgentHost { get }
    var state: ServiceState { get }
    /// What ECS stops is stopped for a person's count.
    var editedByPerson: Bool { get }
    /// What the policy runs in a task.
    func furnish(_ task: AgentTask) -> any Companion
    /// Notes what was true up to now.
    func remember()
    func ran(_ task: AgentTask)
    func leaves(_ task: AgentTask, failsToStart: Bool)
    func taskStopped(_ task: AgentTask)
    /// A call for protection reaches ECS.
    @discardableResult
    func grant(_ task: AgentTask) -> Service.ProtectionAnswer
}

/// What an agent needs of the pool that it belongs to.
protocol AgentHost: AnyObject {
    /// HCP Terraform lets no agent in at the moment.
    func refusesAgents() -> Bool
    func agentIsIdle(_ task: AgentTask)
    func agentIsNotIdle(_ task: AgentTask)
    func takeJob(_ task: AgentTask) -> HeldJob?
    /// An agent says what became of its job.
    func finished(_ job: HeldJob, as result: RunLife.JobResult, by task: AgentTask)
    /// The agent's process is gone.
    func agentEnded(_ task: AgentTask)
}

/// What a policy runs in a task: its containers, and what is beside the agent in them.
protocol Companion: AnyObject {
    func start(_ container: String)
    /// The stop signal reaches a container.
    func terminate(_ container: String)
    /// A container is killed, since its time to stop is over.
    func kill(_ container: String)
    /// The agent wrote one of its status lines.
    func agentSays(_ line: AgentLine)
    func agentExited(code: Int32)
    /// - Returns: false where there is none that could die.
    func sidecarDies() -> Bool
    /// - Returns: false where there is none.
    func linkBreaks() -> Bool
    /// What a script says of its containers.
    ///
    /// - Returns: false where that cannot happen.
    func play(_ step: Script.Step) -> Bool
    func taskEnded()
}

extension Companion {
    func sidecarDies() -> Bool { false }
    func linkBreaks() -> Bool { false }
    func play(_ step: Script.Step) -> Bool { false }
}

/// An agent in its container and nothing else.
class AgentAlone: Companion {
    let task: AgentTask
    var world: World { task.world }

    init(_ task: AgentTask) { self.task = task }

    func start(_ container: String) { task.startAgent() }
    func terminate(_ container: String) { task.signalAgent() }
    func kill(_ container: String) {
        task.killAgent()
        task.containerEnded()
    }
    func agentSays(_ line: AgentLine) {}
    func agentExited(code: Int32) { task.containerEnded() }
    func taskEnded() {}
}
