import Decisions

/// What each step does.
extension Explorer {
    func perform(_ step: Step) {
        let who = step.index
        switch step.kind {
        case .tick: tick()
        case .startTask, .scaleIn, .stopTask, .killTask, .edit: performService(step)
        case .call: call(who)
        case .endpoint: endpoint(who, step.fate)
        case .follow: follow(who, step.fate)
        case .project: project(who, step.fate)
        case .receive: receive(who, Int(step.how))
        case .finish: finish(who)
        case .exit: agentExits(who, .agentExited)
        case .crashAgent:
            spend(\.agentCrashes)
            world.tasks[who].flags.insert(.hasOutsideCause)
            killAgent(who)
            agentExits(who, .agentCrashed)
        case .hear: hear(who)
        case .connect: connect(who)
        case .breakLink:
            spend(\.breaks)
            world.tasks[who].flags.remove(.isLinked)
            append(who, known.unlinked)
        case .drain: drain(who, processes: step.how != 0)
        case .protect: protect(who, step.fate)
        case .unprotect: unprotect(who, step.fate)
        case .compare: compare(who, step.fate)
        case .deployments: deployments(who, step.fate)
        case .list, .byItself, .read, .write, .look, .raise: performChange(step)
        case .startSweep: startSweep()
        case .crash: crash(who, lands: step.how != 0)
        case .restart: restart(who)
        case .releaseLimit: tellLauncher(who, .releaseLimitReached)
        case .age: setLedger(machine.aged(world.ledger, gone: vacant, over: over))
        case .bookingPasses: setLedger(machine.unbooked(world.ledger))
        }
        settle()
        checkState()
    }

    /// Another ledger, of which nothing that is counted has changed.
    private func setLedger(_ ledger: UInt16) { setLedger(ledger, .nothing, by: nil) }

    // MARK: Time

    private func tick() {
        checkQuiet()
        world.unswept = sweepFinds ? world.unswept + 1 : 0
        setLedger(machine.unbooked(world.ledger))
        for task in tasks where world.tasks[task].stage != .vacant { tick(task) }
    }

    private func tick(_ task: Int) {
        let state = world.tasks[task]
        if state.protectedFor > 0 { world.tasks[task].protectedFor -= 1 }
        let isExposed = machine.facts(of: world.ledger).exposed & 1 << task != 0
        if isExposed || state.protectedFor > 0 { world.tasks[task].flags.remove(.isUnentered) }
        if state.stage != .running || machine.hasEnded(state.life), state.held < 2 {
            world.tasks[task].held += 1
        }
        guard state.mind != 0 else { return }
        let (mind, isDue) = machine.aged(state.mind)
        world.tasks[task].mind = mind
        if isDue { observe(task, known.woke) }
    }

    // MARK: ECS

    private func performService(_ step: Step) {
        let task = step.index
        switch step.kind {
        case .startTask:
            guard let slot = vacantSlot else { return }
            rememberService()
            world.tasks[slot] = TaskState()
            world.tasks[slot].stage = .running
            world.tasks[slot].mind = machine.newMind(restarted: false, hasPredecessor: false)
            tell?("ECS starts task \(slot + 1)")
            observe(slot, known.woke)
        case .scaleIn:
            checkScaleIn(task)
            if world.flags.contains(.isEdited) {
                world.tasks[task].flags.insert(.hasOutsideCause)
            }
            stop(task)
        case .stopTask:
            spend(\.stops)
            world.tasks[task].flags.insert(.hasOutsideCause)
            stop(task)
        case .edit:
            spend(\.edits)
            setDesired(Int(step.how), byPerson: true)
        default: endTask(task)
        }
    }

    private func stop(_ task: Int) {
        rememberService()
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

    private func protect(_ task: Int, _ fate: Step.Fate) {
        world.tasks[task].pending.remove(.protect)
        if fate != .answered { spend(\.faults) }
        if fate == .blind { spend(\.faults) }
        guard broken != .protection else { return observe(task, known.protected) }
        var isGranted = false
        if fate != .failedBefore {
            let others = tasks.count { $0 != task && isProtected($0) }
            isGranted = others < Int(world.desired)
        }
        if isGranted { world.tasks[task].protectedFor = UInt8(scene.protection) }
        if fate == .answered, isGranted { return observe(task, known.protected) }
        let left = world.tasks[task].protectedFor
        let report: UInt16 = fate == .answered ? known.blocked : known.unclear
        guard left > 0, fate != .blind else { return observe(task, report) }
        observe(
            task,
            machine.observation(.protection(.held(for: .seconds(Int(left)), "a fault")))
        )
    }

    private func isProtected(_ task: Int) -> Bool {
        world.tasks[task].stage != .vacant && world.tasks[task].protectedFor > 0
    }

    private func unprotect(_ task: Int, _ fate: Step.Fate) {
        world.tasks[task].pending.remove(.unprotect)
        if fate != .answered { spend(\.faults) } else { world.tasks[task].protectedFor = 0 }
        observe(task, fate == .answered ? known.unprotected : known.unprotectFailed)
    }

    /// No deployment is under way.
    private func deployments(_ task: Int, _ fate: Step.Fate) {
        world.tasks[task].pending.remove(.deployments)
        if fate != .answered { spend(\.faults) }
        observe(task, fate == .answered ? known.settled : known.notLooked)
    }

    // MARK: Service and ledger beside each other

    private func compare(_ task: Int, _ fate: Step.Fate) {
        world.tasks[task].pending.subtract([.compare, .compareAlways])
        if fate == .failedBefore {
            spend(\.faults)
            return observe(task, known.notCompared)
        }
        if fate == .stale { spend(\.stale) }
        guard machine.facts(of: world.ledger).isAdopted else {
            adopt(task)
            return observe(task, known.notCompared)
        }
        let isStale = fate == .stale
        let seen = machine.compared(
            world.ledger,
            desired: isStale ? world.desiredBefore : world.desired,
            running: (isStale ? world.listedBefore : listed).nonzeroBitCount
        )
        observe(task, seen)
    }

    /// A change of its own, here in one step.
    private func adopt(_ task: Int) {
        let before = world.ledger
        let after = machine.adopted(before, desired: world.desired)
        checkWrite(from: before, to: after, by: task, isStale: false)
        setLedger(after, .version, by: task)
    }

    // MARK: Drain, death and birth

    private func drain(_ task: Int, processes: Bool) {
        world.tasks[task].pending.remove(.drain)
        tellLauncher(task, .drainAsked)
        tellLauncher(task, processes ? .jobProcesses : .noJobProcesses)
    }

    private func crash(_ task: Int, lands: Bool) {
        spend(\.crashes)
        if lands { land(task) }
        loseSidecar(task)
        world.tasks[task].flags.insert(.isWithoutSidecar)
    }

    private func restart(_ task: Int) {
        world.tasks[task].flags.remove(.isWithoutSidecar)
        let isHealthy = world.tasks[task].flags.contains(.isHealthy)
        world.tasks[task].mind = machine.newMind(restarted: isHealthy, hasPredecessor: true)
        world.tasks[task].flags.insert(.hasPredecessor)
        observe(task, known.woke)
        if world.tasks[task].stage != .running, world.tasks[task].life == 0 {
            append(task, known.stopRequested)
        }
    }
}
