/// Scale-in protection as far as it is known, and what its failures mean.
///
/// Outside facts: ECS developer guide, "Task scale-in protection": the expiry counts from each
/// successful call, `DEPLOYMENT_BLOCKED` says that the service has as many protected tasks as it
/// wants, and an answer of status 200 may be a refusal.
struct Protection: Hashable, Sendable {
    private(set) var underWay = false
    private(set) var blocked = false
    /// How long before its end a protection that cannot be renewed counts as lost; an eighth of
    /// the time for which it was granted, within limits.
    private var margin: Duration = .zero

    /// The agent is gone: what is left is whether a call of its time is still under way.
    mutating func forget() { (blocked, margin) = (false, .zero) }

    func isHeld(_ timers: Timers, at now: Instant) -> Bool {
        timers[.protectedUntil].map { $0 > now } ?? false
    }

    /// Whether an agent may be started on it: what an earlier sidecar left may end at once.
    func lasts(_ timers: Timers, at now: Instant) -> Bool {
        guard let until = timers[.protectedUntil], until > now else { return false }
        return timers[.failingSince] == nil || until >= now + timers.timing.leastLeft
    }

    /// When the next attempt is due; nil is at once.
    func nextAttempt(_ timers: Timers, at now: Instant) -> Instant? {
        isHeld(timers, at: now)
            ? timers[.renewFrom].orLater(timers[.protectFrom]) : timers[.protectFrom]
    }

    mutating func asked(_ timers: inout Timers, at now: Instant) {
        underWay = true
        timers[.protectionAskedAt] = now
    }

    /// - Parameters:
    ///   - report: the answer.
    ///   - now: when it came.
    ///   - agentMayRun: a blocked task whose agent has not started is merely early; one whose
    ///     agent runs is in danger.
    mutating func take(
        _ report: ProtectionReport,
        _ timers: inout Timers,
        at now: Instant,
        agentMayRun: Bool
    ) {
        underWay = false
        blocked = false
        // An answer that does not come is a failure from the beginning.
        let failingSince = timers[.failingSince] ?? timers[.protectionAskedAt] ?? now
        timers[.protectionAskedAt] = nil
        switch report {
        case .protected(let time):
            timers[.protectedUntil] = now + time
            margin = margin(of: time, timers.timing)
            timers[.renewFrom] = now + min(time / 4, timers.timing.renewEvery)
            timers[.protectFrom] = nil
            timers[.failingSince] = nil
        case .blocked:
            blocked = true
            timers[.protectFrom] = now + timers.timing.askAgain
            timers[.failingSince] = agentMayRun ? failingSince : nil
            // ECS has answered: what fails from here on is as new as in a task that is just born.
            if !agentMayRun { timers[.bornAt] = now }
        case .refused, .unclear:
            failed(since: failingSince, &timers, at: now)
        case .held(let time, _):
            timers[.protectedUntil] = now + time
            margin = max(margin, margin(of: time, timers.timing))
            failed(since: failingSince, &timers, at: now)
        }
    }

    private func margin(of time: Duration, _ timing: Timing) -> Duration {
        max(min(timing.expiryMargin, time / 8), timing.leastLeft)
    }

    private func failed(since: Instant, _ timers: inout Timers, at now: Instant) {
        timers[.failingSince] = since
        let isLasting = now - since >= timers.timing.protectionPatience
        timers[.protectFrom] = now + (isLasting ? timers.timing.askSlowly : timers.timing.askAgain)
    }

    /// True when the agent runs, or has to be started, without protection: from here on nothing
    /// may lower the service.
    func isLost(_ timers: Timers, at now: Instant) -> Bool {
        guard let at = lostAt(timers) else { return false }
        return now >= at
    }

    /// When the failures so far will mean that protection is lost; nil while there are none.
    func lostAt(_ timers: Timers) -> Instant? {
        guard let failingSince = timers[.failingSince] else { return nil }
        guard let until = timers[.protectedUntil] else {
            return timers[.bornAt].map { max(failingSince, $0 + timers.timing.protectionPatience) }
        }
        return max(until - margin, failingSince)
    }

    /// The run comes first: neither protection nor ledger has answered for as long as ECS waits.
    func mustStart(_ timers: Timers, at now: Instant) -> Bool {
        guard timers[.failingSince] != nil, let bornAt = timers[.bornAt] else { return false }
        return now >= bornAt + timers.timing.runComesFirst
    }
}

extension ProtectionReport {
    /// Why the task is not protected, or not for longer.
    var cause: String? {
        switch self {
        case .protected: nil
        case .blocked: "DEPLOYMENT_BLOCKED"
        case .refused(let cause), .unclear(let cause), .held(_, let cause): cause
        }
    }
}
