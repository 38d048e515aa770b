/// What is due now: each rule compares facts with what has been said to the outside.
extension Retirement {
    mutating func decide(at now: Instant, _ steps: inout [Step]) {
        advancePhase(at: now)
        becomeHealthy(at: now, &steps)
        protect(at: now, &steps)
        speakToLauncher(at: now, &steps)
        handOver(at: now, &steps)
        keepLedger(at: now, &steps)
        project(at: now, &steps)
        compare(at: now, &steps)
        watch(at: now, &steps)
        lookAfterWork(at: now, &steps)
        breakSilence(at: now, &steps)
        finish(at: now, &steps)
        if let next = nextInstant(after: now) { steps.append(Step(.wakeAt(next), .nextTimer)) }
    }

    // MARK: Phases

    private mutating func advancePhase(at now: Instant) {
        if phase == .working, isIdle, signal == nil, !stopRequested,
            mayDrainFrom.hasCome(at: now), let reason = reasonToReplace(at: now)
        {
            // Needs no reservation: its departure lowers the service only if it may.
            telling.replaceReason = reason
            phase = .draining
        }
        if phase == .draining, signal == nil, !isIdle || !watch.busyUntil(timers).hasCome(at: now) {
            phase = .working
            said.drain = false
        }
        if phase == .booking, nothingToBook { phase = .projecting }
        advanceHandOver(at: now)
        let follows = !projectionDue && projectionSlot.underWay == nil
        if phase == .projecting, follows || waitedLongEnough(at: now) { phase = .released }
    }

    /// Stopped from outside, with no right to lower anything, and the ledger knows it.
    private var nothingToBook: Bool {
        isOutsideStop && reported == .job(nil) && over.isEmpty && !mayBeReserved && !hasEntry
            && ledgerSlot.underWay == nil
    }

    var nextExposure: Instant? { timers[.exposureSaidAt].map { $0 + timing.exposeAgain } }

    /// The ledger says, or may say, that this task is exposed.
    private var hasEntry: Bool { timers[.exposedAt] != nil || mayBeExposed }

    private var isOutsideStop: Bool { signal == .stopping && reserved == nil }

    var isIdle: Bool {
        if case .idle = agent { linked } else { false }
    }

    /// An idle agent is left alone before: a drain was refused lately, or HCP Terraform takes it
    /// for busy.
    var mayDrainFrom: Instant? { timers[.drainFrom].orLater(watch.busyUntil(timers)) }

    /// Why a fresh agent would be better than this one, wanted or not.
    private func reasonToReplace(at now: Instant) -> Reason? {
        if let status = watch.givenUp { return .givenUp(status) }
        if isOld(at: now), let maxLifetime = settings.maxLifetime {
            return .maximumLifetime(maxLifetime)
        }
        if comparison.serviceEnds(timers, at: now) { return .serviceEnds }
        return comparison.makesRoom(timers, at: now) ? .outdated : nil
    }

    /// The launcher holds its container open for 20 s. The ledger is right by now, so whoever
    /// compares next makes ECS follow.
    func waitedLongEnough(at now: Instant) -> Bool {
        guard let exitedAt = timers[.exitedAt] else { return false }
        return now - exitedAt >= timing.projectionPatience
    }

    // MARK: Protection and health

    private mutating func protect(at now: Instant, _ steps: inout [Step]) {
        guard isAtWork else { return }
        let isHeld = protection.isHeld(timers, at: now)
        let isLost = protection.isLost(timers, at: now)
        if isHeld, !isLost { telling.saidExposed = false }
        if isLost, healthy, !telling.saidExposed {
            telling.saidExposed = true
            steps.append(Step(.alarm, .runsWithoutProtection(telling.protectionCause)))
        }
        guard !protection.underWay, protection.nextAttempt(timers, at: now).hasCome(at: now),
            !isOver
        else {
            return
        }
        protection.asked(&timers, at: now)
        let reason: Reason =
            isHeld
            ? .protectionRunsOut
            : timers[.failingSince] != nil
                ? .protectionFails(telling.protectionCause)
                : protection.blocked
                    ? .protectionBlocked : settings.restarted ? .startedBefore : .newTask
        steps.append(Step(.protect, reason))
    }

    /// The task ends before its agent was ever started.
    private var isOver: Bool { stopRequested && agent == .absent }

    private mutating func becomeHealthy(at now: Instant, _ steps: inout [Step]) {
        guard !isOver else { return }
        if !healthy {
            guard let reason = reasonToStart(at: now) else { return }
            healthy = true
            steps.append(Step(.becomeHealthy, reason))
        } else if healthSlot.failures > 0, healthSlot.isFree(timers[.healthFrom], at: now) {
            steps.append(Step(.becomeHealthy, .tryAgain(telling.healthCause)))
            // Counts as done unless it is said to have failed again.
            healthSlot.underWay = true
        }
        if telling.healthyAt == nil { telling.healthyAt = now }
    }

    private func reasonToStart(at now: Instant) -> Reason? {
        if protection.lasts(timers, at: now), let until = timers[.protectedUntil] {
            return .protected(for: until - now)
        }
        if protection.isLost(timers, at: now), let exposedAt = timers[.exposedAt],
            now - exposedAt >= timing.loweringPatience
        {
            return .runsWithoutProtection(telling.protectionCause)
        }
        // Ledger and protection both fail: the run comes first.
        if protection.mustStart(timers, at: now) {
            return .runsWithoutProtection(telling.protectionCause)
        }
        return nil
    }

    // MARK: Launcher

    private mutating func speakToLauncher(at now: Instant, _ steps: inout [Step]) {
        if linked {
            if healthy, !said.name {
                said.name = true
                steps.append(Step(.nameAgent, .launcherConnected))
            }
            if phase == .draining, signal == nil, !said.drain {
                said.drain = true
                steps.append(Step(.drain, drainReason))
            }
            if phase == .released, !said.release {
                said.release = true
                let reason: Reason =
                    projectionDue
                    ? .projectionLeftToOthers(telling.projectionCause)
                    : telling.leaveReason
                steps.append(Step(.release, reason))
            }
        } else if agent == .absent, !telling.saidNoLauncher,
            let healthyAt = telling.healthyAt, now - healthyAt >= timing.launcherPatience
        {
            telling.saidNoLauncher = true
            steps.append(Step(.warn, .noLauncher))
        }
        if phase == .unprotecting, !said.unprotect {
            said.unprotect = true
            steps.append(Step(.unprotect, telling.leaveReason))
        }
    }

    private var drainReason: Reason {
        if let reserved { return .mayLeave(reserved) }
        return telling.replaceReason ?? .agentWaits
    }

    // MARK: Ledger

    private mutating func keepLedger(at now: Instant, _ steps: inout [Step]) {
        guard ledgerSlot.isFree(timers[.ledgerFrom], at: now),
            let (operation, reason) = dueOperation(at: now)
        else {
            return
        }
        if case .reserve = operation { phase = .reserving }
        ledgerSlot.underWay = operation
        steps.append(Step(.ledger(operation), reason))
    }

    private func dueOperation(at now: Instant) -> (LedgerOperation, Reason)? {
        if case .exited(let code) = agent {
            return operationAfterExit(code)
        }
        if isOver { return hasEntry ? (.cover, .asked) : nil }
        let isLost = protection.isLost(timers, at: now)
        if isLost, nextExposure.hasCome(at: now) {
            return (.expose, .runsWithoutProtection(telling.protectionCause))
        }
        if hasEntry, protection.isHeld(timers, at: now), !isLost {
            return (.cover, .protectedAfterAll)
        }
        if let operation = dueReport { return operation }
        if phase == .working, reserved != nil || mayBeReserved && hasBeenSilent(at: now) {
            return (.rejoin, telling.stayReason)
        }
        return dueReservation(at: now)
    }

    /// Long enough to know that no word of an idle agent comes, whose next reservation would tell.
    private func hasBeenSilent(at now: Instant) -> Bool {
        guard linked, signal == nil, let since = timers[.silentSince] else { return false }
        return now - since >= timing.reserveAgain
    }

    private func operationAfterExit(_ code: Int) -> (LedgerOperation, Reason)? {
        guard phase == .booking else { return nil }
        if isOutsideStop {
            if reported != .job(nil) || !over.isEmpty {
                return (.report(nil, over: over), .stoppedFromOutside)
            }
            if mayBeReserved { return (.rejoin, .stoppedFromOutside) }
            return hasEntry ? (.cover, .stoppedFromOutside) : nil
        }
        return (
            .depart(over: over, failedStart: hasFailedToStart), .agentExited(code: code)
        )
    }

    private var dueReport: (LedgerOperation, Reason)? {
        switch agent {
        case .busy(let job) where reported != .job(job):
            let isPlain = hasNoEntryOfJobs && over.isEmpty
            return (
                .report(job, over: over, isFresh: isFresh, isPlain: isPlain), .agentReceived(job)
            )
        case .busy(let job) where sayJobAgain:
            return (.report(job), .jobSaidAgain(job))
        case .idle where reported != .job(nil) || !over.isEmpty:
            if case .job(let job?) = reported, over.isEmpty, job != firstJob, isUnreserved {
                return (.report(nil, over: [job], isPlain: true), .agentWaits)
            }
            return (.report(nil, over: over), .agentWaits)
        default:
            return nil
        }
    }

    private var hasNoEntryOfJobs: Bool { reported == .job(nil) && isUnreserved }

    /// The ledger has no reservation of this task, nor of a sidecar before this one.
    private var isUnreserved: Bool {
        reserved == nil && !mayBeReserved && !settings.hasPredecessor
    }

    private func dueReservation(at now: Instant) -> (LedgerOperation, Reason)? {
        guard let since = timers[.idleSince], phase == .working, linked, signal == nil,
            !stopRequested, reserved == nil, let due = reservationDue, now >= due
        else {
            return nil
        }
        return (
            .reserve(aboveSize: comparison.aboveSize(timers, at: now), isFresh: isFresh),
            .idle(for: now - since)
        )
    }

    var reservationDue: Instant? {
        guard case .idle(let workedBefore) = agent, let since = timers[.idleSince] else {
            return nil
        }
        let limit = workedBefore ? settings.idleTimeout : settings.firstJobTimeout
        return Optional(since + limit).orLater(timers[.reserveFrom]).orLater(mayDrainFrom)
    }

    private func isOld(at now: Instant) -> Bool {
        guard let maxLifetime = settings.maxLifetime, let startedAt = timers[.startedAt] else {
            return false
        }
        return now - startedAt >= maxLifetime
    }

    // MARK: Service

    private mutating func project(at now: Instant, _ steps: inout [Step]) {
        guard projectionDue, projectionSlot.isFree(timers[.projectFrom], at: now) else { return }
        switch phase {
        case .booking, .unprotecting: return
        case .working, .reserving, .draining, .looking, .handingOver, .projecting, .released: break
        }
        projectionSlot.underWay = true
        projectionDue = false
        let reason: Reason =
            projectionSlot.failures > 0 ? .tryAgain(telling.projectionCause) : .sizeChanged
        steps.append(Step(.project, reason))
    }

    private mutating func compare(at now: Instant, _ steps: inout [Step]) {
        guard isIdle, phase == .working, !comparing, !stopRequested else {
            if !isIdle { timers[.compareFrom] = nil }
            return
        }
        guard let next = timers[.compareFrom] else {
            timers[.compareFrom] = now + timing.compareEvery
            return
        }
        guard now >= next else { return }
        comparing = true
        steps.append(Step(.compare(always: comparison.isSuspicious), .timeToCompare))
    }

    // MARK: HCP Terraform's view

    private mutating func watch(at now: Instant, _ steps: inout [Step]) {
        guard settings.watchesAgent, phase == .working, linked, !stopRequested,
            let agent = watch.due(timers, at: now)
        else {
            return
        }
        watch.asked()
        steps.append(Step(.watch(agent: agent), .timeToWatch))
    }

    /// An agent at work is never touched, whatever is wrong with it; a person may want to look.
    private mutating func lookAfterWork(at now: Instant, _ steps: inout [Step]) {
        guard case .busy(let job) = agent, let since = telling.busySince else { return }
        if now - since >= timing.longestJob, !telling.saidWorksLong {
            telling.saidWorksLong = true
            steps.append(Step(.warn, .worksLong(job, now - since)))
        }
        if let status = watch.givenUp, !telling.saidGivenUpAtWork {
            telling.saidGivenUpAtWork = true
            steps.append(Step(.warn, .givenUpAtWork(status, job)))
        }
    }

    /// Unknown is busy, and costs an agent for as long as it lasts, so it is said.
    private mutating func breakSilence(at now: Instant, _ steps: inout [Step]) {
        if signal == .drained, phase == .draining || phase == .working {
            let since = telling.drainsSince ?? now
            telling.drainsSince = since
            if now - since >= timing.longestDrain, !telling.saidDrainsLong, job == nil {
                telling.saidDrainsLong = true
                steps.append(Step(.warn, .drainsLong(now - since)))
            }
        }
        guard healthy, agent == .unknown else {
            timers[.silentSince] = nil
            telling.nextSilenceWarning = nil
            return
        }
        let since = timers[.silentSince] ?? now
        timers[.silentSince] = since
        let next = telling.nextSilenceWarning ?? since + timing.longestSilence
        telling.nextSilenceWarning = next
        guard now >= next else { return }
        telling.nextSilenceWarning = now + timing.silenceAgain
        steps.append(Step(.warn, .saysNothing(telling.silence, for: now - since)))
    }

    // MARK: End

    private mutating func finish(at now: Instant, _ steps: inout [Step]) {
        guard stopRequested, !said.end else { return }
        let quiet = ledgerSlot.underWay == nil && projectionSlot.underWay == nil
        let gone: Bool =
            switch agent {
            case .absent: !hasEntry && quiet
            case .exited: phase == .released
            case .idle, .busy, .unknown: false
            }
        guard gone || lostForGood(at: now) else { return }
        said.end = true
        steps.append(Step(.end, .asked))
    }

    /// The launcher would have connected again within a second: its container is gone.
    private func lostForGood(at now: Instant) -> Bool {
        guard let unlinkedAt = timers[.unlinkedAt], !linked else { return false }
        if case .exited = agent { return false }
        return now - unlinkedAt >= timing.linkPatience
    }
}
