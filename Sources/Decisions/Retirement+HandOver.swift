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
        switch phase {
        case .looking(var look):
            guard let rollout else {
                look.failed(&timers[.lookFrom], at: now, timing)
                phase = .looking(look)
                return
            }
            guard rollout.handsOver, !stopRequested else { return leave() }
            phase = .handingOver(HandOver())
            timers[.handedOverAt] = now
            timers[.lookFrom] = now + timing.compareEvery
        case .handingOver(var handOver):
            guard let rollout else {
                handOver.look.failed(&timers[.lookFrom], at: now, timing)
                phase = .handingOver(handOver)
                return
            }
            guard rollout.handsOver else { return leave(.rolloutEnded) }
            handOver.look.succeeded(&timers[.lookFrom])
            phase = .handingOver(handOver)
            timers[.lookFrom] = now + timing.compareEvery
        // Too late to make a difference.
        case .working, .reserving, .draining, .renewing, .departing, .unprotecting, .projecting,
            .released:
            break
        }
    }

    /// Protection was given back, or may not have been.
    mutating func tookProtectionBack(failed: Bool, at now: Instant) {
        switch phase {
        // The task ends by itself, protected or not.
        case .unprotecting: phase = .projecting
        case .handingOver(var handOver):
            if failed {
                handOver.unprotect.failed(&timers[.unprotectFrom], at: now, timing)
            } else {
                handOver.unprotect.succeeded(&timers[.unprotectFrom])
            }
            handOver.isUnprotected = !failed
            phase = .handingOver(handOver)
        case .working, .reserving, .draining, .renewing, .departing, .looking, .projecting,
            .released:
            break
        }
    }

    mutating func advanceHandOver(at now: Instant) {
        if case .looking = phase {
            // The launcher holds its container open for 20 s, and who cannot read ECS cannot wait
            // for it either.
            if stopRequested || waitedLongEnough(at: now) { leave() }
        } else if case .handingOver = phase {
            if stopRequested {
                leave(.stoppedFromOutside)
            } else if let since = timers[.handedOverAt], now - since >= timing.handOverPatience {
                leave(.notStopped(within: timing.handOverPatience))
            }
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
        switch phase {
        case .looking(var look):
            guard look.isFree(timers[.lookFrom], at: now) else { return }
            look.underWay = Asked()
            phase = .looking(look)
            steps.append(Step(.look, .leftForFresh))
        case .handingOver(var handOver):
            advance(&handOver, at: now, &steps)
            phase = .handingOver(handOver)
        case .working, .reserving, .draining, .renewing, .departing, .unprotecting, .projecting,
            .released:
            break
        }
    }

    private func advance(_ handOver: inout HandOver, at now: Instant, _ steps: inout [Step]) {
        if handOver.look.isFree(timers[.lookFrom], at: now) {
            handOver.look.underWay = Asked()
            steps.append(Step(.look, .timeToCompare))
        }
        if linked, !handOver.isHeld {
            handOver.isHeld = true
            steps.append(Step(.hold, .handsOver))
        }
        // A renewal that is under way would protect the task again.
        if !handOver.isUnprotected, !protection.underWay,
            handOver.unprotect.isFree(timers[.unprotectFrom], at: now)
        {
            handOver.unprotect.underWay = Asked()
            steps.append(Step(.unprotect, .handsOver))
        }
    }
}
