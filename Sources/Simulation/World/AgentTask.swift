import Decisions

/// One ECS task: from the scheduler's decision until nothing of it is left.
final class AgentTask {
    enum State {
        /// Provisioning, pulling images, starting the first container.
        case starting
        case running
        /// Asked to stop from outside; what it runs has the stop timeout to end.
        case stopping
        case stopped
    }

    let id: TaskID
    unowned let service: Service
    unowned let world: World
    private(set) var state = State.starting
    private(set) var everRan = false
    let startedAt: Milliseconds
    var protectedUntil: Milliseconds = 0
    /// Stopped, or made to lose its agent, by something that no rule can prevent.
    private(set) var hasOutsideCause = false
    /// Stopped by ECS while protection and ledger were both away.
    private(set) var wasUnentered = false
    /// The ledger's size has fallen for this task.
    var hasLowered = false

    var agent = Agent()
    /// What the policy runs beside the agent: the sidecar and the launcher; nothing for others.
    var companion: (any Companion)?

    init(service: Service) {
        self.service = service
        world = service.world
        id = world.newTaskID()
        startedAt = world.now
    }

    func close() {
        companion?.taskEnded()
        companion = nil
    }

    var isProtected: Bool { protectedUntil > world.now }
    var isCounting: Bool { state == .starting || state == .running }

    func begin() {
        world.tally.boots += 1
        world.tally.taskStarted(at: world.now)
        let fails = world.chance.happens(world.faults.bootFails)
        world.after(world.setup.boot) { [self] in
            guard state == .starting else { return }
            if fails {
                world.tell("\(id) does not get up")
                return end()
            }
            service.remember()
            state = .running
            everRan = true
            service.taskStarted()
            world.policy.containersUp(self)
            if !world.faults.isNone { planMishaps() }
        }
    }

    // MARK: Its end

    /// ECS asks the task to stop: scale-in, Spot, a person.
    func stop(byScalingIn: Bool) {
        guard state == .starting || state == .running else { return }
        if byScalingIn { wasUnentered = world.rules?.isUnentered(self) ?? false }
        // What ECS stops for a count that a person set is that person's.
        if !byScalingIn || service.editedByPerson { hasOutsideCause = true }
        let ran = state == .running
        service.remember()
        state = .stopping
        guard ran, agent.mayLive || companion != nil else {
            world.after(1.seconds...3.seconds) { [self] in end() }
            return
        }
        world.policy.stopSignal(self)
        world.after(world.policy.stopTimeout) { [self] in
            guard state == .stopping, agent.mayLive else { return }
            killAgent()
            end()
        }
    }

    /// The essential container has ended.
    func containerEnded() {
        guard state == .running || state == .stopping else { return }
        // ECS needs a moment to notice, and the task counts as running until then.
        world.after(500...3.seconds) { [self] in end() }
    }

    /// Everything ends at once: the host is gone.
    func vanish() {
        guard state != .stopped else { return }
        hasOutsideCause = true
        killAgent()
        end()
    }

    private func end() {
        guard state != .stopped else { return }
        killAgent()
        service.remember()
        state = .stopped
        world.tally.taskStopped(after: world.now - startedAt, at: world.now)
        companion?.taskEnded()
        companion = nil
        service.taskStopped(self)
    }

    // MARK: Mishaps

    /// Draws what happens to this task within the next hour.
    private func planMishaps() {
        let faults = world.faults
        plan(faults.sidecarDies) { [self] in companion?.sidecarDies() }
        plan(faults.linkBreaks) { [self] in companion?.linkBreaks() }
        plan(faults.hostDies) { [self] in
            world.tell("\(id): its host dies")
            vanish()
        }
        plan(faults.agentDies) { [self] in
            guard agent.mayLive else { return }
            world.tell("\(id): its agent crashes")
            hasOutsideCause = true
            killAgent()
            agentGone(code: 2)
        }
        plan(faults.stoppedOutside) { [self] in
            world.tell("\(id) is stopped from outside")
            stop(byScalingIn: false)
        }
        world.after(1.hours) { [self] in
            if state != .stopped, !world.faults.isNone { planMishaps() }
        }
    }

    private func plan(_ perHour: Int, _ mishap: @escaping () -> Void) {
        guard world.chance.happens(perHour) else { return }
        world.after(world.chance.below(1.hours)) { [self] in
            if state == .running, !world.faults.isNone { mishap() }
        }
    }
}

/// What a policy runs in a task beside the agent.
protocol Companion: AnyObject {
    /// The agent wrote one of its status lines.
    func agentSays(_ line: AgentLine)
    func agentExited(code: Int32)
    func sidecarDies()
    func linkBreaks()
    func taskEnded()
}
