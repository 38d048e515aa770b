/// A task that leaves for a fresh one while a deployment is under way is handed over to ECS.
///
/// If it ended by itself, ECS might answer with the revision that it had, and the deployment would
/// never come to its end. So its container is held open and its protection given back: ECS's own
/// deployment stops it, since the service may fall short of what it wants (a minimum of healthy tasks
/// of 0 %), and starts one of the newest revision. The agent is gone by then, so the stop stops
/// nobody, and no count changes.
extension Retirement {
    /// ECS has answered, or has not.
    mutating func take(_ rollout: Rollout?, at now: Instant) {
        guard phase == .looking || phase == .handingOver else {
            // Too late to make a difference.
            return lookSlot.succeeded(&timers[.lookFrom])
        }
        guard let rollout else {
            lookSlot.failed(&timers[.lookFrom], at: now, timing)
            return
        }
        lookSlot.succeeded(&timers[.lookFrom])
        switch phase {
        case .looking where rollout.handsOver && !stopRequested:
            phase = .handingOver
            timers[.handedOverAt] = now
        case .looking: leave()
        case .handingOver where !rollout.handsOver: leave(.rolloutEnded)
        default: break
        }
        if phase == .handingOver { timers[.lookFrom] = now + timing.compareEvery }
    }

    /// Protection was given back, or may not have been.
    mutating func tookProtectionBack(failed: Bool, at now: Instant) {
        switch phase {
        // The task ends by itself, protected or not.
        case .unprotecting: phase = .projecting
        case .handingOver where failed:
            unprotectSlot.failed(&timers[.unprotectFrom], at: now, timing)
        default: unprotectSlot.succeeded(&timers[.unprotectFrom])
        }
        said.unprotect = !failed
    }

    mutating func advanceHandOver(at now: Instant) {
        switch phase {
        case .looking:
            // The launcher holds its container open for 20 s, and who cannot read ECS cannot wait
            // for it either.
            if stopRequested || waitedLongEnough(at: now) { leave() }
        case .handingOver:
            if stopRequested {
                leave(.stoppedFromOutside)
            } else if let since = timers[.handedOverAt], now - since >= timing.handOverPatience {
                leave(.notStopped(within: timing.handOverPatience))
            }
        default: break
        }
    }

    /// The task ends by itself, or ends already.
    private mutating func leave(_ reason: Reason? = nil) {
        if let reason { telling.leaveReason = reason }
        phase = .projecting
        timers[.lookFrom] = nil
        timers[.unprotectFrom] = nil
        timers[.handedOverAt] = nil
    }

    mutating func handOver(at now: Instant, _ steps: inout [Step]) {
        guard phase == .looking || phase == .handingOver else { return }
        if lookSlot.isFree(timers[.lookFrom], at: now) {
            lookSlot.underWay = true
            steps.append(Step(.look, phase == .looking ? .leftForFresh : .timeToCompare))
        }
        guard phase == .handingOver else { return }
        if linked, !said.hold {
            said.hold = true
            steps.append(Step(.hold, .handsOver))
        }
        if !said.unprotect, unprotectSlot.isFree(timers[.unprotectFrom], at: now) {
            unprotectSlot.underWay = true
            steps.append(Step(.unprotect, .handsOver))
        }
    }
}
