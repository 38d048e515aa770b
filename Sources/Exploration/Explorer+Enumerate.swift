import Decisions

/// Which steps there are in a world.
extension Explorer {
    /// In an order that depends on the world alone, so that a step is told by its number.
    func enumerate(into steps: inout [Step]) {
        steps.removeAll(keepingCapacity: true)
        if scene.isPrompt, let task = tasks.first(where: isPrompt) {
            return addPrompt(task, world.tasks[task], &steps)
        }
        for task in tasks { addTask(task, &steps) }
        for job in jobs { addJob(job, &steps) }
        addSweep(&steps)
        addService(&steps)
        if mayTick { steps.append(Step(.tick)) }
    }

    /// A call and the ways in which it may end.
    private func addCall(
        _ kind: Step.Kind,
        _ who: Int,
        _ steps: inout [Step],
        failing: [Step.Fate] = []
    ) {
        steps.append(Step(kind, who, .answered))
        guard world.left.faults > 0 else { return }
        for fate in failing {
            if fate == .blind, world.left.faults < 2 { continue }
            steps.append(Step(kind, who, fate))
        }
    }

    private func addTask(_ task: Int, _ steps: inout [Step]) {
        let state = world.tasks[task]
        guard state.stage != .vacant else { return }
        addSidecar(task, state, &steps)
        addAgent(task, state, &steps)
        if state.pending.contains(.drain), state.life != 0 {
            steps.append(Step(.drain, task, how: 0))
            if state.agent == .busy { steps.append(Step(.drain, task, how: 1)) }
        }
        if state.held >= Small.releaseLimit, machine.hasEnded(state.life) {
            steps.append(Step(.releaseLimit, task))
        }
        if state.held >= Small.stopTimeout, state.stage != .running {
            steps.append(Step(.killTask, task))
        }
        if world.left.stops > 0, state.stage == .running { steps.append(Step(.stopTask, task)) }
    }

    private func addSidecar(_ task: Int, _ state: TaskState, _ steps: inout [Step]) {
        if state.flags.contains(.isWithoutSidecar) { steps.append(Step(.restart, task)) }
        guard state.mind != 0 else { return }
        if state.inbox != 0 { steps.append(Step(.hear, task)) }
        if needsLink(task) { steps.append(Step(.connect, task)) }
        addPrompt(task, state, &steps)
        if state.pending.contains(.deployments) {
            addCall(.deployments, task, &steps, failing: [.failedBefore])
        }
        addChange(state.change, task, &steps)
        if state.flow != 0 { addFlow(.project, task, state.flow, &steps) }
        if world.left.crashes > 0, state.stage == .running {
            steps.append(Step(.crash, task, how: 0))
            if state.change.phase == .write || state.change.phase == .byItself {
                steps.append(Step(.crash, task, how: 1))
            }
        }
        if world.left.breaks > 0, state.flags.contains(.isLinked) {
            steps.append(Step(.breakLink, task))
        }
    }

    private func isPrompt(_ task: Int) -> Bool {
        !world.tasks[task].pending.isDisjoint(with: [.protect, .unprotect, .compare])
    }

    private func addPrompt(_ task: Int, _ state: TaskState, _ steps: inout [Step]) {
        if state.pending.contains(.protect) {
            addCall(.protect, task, &steps, failing: [.failedBefore, .failedAfter, .blind])
        }
        if state.pending.contains(.unprotect) {
            addCall(.unprotect, task, &steps, failing: [.failedBefore])
        }
        if state.pending.contains(.compare) {
            addCall(.compare, task, &steps, failing: [.failedBefore])
            if world.left.stale > 0 { steps.append(Step(.compare, task, .stale)) }
        }
    }

    private func addChange(_ change: ChangeState, _ who: Int, _ steps: inout [Step]) {
        switch change.phase {
        case .none: break
        case .list:
            addCall(.list, who, &steps, failing: [.failedBefore])
            if world.left.stale > 0 { steps.append(Step(.list, who, .stale)) }
        case .byItself:
            addCall(.byItself, who, &steps, failing: [.failedBefore, .failedAfter])
        case .read: addCall(.read, who, &steps, failing: [.failedBefore])
        case .write:
            addCall(.write, who, &steps, failing: [.failedBefore, .failedAfter, .lost])
        case .look: addCall(.look, who, &steps, failing: [.failedBefore])
        case .raise: addCall(.raise, who, &steps, failing: [.failedBefore, .failedAfter])
        }
    }

    private func addFlow(_ kind: Step.Kind, _ who: Int, _ flow: UInt16, _ steps: inout [Step]) {
        switch machine.flows[flow].step {
        case .readLedger, .readCounted, .note, .book:
            addCall(kind, who, &steps, failing: [.failedBefore])
        case .readService:
            addCall(kind, who, &steps, failing: [.failedBefore])
            if world.left.stale > 0 { steps.append(Step(kind, who, .stale)) }
        case .write:
            addCall(kind, who, &steps, failing: [.failedBefore, .failedAfter, .blind])
        case .wait:
            if !machine.facts(of: world.ledger).isBooked {
                steps.append(Step(kind, who, .answered))
            }
        case .pause, .done, .unsettled: break
        }
    }

    private func addAgent(_ task: Int, _ state: TaskState, _ steps: inout [Step]) {
        switch state.agent {
        case .absent, .gone: break
        case .idle:
            for job in jobs where world.jobs[job].stage == .queued {
                steps.append(Step(.receive, task, how: job))
            }
        case .leaving:
            for job in jobs where world.jobs[job].stage == .queued {
                steps.append(Step(.receive, task, how: job))
            }
            steps.append(Step(.exit, task))
        case .busy: steps.append(Step(.finish, task))
        }
        if world.left.agentCrashes > 0, state.agent.mayLive, state.stage == .running {
            steps.append(Step(.crashAgent, task))
        }
    }

    private func addJob(_ job: Int, _ steps: inout [Step]) {
        let state = world.jobs[job]
        if state.announcement != 0 {
            switch machine.announcements[state.announcement].step {
            case .read: addCall(.endpoint, job, &steps, failing: [.failedBefore])
            case .put, .drop, .raise, .uphold, .done, .unsettled:
                addCall(.endpoint, job, &steps, failing: [.failedBefore, .failedAfter])
            }
        } else if state.flow != 0 {
            addFlow(.follow, job, state.flow, &steps)
        } else if state.stage == .unknown ? isNext(job) : world.left.repeats > 0 {
            steps.append(Step(.call, job))
        }
    }

    /// Jobs differ in nothing, so that the first one is called for first.
    private func isNext(_ job: Int) -> Bool {
        job == 0 || world.jobs[job - 1].flags.contains(.wasCalled)
    }

    private func addSweep(_ steps: inout [Step]) {
        addChange(world.sweepChange, theSweep, &steps)
        if world.sweepFlow != 0 { addFlow(.project, theSweep, world.sweepFlow, &steps) }
        if world.sweepChange.phase == .none, world.sweepFlow == 0, sweepFinds,
            scene.sweepsAnyTime || isQuiet
        {
            steps.append(Step(.startSweep, theSweep))
        }
        if machine.facts(of: world.ledger).isBooked { steps.append(Step(.bookingPasses)) }
    }

    /// A sweep that would find nothing changes nothing.
    var sweepFinds: Bool {
        let facts = machine.facts(of: world.ledger)
        return facts.size != Int(world.desired) || facts.isWritten && facts.needsTidying
    }

    private func addService(_ steps: inout [Step]) {
        let counting = counting
        if counting < Int(world.desired), vacantSlot != nil { steps.append(Step(.startTask)) }
        if counting > Int(world.desired) {
            for task in tasks where mayScaleIn(task) { steps.append(Step(.scaleIn, task)) }
        }
        if world.left.edits > 0 {
            for count in 0...scene.tasks where count != Int(world.desired) {
                steps.append(Step(.edit, 0, how: count))
            }
        }
        if machine.canAge(world.ledger, gone: vacant, over: over) { steps.append(Step(.age)) }
    }

    /// Jobs that are over, one bit each.
    var over: UInt8 {
        jobs.reduce(0) { world.jobs[$1].stage == .over ? $0 | 1 << $1 : $0 }
    }

    func mayScaleIn(_ task: Int) -> Bool {
        world.tasks[task].stage == .running && world.tasks[task].protectedFor == 0
    }

    /// Everything that takes less than a unit of time has had it.
    private var mayTick: Bool {
        guard isQuiet, !sweepFinds || world.unswept < Small.sweepEvery else { return false }
        let counting = counting
        if counting < Int(world.desired), vacantSlot != nil { return false }
        if counting > Int(world.desired), tasks.contains(where: mayScaleIn) { return false }
        for task in tasks {
            let state = world.tasks[task]
            if state.stage != .vacant, state.stage != .running, state.held >= Small.stopTimeout {
                return false
            }
            if state.held >= Small.releaseLimit, machine.hasEnded(state.life) { return false }
        }
        return true
    }
}
