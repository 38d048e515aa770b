/// What is due now: each rule compares facts with what has been said to the outside.
extension Retirement {
    mutating func decide(at now: Instant, _ steps: inout [Step]) {
        advancePhase(at: now)
        becomeHealthy(at: now, &steps)
        protect(at: now, &steps)
        speakToLauncher(at: now, &steps)
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
        if phase == .working, isIdle, signal == nil, !stopRequested, now >= mayDrainFrom,
            let reason = reasonToReplace(at: now)
        {
            // Needs no reservation: its departure lowers the service only if it may.
            replaceReason = reason
            phase = .draining
        }
        if phase == .draining, signal == nil, !isIdle || now < watch.busyUntil ?? .zero {
            phase = .working
            said.drain = false
        }
        if phase == .booking, nothingToBook { phase = .projecting }
        let follows = !projectionDue && projectionSlot.underWay == nil
        if phase == .projecting, follows || waitedLongEnough(at: now) { phase = .released }
    }

    /// Stopped from outside, with no right to lower anything, and the ledger knows it.
    private var nothingToBook: Bool {
        isOutsideStop && reported == .job(nil) && over.isEmpty && !mayBeReserved && !hasEntry
            && ledgerSlot.underWay == nil
    }

    /// Said again now and then: a ledger that was lost knows of no exposure, and the task could be
    /// stopped for that.
    private var nextExposure: Instant { exposureSaidAt.map { $0 + Self.exposeAgain } ?? .zero }

    static let exposeAgain: Duration = .seconds(60)

    /// The ledger says, or may say, that this task is exposed.
    private var hasEntry: Bool { exposedAt != nil || mayBeExposed }

    private var isOutsideStop: Bool { signal == .stopping && reserved == nil }

    private var isIdle: Bool {
        if case .idle = agent { linked } else { false }
    }

    /// An idle agent is left alone before: a drain was refused lately, or HCP Terraform takes it
    /// for busy.
    private var mayDrainFrom: Instant { max(nextReserve ?? .zero, watch.busyUntil ?? .zero) }

    /// Why a fresh agent would be better than this one, wanted or not.
    private func reasonToReplace(at now: Instant) -> Reason? {
        if let status = watch.givenUp { return .givenUp(status) }
        if isOld(at: now), let maxLifetime = settings.maxLifetime {
            return .maximumLifetime(maxLifetime)
        }
        if comparison.serviceEnds(at: now) { return .serviceEnds }
        return comparison.isOutdated(at: now) ? .outdated : nil
    }

    /// The launcher holds its container open for 20 s. The ledger is right by now, so whoever
    /// compares next makes ECS follow.
    private func waitedLongEnough(at now: Instant) -> Bool {
        guard let exitedAt else { return false }
        return now - exitedAt >= Self.projectionPatience
    }

    static let projectionPatience: Duration = .seconds(15)

    // MARK: Protection and health

    private mutating func protect(at now: Instant, _ steps: inout [Step]) {
        switch phase {
        case .working, .reserving, .draining: break
        case .booking, .unprotecting, .projecting, .released: return
        }
        if protection.isHeld(at: now), !protection.isLost(at: now) { said.exposed = false }
        if protection.isLost(at: now), healthy, !said.exposed {
            said.exposed = true
            steps.append(Step(.alarm, .runsWithoutProtection(protection.lastCause)))
        }
        guard !protection.underWay, now >= protection.nextAttempt(at: now), !isOver else { return }
        protection.asked(at: now)
        let reason: Reason =
            protection.isHeld(at: now)
            ? .protectionRunsOut
            : protection.failingSince != nil
                ? .protectionFails(protection.lastCause)
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
        } else if healthSlot.failures > 0, healthSlot.isFree(at: now) {
            steps.append(Step(.becomeHealthy, .tryAgain(healthSlot.lastCause)))
            // Counts as done unless it is said to have failed again.
            healthSlot.underWay = true
        }
        if healthyAt == nil { healthyAt = now }
    }

    private func reasonToStart(at now: Instant) -> Reason? {
        if protection.lasts(at: now), let until = protection.heldUntil {
            return .protected(for: until - now)
        }
        if protection.isLost(at: now), let exposedAt, now - exposedAt >= Self.loweringPatience {
            return .runsWithoutProtection(protection.lastCause)
        }
        // Ledger and protection both fail: the run comes first.
        if protection.mustStart(at: now) {
            return .runsWithoutProtection(protection.lastCause)
        }
        return nil
    }

    /// Longer than any call that lowers the service may take, its tries together, and than ECS
    /// takes to act on it: the task that left is counted until its container has ended, and ECS
    /// would stop the only unprotected one in its place. A service that is seen to follow the
    /// ledger may still be about to do so.
    static let loweringPatience: Duration = .seconds(30)

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
                    projectionDue ? .projectionLeftToOthers(projectionSlot.lastCause) : leaveReason
                steps.append(Step(.release, reason))
            }
        } else if agent == .absent, let healthyAt, now - healthyAt >= Self.launcherPatience,
            !said.noLauncher
        {
            said.noLauncher = true
            steps.append(Step(.warn, .noLauncher))
        }
        if phase == .unprotecting, !said.unprotect {
            said.unprotect = true
            steps.append(Step(.unprotect, leaveReason))
        }
    }

    private var drainReason: Reason {
        if let reserved { return .mayLeave(reserved) }
        return replaceReason ?? .agentWaits
    }

    static let launcherPatience: Duration = .seconds(60)

    // MARK: Ledger

    private mutating func keepLedger(at now: Instant, _ steps: inout [Step]) {
        guard ledgerSlot.isFree(at: now), let (operation, reason) = dueOperation(at: now) else {
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
        if protection.isLost(at: now), now >= nextExposure {
            return (.expose, .runsWithoutProtection(protection.lastCause))
        }
        if hasEntry, protection.isHeld(at: now), !protection.isLost(at: now) {
            return (.cover, .protectedAfterAll)
        }
        if let operation = dueReport { return operation }
        if phase == .working, reserved != nil || mayBeReserved && hasBeenSilent(at: now) {
            return (.rejoin, stayReason)
        }
        return dueReservation(at: now)
    }

    /// Long enough to know that no word of an idle agent comes, whose next reservation would tell.
    private func hasBeenSilent(at now: Instant) -> Bool {
        guard linked, signal == nil, let silentSince else { return false }
        return now - silentSince >= Self.reserveAgain
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
            return (.report(job, over: over, isFresh: isFresh), .agentReceived(job))
        case .busy(let job) where sayJobAgain:
            return (.report(job), .jobSaidAgain(job))
        case .idle where reported != .job(nil) || !over.isEmpty:
            return (.report(nil, over: over), .agentWaits)
        default:
            return nil
        }
    }

    private func dueReservation(at now: Instant) -> (LedgerOperation, Reason)? {
        guard case .idle(let since, _) = agent, phase == .working, linked, signal == nil,
            !stopRequested, reserved == nil, let due = reservationDue, now >= due
        else {
            return nil
        }
        return (
            .reserve(aboveSize: comparison.aboveSize(at: now), isFresh: isFresh),
            .idle(for: now - since)
        )
    }

    private var reservationDue: Instant? {
        guard case .idle(let since, let workedBefore) = agent else { return nil }
        let limit = workedBefore ? settings.idleTimeout : settings.firstJobTimeout
        return max(since + limit, mayDrainFrom)
    }

    private func isOld(at now: Instant) -> Bool {
        guard let maxLifetime = settings.maxLifetime, let startedAt else { return false }
        return now - startedAt >= maxLifetime
    }

    // MARK: Service

    private mutating func project(at now: Instant, _ steps: inout [Step]) {
        guard projectionDue, projectionSlot.isFree(at: now) else { return }
        switch phase {
        case .booking, .unprotecting: return
        case .working, .reserving, .draining, .projecting, .released: break
        }
        projectionSlot.underWay = true
        projectionDue = false
        let reason: Reason =
            projectionSlot.failures > 0 ? .tryAgain(projectionSlot.lastCause) : .sizeChanged
        steps.append(Step(.project, reason))
    }

    private mutating func compare(at now: Instant, _ steps: inout [Step]) {
        guard isIdle, phase == .working, !comparing, !stopRequested else {
            if !isIdle { nextComparison = nil }
            return
        }
        guard let next = nextComparison else {
            nextComparison = now + Self.compareEvery
            return
        }
        guard now >= next else { return }
        comparing = true
        steps.append(Step(.compare(always: comparison.isSuspicious), .timeToCompare))
    }

    // MARK: HCP Terraform's view

    private mutating func watch(at now: Instant, _ steps: inout [Step]) {
        guard settings.watchesAgent, phase == .working, linked, !stopRequested,
            let agent = watch.due(at: now)
        else {
            return
        }
        watch.asked()
        steps.append(Step(.watch(agent: agent), .timeToWatch))
    }

    /// An agent at work is never touched, whatever is wrong with it; a person may want to look.
    private mutating func lookAfterWork(at now: Instant, _ steps: inout [Step]) {
        guard case .busy(let job) = agent, let busySince else { return }
        if now - busySince >= Self.longestJob, !said.worksLong {
            said.worksLong = true
            steps.append(Step(.warn, .worksLong(job, now - busySince)))
        }
        if let status = watch.givenUp, !said.givenUpAtWork {
            said.givenUpAtWork = true
            steps.append(Step(.warn, .givenUpAtWork(status, job)))
        }
    }

    /// The longest that Terraform Enterprise lets a plan or an apply be configured to
    /// (application administration, "General settings").
    static let longestJob: Duration = .seconds(86_400)

    /// Unknown is busy, and costs an agent for as long as it lasts, so it is said.
    private mutating func breakSilence(at now: Instant, _ steps: inout [Step]) {
        if signal == .drained, phase == .draining || phase == .working {
            let since = drainsSince ?? now
            drainsSince = since
            if now - since >= Self.longestDrain, !said.drainsLong, job == nil {
                said.drainsLong = true
                steps.append(Step(.warn, .drainsLong(now - since)))
            }
        }
        guard healthy, agent == .unknown else {
            silentSince = nil
            nextSilenceWarning = nil
            return
        }
        let since = silentSince ?? now
        silentSince = since
        let next = nextSilenceWarning ?? since + Self.longestSilence
        nextSilenceWarning = next
        guard now >= next else { return }
        nextSilenceWarning = now + Self.silenceAgain
        steps.append(Step(.warn, .saysNothing(silence, for: now - since)))
    }

    /// Longer than an agent takes to start, or to say what it does after a restart of its sidecar.
    static let longestSilence: Duration = .seconds(600)
    static let silenceAgain: Duration = .seconds(3_600)
    /// An idle agent exits within seconds of its signal.
    static let longestDrain: Duration = .seconds(300)

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
        guard let unlinkedAt, !linked else { return false }
        if case .exited = agent { return false }
        return now - unlinkedAt >= Self.linkPatience
    }

    static let linkPatience: Duration = .seconds(5)

    // MARK: Timers

    private func nextInstant(after now: Instant) -> Instant? {
        var instants: [Instant] = []
        if phase == .working || phase == .reserving || phase == .draining {
            if !protection.underWay { instants.append(protection.nextAttempt(at: now)) }
            if let lost = protection.lostAt(now) { instants.append(max(lost, nextExposure)) }
            if protection.failingSince != nil, !healthy {
                instants.append(protection.bornAt + Protection.runComesFirst)
                if let exposedAt { instants.append(exposedAt + Self.loweringPatience) }
            }
        }
        if phase == .working, linked, signal == nil, reserved == nil {
            if let due = reservationDue { instants.append(due) }
            if isIdle {
                instants.append(mayDrainFrom)
                if let maxLifetime = settings.maxLifetime, let startedAt {
                    instants.append(max(startedAt + maxLifetime, mayDrainFrom))
                }
            }
            if settings.watchesAgent, let next = watch.nextLook { instants.append(next) }
        }
        if case .busy = agent, let busySince, !said.worksLong {
            instants.append(busySince + Self.longestJob)
        }
        if let nextSilenceWarning { instants.append(nextSilenceWarning) }
        if mayBeReserved, let silentSince { instants.append(silentSince + Self.reserveAgain) }
        if let drainsSince, !said.drainsLong { instants.append(drainsSince + Self.longestDrain) }
        if healthSlot.failures > 0, healthSlot.underWay == nil {
            instants.append(healthSlot.notBefore)
        }
        if !comparing, let nextComparison { instants.append(nextComparison) }
        if ledgerSlot.underWay == nil, ledgerSlot.failures > 0 {
            instants.append(ledgerSlot.notBefore)
        }
        if projectionDue, projectionSlot.underWay == nil {
            instants.append(projectionSlot.notBefore)
        }
        if phase == .projecting, let exitedAt {
            instants.append(exitedAt + Self.projectionPatience)
        }
        if agent == .absent, !linked, !said.noLauncher, let healthyAt {
            instants.append(healthyAt + Self.launcherPatience)
        }
        if stopRequested, let unlinkedAt, !linked {
            instants.append(unlinkedAt + Self.linkPatience)
        }
        return instants.filter { $0 > now }.min()
    }
}
