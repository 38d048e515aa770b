import Rules

/// The rules, where they can be broken. Knows the truth, not only what sidecars believe.
extension Explorer {
    /// An agent may run unprotected once the ledger says so, or, where protection and ledger are
    /// both away, while its sidecar tries to say so.
    private func isEntered(_ task: Int) -> Bool {
        ledgers.facts(of: world.ledger).exposed & 1 << task != 0
            || world.tasks[task].flags.contains(.isUnentered)
    }

    func checkState() {
        for task in tasks {
            let state = world.tasks[task]
            guard state.agent.mayLive, state.protectedFor == 0, state.stage == .running,
                !isAlone(task)
            else { continue }
            if !isEntered(task) {
                note(.protected, "task \(task + 1) is not protected while its agent lives")
            }
        }
    }

    func checkScaleIn(_ task: Int) {
        guard world.tasks[task].agent.mayLive, !world.flags.contains(.isEdited),
            !world.tasks[task].flags.contains(.isUnentered), !isAlone(task)
        else { return }
        note(.protected, "ECS scales in task \(task + 1) while its agent lives")
    }

    func checkSignals(_ task: Int) {
        if world.tasks[task].signals > 1 {
            note(
                .oneSignal,
                "the agent of task \(task + 1) gets \(world.tasks[task].signals) stop signals"
            )
        }
    }

    func checkContainer(_ task: Int) {
        if world.tasks[task].isUsed {
            note(
                .nothingLeft,
                "task \(task + 1) gets a job in a container in which an earlier one has left something"
            )
        }
    }

    func checkLoss(_ task: Int) {
        if !world.tasks[task].flags.contains(.hasOutsideCause) {
            note(.runFirst, "the job of task \(task + 1) is lost with its agent")
        }
    }

    /// - Parameter writer: a task, the sweep, or nil for an endpoint.
    func checkWrite(from old: UInt16, to new: UInt16, by writer: Int?, isStale: Bool) {
        if isStale { note(.lowering, "the ledger is written over a change that was not read") }
        checkStrays(from: old, to: new)
        let fall = ledgers.facts(of: old).size - ledgers.facts(of: new).size
        guard fall > 0 else { return }
        guard let writer, writer != theSweep else {
            return note(.lowering, "the endpoint lowers size by \(fall)")
        }
        if fall > 1 { note(.lowering, "task \(writer + 1) lowers size by \(fall) with one write") }
        let state = world.tasks[writer]
        if state.flags.contains(.hasLowered) {
            note(.lowering, "task \(writer + 1) lowers size twice")
        }
        if state.agent.mayLive {
            note(.lowering, "task \(writer + 1) lowers size while its agent lives")
        }
        if ledgers.facts(of: new).size < scene.floor {
            note(.rest, "size falls to \(ledgers.facts(of: new).size), the floor is \(scene.floor)")
        }
        world.tasks[writer].flags.insert(.hasLowered)
    }

    /// Of tasks that are too many no more may leave than are too many. A list that was old may be
    /// wrong about it.
    private func checkStrays(from old: UInt16, to new: UInt16) {
        let facts = ledgers.facts(of: new)
        guard facts.strays & ~ledgers.facts(of: old).strays != 0,
            world.left.stale == scene.budgets.stale
        else { return }
        let staying = (service.listed & ~facts.strays & ~facts.departed).nonzeroBitCount
        if staying < facts.size {
            note(.rest, "\(staying) tasks stay where \(facts.size) belong: one leaves as too many")
        }
    }

    func checkDesired(_ count: Int) {
        if !ledgers.facts(of: world.ledger).isWritten {
            note(.noWrongZero, "a ledger that was never written sets desiredCount to \(count)")
        } else if count < service.desired, !ledgers.facts(of: world.ledger).isAdopted {
            note(.noWrongZero, "a ledger that no task has written lowers desiredCount to \(count)")
        }
        guard count < service.desired, !world.flags.contains(.isEdited) else { return }
        for task in tasks {
            let state = world.tasks[task]
            if state.agent.mayLive, state.protectedFor == 0, state.stage == .running,
                !state.flags.contains(.isUnentered), !isAlone(task)
            {
                note(
                    .exposed,
                    "the service is lowered while the agent of task \(task + 1) is unprotected"
                )
            }
        }
    }

    /// Where there are no jobs, an agent is only drained for a deployment if it was there when that
    /// began, or when something failed.
    private func checkReplacement(_ task: Int) {
        guard !service.isSettled, world.left.deployments < scene.budgets.deployments,
            scene.jobs == 0
        else { return }
        if world.replacements == 0 {
            note(.rest, "task \(task + 1) is replaced, though each has been replaced once")
        } else {
            world.replacements -= 1
        }
    }

    func checkDrain(_ task: Int) {
        checkRest(task)
        checkReplacement(task)
        if !world.tasks[task].flags.contains(.heardIdle) {
            note(
                .unknownIsBusy,
                "task \(task + 1) drains its agent, which was not last heard to be idle"
            )
        }
    }

    func checkReserve(_ task: Int) {
        if !world.tasks[task].flags.contains(.heardIdle) {
            note(
                .unknownIsBusy,
                "task \(task + 1) asks to leave; its agent was not last heard to be idle"
            )
        }
    }

    /// Where nothing is on its way and nothing went wrong, every job that is known has its agent
    /// or will have: else nobody would see to it before the sweep.
    func checkQuiet() {
        if ledgers.facts(of: world.ledger).isBelow, world.left == scene.budgets {
            note(.runFirst, "a job waits, and nobody raises the service for it")
        }
    }

    func checkEnd(_ task: Int) { checkRest(task) }

    private func checkRest(_ task: Int) {
        if world.flags.contains(.wasCalm) {
            note(.rest, "task \(task + 1) leaves a service that was at rest")
        }
    }

    /// Nothing is to be done, and nothing is left.
    var isCalm: Bool {
        let facts = ledgers.facts(of: world.ledger)
        guard service.isActive else {
            // Whoever was there has gone; what the ledger says of it nobody asks any more.
            return service.isGone && isQuiet
        }
        guard service.isSettled || service.isKeptByReplacement && mayKeepReplacements,
            facts.isClean,
            facts.size == scene.floor, service.desired == scene.floor,
            isQuiet
        else { return false }
        for job in jobs {
            switch world.jobs[job].stage {
            case .unknown, .over: break
            case .called, .queued, .held: return false
            }
        }
        var running = 0
        for task in tasks {
            let state = world.tasks[task]
            switch state.stage {
            case .vacant: break
            case .pending: return false
            case .running:
                guard state.agent == .idle, state.protectedFor > 0, !isAlone(task) else {
                    return false
                }
                running += 1
            case .stopping, .closing: return false
            }
        }
        return running == scene.floor
    }

    /// Where a call, a sidecar or a start has failed, or one agent is all that is wanted, beside which
    /// the newest revision gets no task. Else every task of an older revision is handed over, and no
    /// replacement of it keeps a deployment open.
    private var mayKeepReplacements: Bool {
        let (all, left) = (scene.budgets, world.left)
        return scene.floor < 2 || left.faults < all.faults || left.crashes < all.crashes
            || left.failedStarts < all.failedStarts
    }
}
