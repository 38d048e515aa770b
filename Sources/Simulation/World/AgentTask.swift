import Decisions
import Model

/// One ECS task: performs in virtual time what its ``TaskLife`` says, until nothing of it is left.
final class AgentTask {
    let id: TaskID
    /// The model's name for it.
    let number: Int
    let deployment: DeploymentID
    /// Of the task definition.
    let revision: Int
    unowned let service: Service
    unowned let world: World
    private(set) var life: TaskLife
    let startedAt: Milliseconds
    /// Stopped, or made to lose its agent, by something that no rule can prevent.
    private(set) var hasOutsideCause = false
    private var reported = TaskLife.State.provisioning
    private var mishapsPlanned = false
    /// When the queue will next look at it.
    private var lookAt: Milliseconds = .max

    var agent = Agent()
    /// What the policy runs beside the agent: the sidecar and the launcher; nothing for others.
    var companion: (any Companion)?

    /// - Parameter failure: why it never gets up; nil when it does.
    init(
        service: Service,
        number: Int,
        deployment: DeploymentID,
        revision: Int,
        failure: StartFailure?
    ) {
        self.service = service
        self.number = number
        self.deployment = deployment
        self.revision = revision
        world = service.world
        id = world.newTaskID()
        startedAt = world.now
        let boot = world.chance.within(failure?.delay ?? world.setup.boot)
        life = TaskLife(
            world.policy.containers(world.setup),
            readyAt: world.now + boot,
            speed: .simulated,
            failure: failure
        )
    }

    func close() {
        companion?.taskEnded()
        companion = nil
    }

    var isProtected: Bool { service.state.protection(of: number, at: world.now) > 0 }
    var isCounting: Bool { life.stop == nil }
    /// Nothing of it is left.
    var isOver: Bool { life.state == .stopped }
    /// Started from a deployment that is the primary one no more.
    var isOutdated: Bool { deployment != service.state.primary.id }

    /// Outdated, and there before the newest deployment was.
    var isFromBefore: Bool { isOutdated && startedAt < service.state.primary.createdAt }

    func begin() {
        world.rules?.taskStarted(self)
        world.tally.boots += 1
        world.tally.taskStarted(at: world.now)
        advance()
    }

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
            world.policy.start(name, of: self)
            planMishaps()
        case .checkHealth(let name):
            life.checked(name, healthy: companion?.isHealthy ?? true, at: world.now)
        case .terminate(let name): world.policy.terminate(name, of: self)
        case .kill(let name): world.policy.kill(name, of: self)
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
            service.leaves(self, failsToStart: failsToStart)
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
        if service.editedByPerson || world.rules?.isTakenBare(self) ?? false {
            hasOutsideCause = true
        }
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
        world.rules?.taskStopped(self)
        world.tally.taskStopped(after: world.now - startedAt, at: world.now)
        companion?.taskEnded()
        companion = nil
        service.taskStopped(self)
    }

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
            world.tell("\(id): its agent crashes")
            hasOutsideCause = true
            killAgent()
            agentGone(code: 2)
            return true
        }
        plan(.stoppedOutside) { [self] in
            let stop = world.chance.pick([Stop.byUser, .spot])
            world.tell("\(id): \(stop.reason)")
            hasOutsideCause = true
            life.stop(stop)
            advance()
            return true
        }
        world.after(1.hours) { [self] in
            mishapsPlanned = false
            if !isOver { planMishaps() }
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

extension TaskLife.Speed {
    /// ECS's own times; no container of the simulation falls ill.
    static let simulated = TaskLife.Speed(healthChecks: 1, restarts: 1, checksHealthy: false)
}

/// What a policy runs in a task beside the agent.
protocol Companion: AnyObject {
    /// What the health check of its container says.
    var isHealthy: Bool { get }
    /// The agent wrote one of its status lines.
    func agentSays(_ line: AgentLine)
    func agentExited(code: Int32)
    /// - Returns: false where there is none that could die.
    func sidecarDies() -> Bool
    /// - Returns: false where there is none.
    func linkBreaks() -> Bool
    func taskEnded()
}

extension Companion {
    var isHealthy: Bool { true }
    func sidecarDies() -> Bool { false }
    func linkBreaks() -> Bool { false }
}
