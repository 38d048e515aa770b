/// When something is due for which only time has to pass.
extension Retirement {
    /// When to look again: a decision may be due, or something worth telling.
    func nextInstant(after now: Instant) -> Instant? {
        var next = nextDecision(after: now)
        for told in dueForTelling {
            guard let told, told > now else { continue }
            next = min(next ?? told, told)
        }
        return next
    }

    private var dueForTelling: [Instant?] {
        var works = false
        if case .busy = agent { works = !telling.saidWorksLong }
        let lacksLauncher = agent == .absent && !linked && !telling.saidNoLauncher
        return [
            telling.nextSilenceWarning,
            works ? telling.busySince.map { $0 + timing.longestJob } : nil,
            telling.saidDrainsLong ? nil : telling.drainsSince.map { $0 + timing.longestDrain },
            lacksLauncher ? telling.allowedAt.map { $0 + timing.launcherPatience } : nil,
        ]
    }

    /// When the next decision may be due for which only time has to pass.
    package func nextDecision(after now: Instant) -> Instant? {
        var next: Instant?
        for timer in Timer.allCases {
            guard let due = due(timer, at: now), due > now else { continue }
            next = min(next ?? due, due)
        }
        return next
    }

    /// When a decision that looks at this timer is due, in the present state of everything else.
    private func due(_ timer: Timer, at now: Instant) -> Instant? {
        switch timer {
        case .bornAt, .failingSince, .renewFrom, .protectFrom, .exposedAt:
            return phase.isAtWork ? dueForProtection(timer, at: now) : nil
        case .startedAt, .idleSince, .reserveFrom, .drainFrom, .watchFrom:
            let mayLeave = phase == .working && linked && signal == nil && !isReserved
            return mayLeave ? dueForLeaving(timer) : nil
        case .unlinkedAt:
            return stopRequested && !linked ? timers[timer].map { $0 + timing.linkPatience } : nil
        case .silentSince:
            return entries.reservation == .unclear
                ? timers[timer].map { $0 + timing.reserveAgain } : nil
        case .exitedAt where phase.name == .renewing:
            return timers[timer].map { $0 + timing.renewalPatience }
        case .exitedAt:
            return phase.name == .projecting || phase.name == .looking
                ? timers[timer].map { $0 + timing.projectionPatience } : nil
        case .lookFrom, .unprotectFrom: return dueForHandOver(timer)
        case .handedOverAt: return timers[timer].map { $0 + timing.handOverPatience }
        case .allowFrom: return allowanceSlot.underWay == nil ? timers[timer] : nil
        case .ledgerFrom: return ledgerSlot.underWay == nil ? timers[timer] : nil
        case .projectFrom:
            return following.isDue && following.slot.underWay == nil ? timers[timer] : nil
        case .compareFrom: return comparison.underWay ? nil : timers[timer]
        // Looked at when something else happens.
        case .protectionAskedAt, .protectedUntil, .jobSaidAt, .exposureSaidAt, .comparedAt,
            .aboveSince, .watchedAt:
            return nil
        }
    }

    private func dueForProtection(_ timer: Timer, at now: Instant) -> Instant? {
        switch timer {
        case .renewFrom, .protectFrom:
            return protection.underWay ? nil : protection.nextAttempt(timers, at: now)
        case .failingSince:
            return protection.lostAt(timers).flatMap { Optional($0).orLater(nextExposure) }
        case .bornAt where timers[.failingSince] != nil && !agentAllowed:
            return timers[timer].map { $0 + timing.runComesFirst }
        case .exposedAt where timers[.failingSince] != nil && !agentAllowed:
            return timers[timer].map { $0 + timing.loweringPatience }
        default: return nil
        }
    }

    private func dueForLeaving(_ timer: Timer) -> Instant? {
        switch timer {
        case .idleSince, .reserveFrom: return reservationDue
        case .drainFrom: return isIdle ? mayDrainFrom : nil
        case .startedAt:
            guard isIdle, let maxLifetime = settings.maxLifetime else { return nil }
            return timers[timer].flatMap { Optional($0 + maxLifetime).orLater(mayDrainFrom) }
        case .watchFrom: return settings.watchesAgent ? watch.nextLook(timers) : nil
        default: return nil
        }
    }

    private func dueForHandOver(_ timer: Timer) -> Instant? {
        switch (phase, timer) {
        case (.looking(let look), .lookFrom): look.underWay == nil ? timers[timer] : nil
        case (.handingOver(let handOver), .lookFrom):
            handOver.look.underWay == nil ? timers[timer] : nil
        case (.handingOver(let handOver), .unprotectFrom):
            handOver.unprotect.underWay == nil ? timers[timer] : nil
        default: nil
        }
    }

    /// The same mind with `now` as the origin of time: what only tells the story is forgotten, and
    /// so is how long ago something was, as far as it makes no difference any more. Two minds
    /// that will decide alike are equal, so that all that there are can be counted.
    package func rebased(to now: Instant) -> Retirement {
        var mind = self
        mind.telling = Telling()
        mind.timers = timers.rebased(to: now) { oldest($0) }
        mind.forgetWhatIsOver()
        return mind
    }

    /// Drops what no decision will look at, in whatever way things go on.
    private mutating func forgetWhatIsOver() {
        if comparison.isPlain {
            comparison.forget()
            timers[.comparedAt] = nil
        }
        if case .exited = agent, agentAllowed, phase.name != .renewing {
            // Nothing follows an exit, and only an agent that may live is protected.
            protection.forget()
            watch = AgentWatch()
            hasWaited = true
            entries.saysJobAgain = false
            entries.firstWord = .said(job: nil)
            for timer in Self.ofAgents { timers[timer] = nil }
        }
        // Looked at only where the ledger has a job of this agent.
        if case .job(.some) = entries.job {} else { timers[.jobSaidAt] = nil }
        if agentAllowed, timers[.protectedUntil] != nil { timers[.bornAt] = nil }
    }

    /// Timers that only a living agent has.
    private static let ofAgents: [Timer] = [
        .bornAt, .protectionAskedAt, .failingSince, .protectedUntil, .renewFrom, .protectFrom,
        .startedAt, .silentSince, .reserveFrom, .jobSaidAt, .compareFrom,
        .watchFrom, .watchedAt,
    ]

    /// How far back an instant of this timer makes a difference; nil where one that has passed is
    /// the same as none.
    private func oldest(_ timer: Timer) -> Duration? {
        switch timer {
        case .renewFrom, .protectFrom, .allowFrom, .ledgerFrom, .reserveFrom, .drainFrom,
            .projectFrom,
            .watchFrom, .lookFrom, .unprotectFrom:
            nil
        case .protectedUntil, .compareFrom: .zero
        case .bornAt: max(timing.runComesFirst, timing.protectionPatience)
        case .protectionAskedAt, .failingSince: timing.protectionPatience
        case .startedAt: settings.maxLifetime ?? .zero
        case .unlinkedAt: timing.linkPatience
        case .idleSince:
            agent == .idle(workedBefore: true) ? settings.idleTimeout : settings.firstJobTimeout
        case .silentSince: timing.reserveAgain
        case .exitedAt: timing.projectionPatience
        case .handedOverAt: timing.handOverPatience
        case .jobSaidAt: timing.sayJobEvery
        case .exposedAt: timing.loweringPatience
        case .exposureSaidAt: timing.exposeAgain
        // Fresh is at most as old as the gap, so one second more is stale.
        case .comparedAt: timing.longestGap + .seconds(1)
        case .aboveSince: timing.longestGap + timing.strayAfter + .seconds(1)
        case .watchedAt: timing.watchedFor
        }
    }
}
