/// A task whose launcher renews the container between two jobs: an agent that ended well after its
/// job is followed by another one.
///
/// Between the two the task is neither idle nor busy: nothing is reserved or drained, and protection
/// goes on. What the ledger has to hear of the job it hears at once, and again until it has, since the
/// task survives the job. Whatever stands against another agent ends the task as any agent's end does.
extension Retirement {
    /// How a task goes on after its agent's job.
    package struct Renewal: Hashable, Sendable {
        /// Jobs after which it leaves; nil is never. Each of its agents has one.
        package var maxJobs: Int?
        /// Which of the task's agents an earlier sidecar named last; 1 where there was none.
        package var agentNumber: Int

        package init(maxJobs: Int? = nil, agentNumber: Int = 1) {
            self.maxJobs = maxJobs
            self.agentNumber = agentNumber
        }
    }

    /// Where the task is after an agent's end.
    func phaseAfterExit(code: Int, failedStart: Bool) -> Phase {
        guard settings.renewal != nil, code == 0, signal == nil else {
            return .departing(failedStart: failedStart)
        }
        return .renewing(isRenewed: false)
    }

    /// What the launcher says after an agent's end. A late line of a dead process must not revive it.
    mutating func takeAfterExit(_ event: AgentEvent, _ steps: inout [Step]) {
        guard case .renewing = phase else { return }
        switch event {
        case .renewed: phase = .renewing(isRenewed: true)
        case .spoiled(let reason):
            let reason = Reason.spoiled(reason)
            steps.append(Step(.warn, reason))
            endRenewal(reason)
        case .drained:
            signal = .drained
            endRenewal(nil)
        case .stopping:
            signal = .stopping
            endRenewal(nil)
        case .registered, .waiting, .received, .unreadable, .working, .exited: break
        }
    }

    mutating func advanceRenewal(at now: Instant, _ steps: inout [Step]) {
        guard case .renewing = phase else { return }
        if stopRequested {
            endRenewal(.asked)
        } else if let reason = reasonAgainstNext(at: now) {
            endRenewal(reason)
        } else if let exitedAt = timers[.exitedAt], now - exitedAt >= timing.renewalPatience {
            let reason = Reason.notRenewed(within: timing.renewalPatience)
            steps.append(Step(.warn, reason))
            endRenewal(reason)
        }
    }

    private func reasonAgainstNext(at now: Instant) -> Reason? {
        if let maxJobs = settings.renewal?.maxJobs, agentNumber >= maxJobs {
            return .jobsDone(agentNumber)
        }
        // A fresh task would be entered as exposed before its agent starts; this one has no need to be.
        if protection.isLost(timers, at: now) {
            return .protectionFails(telling.protectionCause)
        }
        return reasonForFreshTask(at: now)
    }

    private mutating func endRenewal(_ reason: Reason?) {
        telling.noNextReason = reason
        phase = .departing(failedStart: false)
    }

    /// The next agent starts once it is protected, as the first one did.
    mutating func nameNext(at now: Instant, _ steps: inout [Step]) {
        guard phase == .renewing(isRenewed: true), linked, protection.lasts(timers, at: now) else {
            return
        }
        agentNumber += 1
        phase = .working
        agent = .unknown
        signal = nil
        hasWaited = false
        watch.registered(nil, &timers, at: now)
        telling.silence = .saidNothing
        for timer in [Timer.exitedAt, .reserveFrom, .drainFrom, .compareFrom] {
            timers[timer] = nil
        }
        steps.append(Step(.nameNext(agentNumber), .renewed))
    }
}
