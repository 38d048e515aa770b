/// What a sidecar's decisions look at on the clock.
package enum Timer: Int, CaseIterable, Hashable, Sendable {
    // Protection.
    /// When the task was born: of a fault that was there from the beginning nobody knows better.
    case bornAt
    case protectionAskedAt
    /// Since when every answer has been a failure.
    case failingSince
    case protectedUntil
    case renewFrom
    /// Not before, while protection is not held or its renewal fails.
    case protectFrom

    // The task's life.
    case startedAt
    case unlinkedAt
    case idleSince
    /// Since when nobody knows what the agent does.
    case silentSince
    case exitedAt
    case allowFrom

    // The ledger.
    case ledgerFrom
    case reserveFrom
    /// A drain was refused before.
    case drainFrom
    /// When it was last told of a job.
    case jobSaidAt
    /// When it said that this task is exposed; nil while it does not.
    case exposedAt
    case exposureSaidAt

    // The service.
    case projectFrom
    case compareFrom
    case comparedAt
    /// When the unbroken row of readings began that showed more tasks than belong.
    case aboveSince
    /// When ECS is next asked for its deployments, by a task that leaves.
    case lookFrom
    case unprotectFrom
    case handedOverAt

    // HCP Terraform's view.
    case watchFrom
    case watchedAt
}

/// One instant for each timer, or none, and the durations that they are held against.
package struct Timers: Hashable, Sendable {
    package let timing: Timing
    private var instants = [Instant?](repeating: nil, count: Timer.allCases.count)

    package init(_ timing: Timing) { self.timing = timing }

    package subscript(timer: Timer) -> Instant? {
        get { instants[timer.rawValue] }
        set { instants[timer.rawValue] = newValue }
    }

    /// The same with `now` as the origin of time.
    ///
    /// - Parameter oldest: how far back an instant of this timer makes a difference; nil where
    ///   one that has passed is the same as none.
    func rebased(to now: Instant, oldest: (Timer) -> Duration?) -> Timers {
        var rebased = Timers(timing)
        for timer in Timer.allCases {
            guard let instant = self[timer] else { continue }
            if let oldest = oldest(timer) {
                rebased[timer] = max(.origin + (instant - now), .origin - oldest)
            } else if instant > now {
                rebased[timer] = .origin + (instant - now)
            }
        }
        return rebased
    }
}

extension Instant? {
    /// Whether something may be done that has to wait until then; with none it need not wait.
    func hasCome(at now: Instant) -> Bool { map { now >= $0 } ?? true }

    /// The later one, where none is the earliest.
    func orLater(_ other: Instant?) -> Instant? {
        guard let self, let other else { return self ?? other }
        return max(self, other)
    }
}

/// One effect of a kind at a time, tried again with growing pauses.
package struct Slot<Effect: Hashable & Sendable>: Hashable, Sendable {
    var underWay: Effect?
    /// In a row, up to as many as make a difference.
    var failures = 0

    /// - Parameter from: the pause after a failure ends.
    func isFree(_ from: Instant?, at now: Instant) -> Bool {
        underWay == nil && from.hasCome(at: now)
    }

    mutating func succeeded(_ from: inout Instant?) {
        underWay = nil
        failures = 0
        from = nil
    }

    mutating func failed(_ from: inout Instant?, at now: Instant, _ timing: Timing) {
        underWay = nil
        failures = min(failures + 1, Timing.doublings + 1)
        from = now + timing.pause(after: failures)
    }
}

/// An effect of which nothing else has to be remembered.
package struct Asked: Hashable, Sendable {}
