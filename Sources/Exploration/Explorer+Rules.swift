/// The rules, where they can be broken. Knows the truth, not only what sidecars believe.
extension Explorer {
    /// An agent may run unprotected once the ledger says so, or, where protection and ledger are
    /// both away, while its sidecar tries to say so.
    private func isEntered(_ task: Int) -> Bool {
        machine.facts(of: world.ledger).exposed & 1 << task != 0
            || world.tasks[task].flags.contains(.isUnentered)
    }

    func checkState() {
        for task in tasks {
            let state = world.tasks[task]
            guard state.agent.mayLive, state.protectedFor == 0, state.stage == .running else {
                continue
            }
            if !isEntered(task) {
                note(1, "task \(task + 1) is not protected while its agent lives")
            }
        }
    }

    func checkScaleIn(_ task: Int) {
        guard world.tasks[task].agent.mayLive, !world.flags.contains(.isEdited),
            !world.tasks[task].flags.contains(.isUnentered)
        else { return }
        note(1, "ECS scales in task \(task + 1) while its agent lives")
    }

    func checkSignals(_ task: Int) {
        if world.tasks[task].signals > 1 {
            note(2, "the agent of task \(task + 1) gets \(world.tasks[task].signals) stop signals")
        }
    }

    func checkLoss(_ task: Int) {
        if !world.tasks[task].flags.contains(.hasOutsideCause) {
            note(3, "the job of task \(task + 1) is lost with its agent")
        }
    }

    /// - Parameter writer: a task, the sweep, or nil for an endpoint.
    func checkWrite(from old: UInt16, to new: UInt16, by writer: Int?, isStale: Bool) {
        if isStale { note(4, "the ledger is written over a change that was not read") }
        checkStrays(from: old, to: new)
        let fall = machine.facts(of: old).size - machine.facts(of: new).size
        guard fall > 0 else { return }
        guard let writer, writer != theSweep else {
            return note(4, "the endpoint lowers size by \(fall)")
        }
        if fall > 1 { note(4, "task \(writer + 1) lowers size by \(fall) with one write") }
        let state = world.tasks[writer]
        if state.flags.contains(.hasLowered) { note(4, "task \(writer + 1) lowers size twice") }
        if state.agent.mayLive { note(4, "task \(writer + 1) lowers size while its agent lives") }
        if machine.facts(of: new).size < scene.floor {
            note(7, "size falls to \(machine.facts(of: new).size), the floor is \(scene.floor)")
        }
        world.tasks[writer].flags.insert(.hasLowered)
    }

    /// Of tasks that are too many no more may leave than are too many. A list that was old may be
    /// wrong about it.
    private func checkStrays(from old: UInt16, to new: UInt16) {
        let facts = machine.facts(of: new)
        guard facts.strays & ~machine.facts(of: old).strays != 0,
            world.left.stale == scene.budgets.stale
        else { return }
        let staying = (listed & ~facts.strays & ~facts.departed).nonzeroBitCount
        if staying < facts.size {
            note(7, "\(staying) tasks stay where \(facts.size) belong: one leaves as too many")
        }
    }

    func checkDesired(_ count: Int) {
        if !machine.facts(of: world.ledger).isWritten {
            note(10, "a ledger that was never written sets desiredCount to \(count)")
        } else if count < Int(world.desired), !machine.facts(of: world.ledger).isAdopted {
            note(10, "a ledger that no task has written lowers desiredCount to \(count)")
        }
        guard count < Int(world.desired), !world.flags.contains(.isEdited) else { return }
        for task in tasks {
            let state = world.tasks[task]
            if state.agent.mayLive, state.protectedFor == 0, state.stage == .running,
                !state.flags.contains(.isUnentered)
            {
                note(5, "the service is lowered while the agent of task \(task + 1) is unprotected")
            }
        }
    }

    func checkDrain(_ task: Int) {
        checkRest(task)
        if !world.tasks[task].flags.contains(.heardIdle) {
            note(6, "task \(task + 1) drains its agent, which was not last heard to be idle")
        }
    }

    func checkReserve(_ task: Int) {
        if !world.tasks[task].flags.contains(.heardIdle) {
            note(6, "task \(task + 1) asks to leave; its agent was not last heard to be idle")
        }
    }

    /// Where nothing is on its way and nothing went wrong, every job that is known has its agent, or
    /// will have: else nobody would see to it before the sweep.
    func checkQuiet() {
        if machine.facts(of: world.ledger).isBelow, world.left == scene.budgets {
            note(3, "a job waits, and nobody raises the service for it")
        }
    }

    func checkEnd(_ task: Int) { checkRest(task) }

    private func checkRest(_ task: Int) {
        if world.flags.contains(.wasCalm) {
            note(7, "task \(task + 1) leaves a service that was at rest")
        }
    }

    /// Nothing is to be done, and nothing is left.
    var isCalm: Bool {
        let facts = machine.facts(of: world.ledger)
        guard facts.isClean, facts.size == scene.floor, Int(world.desired) == scene.floor,
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
            case .running:
                guard state.agent == .idle, state.protectedFor > 0 else { return false }
                running += 1
            case .stopping, .closing: return false
            }
        }
        return running == scene.floor
    }
}
