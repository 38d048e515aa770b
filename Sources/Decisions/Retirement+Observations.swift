/// Taking in what happened, and how each directive ended.
extension Retirement {
    mutating func take(_ observation: Observation, at now: Instant, _ steps: inout [Step]) {
        switch observation {
        case .woke: break
        case .protection(let report): take(report, at: now)
        case .allowanceFailed(let cause):
            steps.append(Step(.warn, .tryAgain(cause)))
            telling.allowanceCause = cause
            allowanceSlot.failed(&timers[.allowFrom], at: now, timing)
        case .unprotected: tookProtectionBack(failed: false, at: now)
        case .unprotectFailed: tookProtectionBack(failed: true, at: now)
        case .linked: launcherCame(at: now)
        case .unlinked: launcherWent(at: now)
        case .agent(let event): take(event, at: now, &steps)
        case .booked(let report, let sizeChanged):
            entries.booked(ledgerSlot.underWay)
            ledgerSlot.succeeded(&timers[.ledgerFrom])
            telling.ledgerCause = ""
            if sizeChanged { following.isDue = true }
            take(report, at: now, &steps)
        case .ledgerFailed(let cause, let sizeMayHaveChanged):
            if sizeMayHaveChanged { following.isDue = true }
            ledgerFailed(cause, at: now, &steps)
        case .projected:
            following.slot.succeeded(&timers[.projectFrom])
            telling.projectionCause = ""
        case .projectionFailed(let cause):
            telling.projectionCause = cause
            following.slot.failed(&timers[.projectFrom], at: now, timing)
            following.isDue = true
        case .compared(let seen): take(seen, at: now)
        case .looked(let rollout): take(rollout, at: now)
        case .watched(let report):
            watch.take(report, &timers, at: now)
            if report == .seen(.busy) { telling.stayReason = .takenForBusy }
        case .stopRequested:
            if stop == .unasked { stop = .asked }
        }
    }

    private mutating func take(_ report: ProtectionReport, at now: Instant) {
        protection.take(report, &timers, at: now, agentMayRun: agentAllowed)
        if let cause = report.cause { telling.protectionCause = cause }
        // Said again now and then, protected or not, so that a ledger that was lost learns of it.
        if case .busy(let job) = agent, entries.job == .job(job),
            let saidAt = timers[.jobSaidAt], now - saidAt >= timing.sayJobEvery
        {
            entries.saysJobAgain = true
        }
    }

    private mutating func launcherCame(at now: Instant) {
        launcher = .linked(isAnswered: false)
        timers[.unlinkedAt] = nil
        // A launcher that says nothing may have started its agent long ago.
        if agent == .absent { becomes(.unknown, at: now) }
        telling.silence = .saidNothing
        phase.launcherIsNew()
    }

    private mutating func launcherWent(at now: Instant) {
        launcher = .away
        timers[.unlinkedAt] = now
        // Whatever the agent does now, nobody hears it. The launcher repeats it.
        switch agent {
        case .idle, .busy: becomes(.unknown, at: now)
        case .absent, .unknown, .exited: break
        }
        telling.silence = .unlinked
    }

    private mutating func ledgerFailed(_ cause: String, at now: Instant, _ steps: inout [Step]) {
        if phase == .reserving {
            phase = .working
            timers[.reserveFrom] = now + timing.reserveAgain
        }
        entries.forget(ledgerSlot.underWay, isExposed: timers[.exposedAt] != nil)
        if cause != telling.ledgerCause { steps.append(Step(.warn, .tryAgain(cause))) }
        telling.ledgerCause = cause
        ledgerSlot.failed(&timers[.ledgerFrom], at: now, timing)
    }

    private mutating func take(_ seen: Comparison?, at now: Instant) {
        // One reading that failed must not break a row: ECS renews no protection while more tasks
        // hold it than the service wants, so a stray has to be found in time.
        let isMissed = seen == nil && comparison.isSuspicious
        timers[.compareFrom] = now + (isMissed ? timing.compareAgain : timing.compareEvery)
        comparison.take(seen, &timers, at: now)
        guard seen != nil, comparison.differsTwice else { return }
        following.isDue = true
        comparison.forgetDifference()
    }

    // MARK: The agent

    private mutating func take(_ event: AgentEvent, at now: Instant, _ steps: inout [Step]) {
        if case .exited = agent { return takeAfterExit(event, &steps) }
        switch event {
        case .registered(let id):
            if agent == .absent { becomes(.unknown, at: now) }
            if telling.silence == .saidNothing { telling.silence = .registered }
            watch.registered(id, &timers, at: now)
            telling.saidGivenUpAtWork = false
        case .waiting: agentWaits(at: now)
        case .received(let job): agentReceived(job, at: now)
        case .unreadable:
            becomes(.unknown, at: now)
            telling.silence = .unreadable
            hasWaited = true
            // Once, until a line can be read again.
            if !telling.saidUnreadable { steps.append(Step(.warn, .statusUnreadable)) }
            telling.saidUnreadable = true
        case .drained: signal = signal ?? .drained
        case .stopping: signal = signal ?? .stopping
        case .working(let processes):
            steps.append(Step(.warn, .drainRefused(processes: processes)))
            // Log and processes disagree, so it is not idle yet; asked again after a while.
            if case .idle = agent { becomes(.idle(workedBefore: true), at: now) }
            if case .draining = phase, signal == nil { phase = .working }
            timers[.drainFrom] = now + timing.reserveAgain
            telling.stayReason = .drainRefused(processes: processes)
        case .exited(let code): agentExited(code, at: now, &steps)
        // Said of an agent whose exit was told before.
        case .renewed, .spoiled: break
        }
    }

    private mutating func agentWaits(at now: Instant) {
        telling.saidUnreadable = false
        hasWaited = true
        jobEnded()
        if case .idle = agent { return }
        var workedBefore = settings.restarted || agentNumber > 1
        if case .busy = agent { workedBefore = true }
        if case .job(.some) = entries.job { workedBefore = true }
        becomes(.idle(workedBefore: workedBefore), at: now)
        timers[.reserveFrom] = nil
        timers[.drainFrom] = nil
    }

    private mutating func agentReceived(_ job: Job, at now: Instant) {
        telling.saidUnreadable = false
        hasWaited = true
        if self.job != job { jobEnded() }
        entries.over.remove(job)
        self.job = job
        if agent != .busy(job) {
            telling.busySince = now
            telling.saidWorksLong = false
        }
        becomes(.busy(job), at: now)
        telling.stayReason = .caughtJob
    }

    private mutating func agentExited(_ code: Int, at now: Instant, _ steps: inout [Step]) {
        if let job, code != 0 { steps.append(Step(.warn, .endedAtWork(code: code, job))) }
        let failedStart = code != 0 && !hasWaited && signal == nil && agent != .absent
        if failedStart { steps.append(Step(.alarm, .failedStart(code: code))) }
        jobEnded()
        becomes(.exited(code: code), at: now)
        timers[.exitedAt] = now
        phase = phaseAfterExit(code: code, failedStart: failedStart)
        // An agent of an older revision is not to be followed by another one.
        if phase.name == .renewing { timers[.compareFrom] = now }
    }

    private mutating func becomes(_ status: AgentStatus, at now: Instant) {
        agent = status
        if case .idle = status { timers[.idleSince] = now } else { timers[.idleSince] = nil }
    }

    private mutating func jobEnded() {
        guard let job else { return }
        entries.ended(job)
        self.job = nil
    }

    // MARK: The ledger

    private mutating func take(_ report: LedgerReport, at now: Instant, _ steps: inout [Step]) {
        switch report {
        case .reported(let job):
            entries.job = .job(job)
            entries.saysJobAgain = false
            timers[.jobSaidAt] = job == nil ? nil : now
            if job != nil { entries.reservation = .none }
        case .reserve(.granted(let kind)):
            entries.reservation = .held(kind)
            if phase == .reserving { phase = .draining(isAsked: false) }
        case .reserve(.refused(let reason)):
            entries.reservation = .none
            // The ledger, and not this sidecar, knows of a job: it is said again that there is none.
            if reason == .holdsJob { entries.job = .unclear }
            if phase == .reserving { phase = .working }
            timers[.reserveFrom] = now + timing.reserveAgain
            // Said once for each change, or an agent at the floor would say it for ever.
            if telling.lastRefusal != reason { steps.append(Step(.note, .mustStay(reason))) }
            telling.lastRefusal = reason
        case .rejoined: entries.reservation = .none
        case .departure(let departure): departed(departure)
        case .exposed:
            // A lowering that is already on its way must arrive before the agent starts.
            if timers[.exposedAt] == nil {
                following.isDue = true
                timers[.exposedAt] = now
            }
            timers[.exposureSaidAt] = now
            entries.mayBeExposed = false
        case .covered: isCovered()
        }
    }

    private mutating func departed(_ departure: Departure) {
        entries.departed()
        timers[.jobSaidAt] = nil
        isCovered()
        guard case .departing = phase else { return }
        switch departure {
        case .retired, .bookedBefore:
            // A sidecar before this one may have died before its write to ECS.
            following.isDue = true
            phase = .unprotecting(isAsked: false)
        case .strayed:
            // The service may have been larger than the ledger for its sake.
            following.isDue = true
            phase = .projecting
        case .recycles: phase = .looking(Slot())
        }
        telling.leaveReason = .departed(departure)
    }

    /// The ledger has no entry of this task as exposed.
    private mutating func isCovered() {
        timers[.exposedAt] = nil
        timers[.exposureSaidAt] = nil
        entries.mayBeExposed = false
    }
}
