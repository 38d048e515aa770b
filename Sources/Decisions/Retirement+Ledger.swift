/// What the ledger has to hear, one operation at a time.
extension Retirement {
    mutating func keepLedger(at now: Instant, _ steps: inout [Step]) {
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
        if case .exited(let code) = agent, phase.name != .renewing {
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
        if phase == .working || phase.name == .renewing,
            isReserved || entries.reservation == .unclear && hasBeenSilent(at: now)
        {
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
        guard case .departing(let failedStart) = phase else { return nil }
        if isOutsideStop {
            if entries.job != .job(nil) || !entries.over.isEmpty {
                return (.report(nil, over: entries.over), .stoppedFromOutside)
            }
            if entries.reservation == .unclear { return (.rejoin, .stoppedFromOutside) }
            return hasEntry ? (.cover, .stoppedFromOutside) : nil
        }
        return (
            .depart(over: entries.over, failedStart: failedStart),
            telling.noNextReason ?? .agentExited(code: code)
        )
    }

    private var dueReport: (LedgerOperation, Reason)? {
        switch agent {
        case .busy(let job) where entries.job != .job(job):
            let isPlain = hasNoEntryOfJobs && entries.over.isEmpty
            return (
                .report(job, over: entries.over, isFresh: entries.isFresh, isPlain: isPlain),
                .agentReceived(job)
            )
        case .busy(let job) where entries.saysJobAgain:
            return (.report(job), .jobSaidAgain(job))
        case .idle, .exited:
            guard entries.job != .job(nil) || !entries.over.isEmpty else { return nil }
            let reason = endReason
            if case .job(let job?) = entries.job, entries.over.isEmpty, job != entries.firstJob,
                isUnreserved
            {
                return (.report(nil, over: [job], isPlain: true), reason)
            }
            return (.report(nil, over: entries.over), reason)
        default:
            return nil
        }
    }

    /// How its job's end was noticed.
    private var endReason: Reason {
        if case .exited(let code) = agent { .agentExited(code: code) } else { .agentWaits }
    }

    private var hasNoEntryOfJobs: Bool { entries.job == .job(nil) && isUnreserved }

    /// The ledger has no reservation of this task, nor of a sidecar before this one.
    private var isUnreserved: Bool {
        entries.reservation == .none && !settings.hasPredecessor
    }

    private func dueReservation(at now: Instant) -> (LedgerOperation, Reason)? {
        guard let since = timers[.idleSince], phase == .working, linked, signal == nil,
            !stopRequested, !isReserved, let due = reservationDue, now >= due
        else {
            return nil
        }
        return (
            .reserve(aboveSize: comparison.aboveSize(timers, at: now), isFresh: entries.isFresh),
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

    /// Stopped from outside, with no right to lower anything, and the ledger knows it.
    var nothingToBook: Bool {
        isOutsideStop && entries.job == .job(nil) && entries.over.isEmpty
            && entries.reservation == .none && !hasEntry
            && ledgerSlot.underWay == nil
    }

    var nextExposure: Instant? { timers[.exposureSaidAt].map { $0 + timing.exposeAgain } }

    /// The ledger says, or may say, that this task is exposed.
    var hasEntry: Bool { timers[.exposedAt] != nil || entries.mayBeExposed }

    private var isOutsideStop: Bool { signal == .stopping && !isReserved }

    var isReserved: Bool {
        if case .held = entries.reservation { true } else { false }
    }
}
