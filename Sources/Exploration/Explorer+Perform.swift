import AgentLink
import Decisions
import Model

/// What each transition does.
extension Explorer {
    func perform(_ transition: Transition) {
        write(transition)
        play(transition)
        settle()
        checkState()
    }

    private func play(_ transition: Transition) {
        let who = transition.index
        switch transition.kind {
        case .tick: tick()
        case .startTask, .stopTasks: takeTurn(Int(transition.how))
        case .boot: boot(who)
        case .failBoot:
            spend(\.failedStarts)
            endTask(who)
        case .stopTask:
            spend(\.stops)
            world.tasks[who].flags.insert(.hasOutsideCause)
            rememberService()
            change(.leaves, who)
            stop(who)
        case .killTask: endTask(who)
        case .edit:
            spend(\.edits)
            setDesired(Int(transition.how), byPerson: true)
        case .deploy: deploy()
        case .delete:
            spend(\.deletions)
            change(.delete)
        case .call: call(who)
        case .endpoint: endpoint(who, transition.fate)
        case .follow: follow(who, transition.fate)
        case .project: project(who, transition.fate)
        case .receive: receive(who, Int(transition.how))
        case .finish: finish(who)
        case .exit: agentExits(who, .agentExited)
        case .crashAgent:
            spend(\.agentCrashes)
            world.tasks[who].flags.insert(.hasOutsideCause)
            killAgent(who)
            agentExits(who, .agentCrashed)
        case .startAgent: agentStarts(who)
        case .failAgent:
            spend(\.agentCrashes)
            agentExits(who, .agentCrashed)
        case .hear: hear(who)
        case .connect: connect(who)
        case .breakLink:
            spend(\.breaks)
            world.tasks[who].flags.remove(.isLinked)
            append(who, known.unlinked)
        case .drain: drain(who, processes: transition.how != 0)
        case .renew, .spoil: renew(who, isClean: transition.kind == .renew)
        case .protect: protect(who, transition.fate)
        case .unprotect: unprotect(who, transition.fate)
        case .compare: compare(who, transition.fate)
        case .deployments: deployments(who, transition.fate)
        case .watch: watch(who, transition.fate)
        case .list, .byItself, .read, .write, .look, .raise: performChange(transition)
        case .startSweep: startSweep()
        case .crash: crash(who, lands: transition.how != 0)
        case .restart: restart(who)
        case .releaseLimit: tellLauncher(who, .releaseLimitReached)
        case .aloneLimit:
            tellLauncher(who, .aloneLimitReached)
            tellLauncher(who, .noJobProcesses)
        case .startLimit:
            // What delivered the launcher has asked for protection too.
            if change(.protect, who) { world.tasks[who].protectedFor = UInt8(scene.protection) }
            tellLauncher(who, .startLimitReached)
        case .age: setLedger(ledgers.aged(world.ledger, gone: vacant, over: over))
        case .bookingPasses: setLedger(ledgers.unbooked(world.ledger))
        }
    }

    private func deploy() {
        spend(\.deployments)
        let (all, left) = (scene.budgets, world.left)
        world.replacements = all.faults - left.faults + all.crashes - left.crashes
        world.replacements += UInt8(service.counting)
        change(.deploy)
    }

    /// Another ledger, of which nothing that is counted has changed.
    private func setLedger(_ ledger: UInt16) { setLedger(ledger, .nothing, by: nil) }

    // MARK: Time

    private func tick() {
        checkQuiet()
        world.unswept = sweepFinds ? world.unswept + 1 : 0
        setLedger(ledgers.unbooked(world.ledger))
        for task in tasks where world.tasks[task].stage != .vacant { tick(task) }
    }

    private func tick(_ task: Int) {
        let state = world.tasks[task]
        if state.protectedFor > 0 { world.tasks[task].protectedFor -= 1 }
        if state.protectedFor == 1 { change(.unprotect, task) }
        let isExposed = ledgers.facts(of: world.ledger).exposed & 1 << task != 0
        if isExposed || state.protectedFor > 0 { world.tasks[task].flags.remove(.isUnentered) }
        let waits = minds.facts(of: state.life).hasEnded || isAlone(task)
        if state.stage != .running || waits, state.held < 2 {
            world.tasks[task].held += 1
        }
        guard state.mind != 0 else { return }
        let (mind, isDue) = minds.aged(state.mind)
        world.tasks[task].mind = mind
        if isDue { observe(task, known.woke) }
    }

    // MARK: ECS

    /// A turn of the service's scheduler.
    private func takeTurn(_ choice: Int) {
        let turn = turns[choice]
        let wasOutdated = service.outdated
        rememberService()
        world.service = turn.service
        write(turn)
        for task in turn.stops { scaleIn(task, forDeployment: wasOutdated & 1 << task != 0) }
        for task in turn.starts {
            tell?("ECS starts task \(task + 1)")
            world.tasks[task] = TaskState()
            world.tasks[task].stage = .pending
            if !scene.deploys { boot(task) }
        }
    }

    /// Its containers run, the sidecar's first.
    private func boot(_ task: Int) {
        write(.boot, task: task)
        change(.ran, task)
        world.tasks[task].stage = .running
        world.tasks[task].mind = minds.newMind(
            restarted: false,
            hasPredecessor: false,
            agentNumber: 1
        )
        observe(task, known.woke)
    }

    private func scaleIn(_ task: Int, forDeployment: Bool) {
        tell?("ECS stops task \(task + 1)")
        // Protection is all that holds a deployment back, and the end of a service.
        let isKnownBare =
            forDeployment || !service.isActive
            ? ledgers.facts(of: world.ledger).exposed & 1 << task != 0 : false
        if !isKnownBare { checkScaleIn(task) }
        if world.flags.contains(.isEdited) || isKnownBare {
            world.tasks[task].flags.insert(.hasOutsideCause)
        }
        stop(task)
    }

    private func stop(_ task: Int) {
        world.tasks[task].stage = .stopping
        world.tasks[task].held = 0
        if world.tasks[task].life != 0 {
            if broken == .oneSignal { tellAgent(task) }
            tellLauncher(task, .outsideStop)
        } else if world.tasks[task].mind != 0 {
            append(task, known.stopRequested)
        } else {
            endTask(task)
        }
    }

    /// A signal beside the launcher's.
    private func tellAgent(_ task: Int) {
        guard world.tasks[task].agent.mayLive else { return }
        world.tasks[task].signals += 1
        checkSignals(task)
    }

    // MARK: Protection

    private func protect(_ task: Int, _ fate: Transition.Fate) {
        world.tasks[task].pending.remove(.protect)
        if fate != .answered { spend(\.faults) }
        if fate == .blind { spend(\.faults) }
        guard broken != .protection else { return observe(task, known.protected) }
        var isGranted = false
        if fate != .failedBefore {
            isGranted = change(.protect, task)
        }
        if isGranted { world.tasks[task].protectedFor = UInt8(scene.protection) }
        if fate == .answered, isGranted { return observe(task, known.protected) }
        let left = world.tasks[task].protectedFor
        let report: UInt16 = fate == .answered ? known.blocked : known.unclear
        guard left > 0, fate != .blind else { return observe(task, report) }
        observe(
            task,
            minds.observation(.protection(.held(for: .seconds(Int(left)), "a fault")))
        )
    }

    private func unprotect(_ task: Int, _ fate: Transition.Fate) {
        world.tasks[task].pending.remove(.unprotect)
        if fate != .answered {
            spend(\.faults)
        } else {
            world.tasks[task].protectedFor = 0
            change(.unprotect, task)
        }
        observe(task, fate == .answered ? known.unprotected : known.unprotectFailed)
    }

    private func deployments(_ task: Int, _ fate: Transition.Fate) {
        world.tasks[task].pending.remove(.deployments)
        guard fate == .answered else {
            spend(\.faults)
            return observe(task, known.notLooked)
        }
        observe(task, minds.observation(.looked(rollout(world.service, task))))
    }

    private func rollout(_ service: UInt16, _ task: Int) -> Rollout {
        broken == .handOver ? .settled : services.rollout(service, task)
    }

    // MARK: HCP Terraform's view

    private func watch(_ task: Int, _ fate: Transition.Fate) {
        world.tasks[task].pending.remove(.watch)
        let isBusy = world.tasks[task].agent == .busy
        let report: WatchReport
        switch fate {
        // A moment's delay.
        case .stale: report = .seen(isBusy ? .idle : .busy)
        // It takes the agent for lost.
        case .lost: report = .seen(.errored)
        case .answered:
            report = .seen(world.tasks[task].agent == .gone ? .exited : isBusy ? .busy : .idle)
        default: report = .failed("a fault", wait: nil)
        }
        switch fate {
        case .answered: break
        case .stale, .lost: spend(\.mistakes)
        default: spend(\.faults)
        }
        observe(task, minds.observation(.watched(report)))
    }

    // MARK: Service and ledger beside each other

    private func compare(_ task: Int, _ fate: Transition.Fate) {
        world.tasks[task].pending.subtract([.compare, .compareAlways])
        if fate == .failedBefore {
            spend(\.faults)
            return observe(task, known.notCompared)
        }
        if fate == .stale { spend(\.stale) }
        guard ledgers.facts(of: world.ledger).isAdopted else {
            if service.isActive { adopt(task) }
            return observe(task, known.notCompared)
        }
        compared(task, fate == .stale ? world.serviceBefore : world.service)
    }

    private func compared(_ task: Int, _ service: UInt16) {
        let rollout = services.rollout(service, task)
        let key = (UInt64(world.ledger) << 16 | UInt64(service)) << 2 | UInt64(task)
        let seen = minds.observation(key) {
            .compared(
                Comparison(
                    ledgers[world.ledger],
                    ledgers.limits,
                    service: services.view(service),
                    running: services.facts(of: service).running,
                    rollout: rollout,
                    at: Small.wallNow
                )
            )
        }
        observe(task, seen)
    }

    /// A change of its own, here in one transition.
    private func adopt(_ task: Int) {
        let before = world.ledger
        let after = ledgers.adopted(before, desired: UInt8(service.desired))
        checkWrite(from: before, to: after, by: task, isStale: false)
        setLedger(after, .version, by: task)
    }

    // MARK: Drain, death and birth

    private func drain(_ task: Int, processes: Bool) {
        world.tasks[task].pending.remove(.drain)
        tellLauncher(task, .drainAsked)
        tellLauncher(task, processes ? .jobProcesses : .noJobProcesses)
    }

    private func renew(_ task: Int, isClean: Bool) {
        world.tasks[task].pending.remove(.renewal)
        if isClean { world.tasks[task].isUsed = false }
        tellLauncher(task, isClean || broken == .clean ? .renewed : .spoiled)
    }

    private func crash(_ task: Int, lands: Bool) {
        spend(\.crashes)
        if lands { land(task) }
        loseSidecar(task)
        guard scene.diesForGood else {
            world.tasks[task].flags.insert(.isWithoutSidecar)
            return
        }
        // Nobody renews its protection any more, which no rule can prevent.
        world.tasks[task].flags.insert(.hasOutsideCause)
        world.tasks[task].held = 0
        // Its launcher has waited for it, and now nobody answers any more.
        if world.tasks[task].life == 0 { world.tasks[task].life = minds.newLife }
    }

    private func restart(_ task: Int) {
        world.tasks[task].flags.remove(.isWithoutSidecar)
        let agentAllowed = world.tasks[task].flags.contains(.agentAllowed)
        world.tasks[task].mind = minds.newMind(
            restarted: agentAllowed,
            hasPredecessor: true,
            agentNumber: world.tasks[task].agentNumber
        )
        world.tasks[task].flags.insert(.hasPredecessor)
        observe(task, known.woke)
        if world.tasks[task].stage != .running, world.tasks[task].life == 0 {
            append(task, known.stopRequested)
        }
    }
}
