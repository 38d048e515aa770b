import Decisions

/// Which transitions there are in a world.
extension Explorer {
    /// In an order that depends on the world alone, so that a transition is told by its number.
    func enumerate(into transitions: inout [Transition]) {
        transitions.removeAll(keepingCapacity: true)
        if scene.isPrompt, let task = tasks.first(where: isPrompt) {
            return addPrompt(task, world.tasks[task], &transitions)
        }
        for task in tasks { addTask(task, &transitions) }
        for job in jobs { addJob(job, &transitions) }
        addSweep(&transitions)
        addService(&transitions)
        if mayTick { transitions.append(Transition(.tick)) }
    }

    /// A call and the ways in which it may end.
    private func addCall(
        _ kind: Transition.Kind,
        _ who: Int,
        _ transitions: inout [Transition],
        failing: [Transition.Fate] = []
    ) {
        transitions.append(Transition(kind, who, .answered))
        guard world.left.faults > 0 else { return }
        for fate in failing {
            if fate == .blind, world.left.faults < 2 { continue }
            transitions.append(Transition(kind, who, fate))
        }
    }

    private func addTask(_ task: Int, _ transitions: inout [Transition]) {
        let state = world.tasks[task]
        guard state.stage != .vacant else { return }
        addSidecar(task, state, &transitions)
        addAgent(task, state, &transitions)
        if state.pending.contains(.drain), state.life != 0 {
            transitions.append(Transition(.drain, task, how: 0))
            if state.agent == .busy { transitions.append(Transition(.drain, task, how: 1)) }
        }
        if state.pending.contains(.renewal) {
            transitions += [Transition(.renew, task), Transition(.spoil, task)]
        }
        if let limit = launcherLimit(task) { transitions.append(Transition(limit, task)) }
        if state.stage == .pending {
            transitions.append(Transition(.boot, task))
            if world.left.failedStarts > 0 { transitions.append(Transition(.failBoot, task)) }
        }
        if state.held >= Small.stopTimeout, state.stage != .running {
            transitions.append(Transition(.killTask, task))
        }
        if world.left.stops > 0, state.stage == .running {
            transitions.append(Transition(.stopTask, task))
        }
    }

    /// What its launcher has waited for long enough.
    private func launcherLimit(_ task: Int) -> Transition.Kind? {
        let state = world.tasks[task]
        guard state.held >= Small.releaseLimit else { return nil }
        let life = minds.facts(of: state.life)
        if life.hasEnded, !life.isHeld { return .releaseLimit }
        if !life.isRunning, !life.hasEnded { return isAlone(task) ? .startLimit : nil }
        let waits = life.isHeld || life.isRunning && state.agent == .idle
        return waits && isAlone(task) ? .aloneLimit : nil
    }

    private func addSidecar(_ task: Int, _ state: TaskState, _ transitions: inout [Transition]) {
        if state.flags.contains(.isWithoutSidecar) {
            transitions.append(Transition(.restart, task))
        }
        guard state.mind != 0 else { return }
        if state.inbox != 0 { transitions.append(Transition(.hear, task)) }
        if needsLink(task) { transitions.append(Transition(.connect, task)) }
        addPrompt(task, state, &transitions)
        if state.pending.contains(.deployments) {
            addCall(.deployments, task, &transitions, failing: [.failedBefore])
        }
        if state.pending.contains(.watch) {
            addCall(.watch, task, &transitions, failing: [.failedBefore])
            if world.left.mistakes > 0 {
                transitions.append(Transition(.watch, task, .stale))
                transitions.append(Transition(.watch, task, .lost))
            }
        }
        addChange(state.change, task, &transitions)
        if state.flow != 0 { addFlow(.project, task, state.flow, &transitions) }
        if world.left.crashes > 0, state.stage == .running {
            transitions.append(Transition(.crash, task, how: 0))
            if state.change.phase == .write || state.change.phase == .byItself {
                transitions.append(Transition(.crash, task, how: 1))
            }
        }
        if world.left.breaks > 0, state.flags.contains(.isLinked) {
            transitions.append(Transition(.breakLink, task))
        }
    }

    private func isPrompt(_ task: Int) -> Bool {
        !world.tasks[task].pending.isDisjoint(with: [.protect, .unprotect, .compare])
    }

    private func addPrompt(_ task: Int, _ state: TaskState, _ transitions: inout [Transition]) {
        if state.pending.contains(.protect) {
            addCall(.protect, task, &transitions, failing: [.failedBefore, .failedAfter, .blind])
        }
        if state.pending.contains(.unprotect) {
            addCall(.unprotect, task, &transitions, failing: [.failedBefore])
        }
        if state.pending.contains(.compare) {
            addCall(.compare, task, &transitions, failing: [.failedBefore])
            if world.left.stale > 0 { transitions.append(Transition(.compare, task, .stale)) }
        }
    }

    private func addChange(_ change: ChangeState, _ who: Int, _ transitions: inout [Transition]) {
        switch change.phase {
        case .none: break
        case .list:
            addCall(.list, who, &transitions, failing: [.failedBefore])
            if world.left.stale > 0 { transitions.append(Transition(.list, who, .stale)) }
        case .byItself:
            addCall(.byItself, who, &transitions, failing: [.failedBefore, .failedAfter])
        case .read: addCall(.read, who, &transitions, failing: [.failedBefore])
        case .write:
            addCall(.write, who, &transitions, failing: [.failedBefore, .failedAfter, .lost])
        case .look: addCall(.look, who, &transitions, failing: [.failedBefore])
        case .raise: addCall(.raise, who, &transitions, failing: [.failedBefore, .failedAfter])
        }
    }

    private func addFlow(
        _ kind: Transition.Kind,
        _ who: Int,
        _ flow: UInt16,
        _ transitions: inout [Transition]
    ) {
        switch flows[flow].step {
        case .readLedger, .readCounted, .note, .book:
            addCall(kind, who, &transitions, failing: [.failedBefore])
        case .readService:
            addCall(kind, who, &transitions, failing: [.failedBefore])
            if world.left.stale > 0 { transitions.append(Transition(kind, who, .stale)) }
        case .write:
            addCall(kind, who, &transitions, failing: [.failedBefore, .failedAfter, .blind])
        case .wait:
            if !ledgers.facts(of: world.ledger).isBooked {
                transitions.append(Transition(kind, who, .answered))
            }
        case .pause, .done, .unsettled: break
        }
    }

    private func addAgent(_ task: Int, _ state: TaskState, _ transitions: inout [Transition]) {
        switch state.agent {
        case .absent, .gone: break
        case .starting:
            transitions.append(Transition(.startAgent, task))
            transitions.append(Transition(.failAgent, task))
        case .idle:
            for job in jobs where world.jobs[job].stage == .queued {
                transitions.append(Transition(.receive, task, how: job))
            }
        case .leaving:
            for job in jobs where world.jobs[job].stage == .queued {
                transitions.append(Transition(.receive, task, how: job))
            }
            transitions.append(Transition(.exit, task))
        case .busy: transitions.append(Transition(.finish, task))
        }
        if world.left.agentCrashes > 0, !scene.agentsFailToStart, state.agent.mayLive,
            state.stage == .running
        {
            transitions.append(Transition(.crashAgent, task))
        }
    }

    private func addJob(_ job: Int, _ transitions: inout [Transition]) {
        let state = world.jobs[job]
        if state.announcement != 0 {
            switch flows.announcements[state.announcement].step {
            case .read: addCall(.endpoint, job, &transitions, failing: [.failedBefore])
            case .put, .drop, .raise, .uphold, .done, .unsettled:
                addCall(.endpoint, job, &transitions, failing: [.failedBefore, .failedAfter])
            }
        } else if state.flow != 0 {
            addFlow(.follow, job, state.flow, &transitions)
        } else if state.stage == .unknown ? isNext(job) : world.left.mistakes > 0 {
            transitions.append(Transition(.call, job))
        }
    }

    /// Jobs differ in nothing, so that the first one is called for first.
    private func isNext(_ job: Int) -> Bool {
        job == 0 || world.jobs[job - 1].flags.contains(.wasCalled)
    }

    private func addSweep(_ transitions: inout [Transition]) {
        addChange(world.sweepChange, theSweep, &transitions)
        if world.sweepFlow != 0 { addFlow(.project, theSweep, world.sweepFlow, &transitions) }
        if world.sweepChange.phase == .none, world.sweepFlow == 0, sweepFinds,
            scene.sweepsAnyTime || isQuiet
        {
            transitions.append(Transition(.startSweep, theSweep))
        }
        if ledgers.facts(of: world.ledger).isBooked {
            transitions.append(Transition(.bookingPasses))
        }
    }

    /// A sweep that would find nothing changes nothing.
    var sweepFinds: Bool {
        let facts = ledgers.facts(of: world.ledger)
        return facts.size != service.desired || facts.isWritten && facts.needsTidying
    }

    private func addService(_ transitions: inout [Transition]) {
        for (choice, turn) in turns.enumerated() {
            transitions.append(
                Transition(turn.stops.isEmpty ? .startTask : .stopTasks, how: choice)
            )
        }
        if world.left.edits > 0 {
            for count in 0...scene.tasks where count != service.desired {
                transitions.append(Transition(.edit, 0, how: count))
            }
        }
        if world.left.deployments > 0 { transitions.append(Transition(.deploy)) }
        if world.left.deletions > 0 { transitions.append(Transition(.delete)) }
        if ledgers.canAge(world.ledger, gone: vacant, over: over) {
            transitions.append(Transition(.age))
        }
    }

    /// Jobs that are over, one bit each.
    var over: UInt8 {
        jobs.reduce(0) { world.jobs[$1].stage == .over ? $0 | 1 << $1 : $0 }
    }

    var turns: [ServiceTurn] { services.turns(world.service, slot: vacantSlot) }

    /// Everything that takes less than a unit of time has had it.
    private var mayTick: Bool {
        guard isQuiet, !sweepFinds || world.unswept < Small.sweepEvery else { return false }
        guard turns.isEmpty else { return false }
        for task in tasks {
            let state = world.tasks[task]
            if state.stage != .vacant, state.stage != .running, state.held >= Small.stopTimeout {
                return false
            }
            if launcherLimit(task) != nil { return false }
        }
        return true
    }
}
