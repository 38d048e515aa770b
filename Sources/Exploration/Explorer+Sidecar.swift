import AgentLink
import Decisions
import Model

/// Sidecars, launchers and agents.
extension Explorer {
    // MARK: The sidecar

    /// - Parameter view: the ledger as the sidecar has just written it, 0 where it has not.
    func observe(_ task: Int, _ observation: UInt16, view: UInt16 = 0) {
        guard world.tasks[task].mind != 0 else { return }
        let before = world.tasks[task].mind
        let reaction = minds.react(before, to: observation)
        world.tasks[task].mind = reaction.mind
        noteHeard(task, observation)
        for effect in reaction.effects { perform(effect, task, view) }
    }

    private func noteHeard(_ task: Int, _ observation: UInt16) {
        switch minds.observations[observation] {
        case .agent(.waiting): world.tasks[task].flags.insert(.heardIdle)
        case .agent(.registered): break
        case .agent, .unlinked: world.tasks[task].flags.remove(.heardIdle)
        default: break
        }
    }

    private func perform(_ effect: Minds.Effect, _ task: Int, _ view: UInt16) {
        tell?("task \(task + 1): \(minds.describe(effect))")
        switch effect {
        case .protect: world.tasks[task].pending.insert(.protect)
        case .unprotect: world.tasks[task].pending.insert(.unprotect)
        case .allowAgent: allowAgent(task)
        case .nameAgent: tellLauncher(task, .named)
        case .nameNext(let number):
            seen.hasNamedNext = true
            world.tasks[task].agentNumber = number
            tellLauncher(task, .nextNamed)
        case .drain:
            checkDrain(task)
            world.tasks[task].pending.insert(.drain)
        case .release: tellLauncher(task, .released)
        case .change(let operation): begin(operation, task)
        case .project: beginProjection(task, view)
        case .hold: tellLauncher(task, .held)
        case .look: world.tasks[task].pending.insert(.deployments)
        case .compare(let always):
            world.tasks[task].pending.insert(.compare)
            if always { world.tasks[task].pending.insert(.compareAlways) }
        case .watch: world.tasks[task].pending.insert(.watch)
        case .end: sidecarEnds(task)
        }
    }

    private func beginProjection(_ task: Int, _ view: UInt16) {
        let move = world.tasks[task].move
        guard move != 0 else { return world.tasks[task].flow = flows.project(0) }
        let flow = flows.follow(view, to: move, isBooked: false)
        guard case .done = flows[flow].step else {
            return world.tasks[task].flow = flow
        }
        // Somebody else's update has followed it already.
        world.tasks[task].move = 0
        append(task, known.projected)
    }

    private func begin(_ operation: UInt16, _ task: Int) {
        var change = ChangeState()
        change.operation = operation
        switch minds.operations[operation] {
        case .report(nil, _, _, _) where broken == .jobEnd:
            return append(
                task,
                minds.observation(.booked(.reported(nil), sizeChanged: false))
            )
        case .reserve:
            checkReserve(task)
            change.phase = .list
        case .report(_, _, _, isPlain: true): change.phase = .byItself
        case .expose:
            if ledgers.facts(of: world.ledger).exposed & 1 << task == 0 {
                world.tasks[task].flags.insert(.isUnentered)
            }
            change.phase = .read
        default: change.phase = .read
        }
        world.tasks[task].change = change
    }

    private func allowAgent(_ task: Int) {
        guard !world.tasks[task].flags.contains(.agentAllowed) else { return }
        world.tasks[task].flags.insert(.agentAllowed)
        guard world.tasks[task].stage == .running else { return }
        // It runs since the task does; what it does before it can be named is to wait.
        world.tasks[task].life = minds.newLife
        world.tasks[task].held = 0
    }

    /// Its launcher connects: what the sidecar hears first is what the last one knew.
    func connect(_ task: Int) {
        write(.connect, task: task)
        world.tasks[task].flags.insert(.isLinked)
        say(task, known.linked)
        for message in minds.greeting(of: world.tasks[task].life) { say(task, message) }
    }

    func say(_ task: Int, _ message: UInt16) {
        guard world.tasks[task].flags.contains(.isLinked) else { return }
        append(task, message)
    }

    /// The sidecar hears the next message.
    func hear(_ task: Int) {
        let (message, left) = minds.popped(world.tasks[task].inbox)
        world.tasks[task].inbox = left
        // What it tells itself is no message.
        if message != known.projected { write(.hear, task: task) }
        tell?("task \(task + 1): its sidecar hears \(minds.observations[message])")
        observe(task, message)
    }

    /// What follows at once: a link is made, and a message is heard while no call of the sidecar
    /// is under way.
    func settle() {
        var isChanging = true
        while isChanging {
            isChanging = false
            for task in tasks {
                if needsLink(task), scene.budgets.breaks == 0 || world.tasks[task].held == 0 {
                    connect(task)
                    isChanging = true
                }
                while world.tasks[task].inbox != 0, world.tasks[task].mind != 0, !hasCall(task) {
                    hear(task)
                    isChanging = true
                }
            }
        }
    }

    /// Its process is gone, with what it had under way.
    func loseSidecar(_ task: Int) {
        world.tasks[task].mind = 0
        world.tasks[task].inbox = 0
        world.tasks[task].flow = 0
        world.tasks[task].move = 0
        world.tasks[task].change = ChangeState()
        world.tasks[task].pending.formIntersection(.renewal)
        world.tasks[task].flags.subtract([.isLinked, .heardIdle])
    }

    private func sidecarEnds(_ task: Int) {
        loseSidecar(task)
        if world.tasks[task].life == 0 { endTask(task) }
    }

    // MARK: The launcher

    func tellLauncher(_ task: Int, _ event: Minds.LifeEvent) {
        guard world.tasks[task].life != 0 else { return }
        let reaction = minds.react(world.tasks[task].life, to: event)
        world.tasks[task].life = reaction.life
        for effect in reaction.effects {
            switch effect {
            case .start: startAgent(task)
            case .signal: signal(task)
            case .say(let message): say(task, message)
            case .renew: world.tasks[task].pending.insert(.renewal)
            case .leave: leave(task)
            // Answered by whoever asked for it, since the answer is a transition.
            case .countJobProcesses: break
            }
        }
    }

    /// The agent's container ends, and with it the task: its sidecar is asked to stop.
    private func leave(_ task: Int) {
        world.tasks[task].life = 0
        world.tasks[task].held = 0
        world.tasks[task].pending.remove(.renewal)
        if world.tasks[task].stage == .running { world.tasks[task].stage = .closing }
        guard world.tasks[task].mind != 0 else {
            // A sidecar that is down is not started again.
            return endTask(task)
        }
        if world.tasks[task].flags.contains(.isLinked) {
            say(task, known.unlinked)
            world.tasks[task].flags.remove(.isLinked)
        }
        append(task, known.stopRequested)
    }

    /// What reaches the sidecar without its link, after all that came by it.
    func append(_ task: Int, _ observation: UInt16) {
        world.tasks[task].inbox = minds.pushed(observation, to: world.tasks[task].inbox)
    }

    /// Nothing of the task is left.
    func endTask(_ task: Int) {
        tell?("task \(task + 1) is over")
        let state = world.tasks[task]
        checkEnd(task)
        rememberService()
        change(.stopped, task)
        if state.agent.mayLive { killAgent(task) }
        world.tasks[task] = TaskState()
    }

    // MARK: The agent

    private func startAgent(_ task: Int) {
        if scene.agentsFailToStart, world.left.agentCrashes > 0 {
            world.tasks[task].agent = .starting
        } else {
            agentStarts(task)
        }
    }

    /// It registers and waits for its first job.
    func agentStarts(_ task: Int) {
        write(.startAgent, task: task)
        world.tasks[task].agent = .idle
        world.tasks[task].signals = 0
        tellLauncher(task, .registered)
        tellLauncher(task, .waiting)
    }

    private func signal(_ task: Int) {
        guard world.tasks[task].agent.mayLive else { return }
        world.tasks[task].signals += 1
        checkSignals(task)
        if world.tasks[task].agent != .busy { world.tasks[task].agent = .leaving }
    }

    func agentExits(_ task: Int, _ event: Minds.LifeEvent) {
        world.tasks[task].agent = .gone
        world.tasks[task].held = 0
        tellLauncher(task, event)
        tellLauncher(task, .outputSettled)
    }

    /// It ends whatever it does.
    func killAgent(_ task: Int) {
        if world.tasks[task].agent == .busy {
            checkLoss(task)
            world.jobs[Int(world.tasks[task].job) - 1].stage = .over
            world.tasks[task].job = 0
        }
        world.tasks[task].agent = .gone
    }

    func receive(_ task: Int, _ job: Int) {
        checkContainer(task)
        world.tasks[task].isUsed = scene.mode == .renewed
        world.tasks[task].agent = .busy
        world.tasks[task].job = UInt8(job + 1)
        world.jobs[job].stage = .held
        tellLauncher(task, job == 0 ? .received1 : .received2)
    }

    func finish(_ task: Int) {
        world.jobs[Int(world.tasks[task].job) - 1].stage = .over
        world.tasks[task].job = 0
        if scene.mode.isSingle || world.tasks[task].signals > 0 {
            agentExits(task, .agentExited)
        } else {
            world.tasks[task].agent = .idle
            tellLauncher(task, .waiting)
        }
    }
}

extension Minds {
    func describe(_ effect: Effect) -> String {
        switch effect {
        case .change(let operation): "ledger \(operations[operation])"
        default: "\(effect)"
        }
    }
}
