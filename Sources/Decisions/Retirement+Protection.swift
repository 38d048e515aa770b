/// Scale-in protection, without which no agent is allowed to start as long as it may still come.
extension Retirement {
    mutating func protect(at now: Instant, _ steps: inout [Step]) {
        guard phase.isAtWork else { return }
        let isHeld = protection.isHeld(timers, at: now)
        let isLost = protection.isLost(timers, at: now)
        if isHeld, !isLost { telling.saidExposed = false }
        if isLost, agentAllowed, !telling.saidExposed {
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
    var isOver: Bool { stopRequested && agent == .absent }

    mutating func allowAgent(at now: Instant, _ steps: inout [Step]) {
        guard !isOver else { return }
        if !agentAllowed {
            guard let reason = reasonToStart(at: now) else { return }
            agentAllowed = true
            steps.append(Step(.allowAgent, reason))
        } else if allowanceSlot.failures > 0, allowanceSlot.isFree(timers[.allowFrom], at: now) {
            steps.append(Step(.allowAgent, .tryAgain(telling.allowanceCause)))
            // Counts as done unless it is said to have failed again.
            allowanceSlot.underWay = Asked()
        }
        if telling.allowedAt == nil { telling.allowedAt = now }
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
}
