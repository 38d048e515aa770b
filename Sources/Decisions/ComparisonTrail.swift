/// What a row of readings of service and ledger adds up to. ECS's counts are eventually
/// consistent, so one reading proves nothing, and nothing is concluded from a time of which there
/// are no readings.
struct ComparisonTrail: Hashable, Sendable {
    private(set) var underWay = false
    private var last: Comparison?
    /// Readings in a row that showed a service that does not follow the ledger, up to those that
    /// prove it.
    private var differences = 0
    /// Readings of the unbroken row that showed more tasks than belong, up to those that prove it.
    private var above = 0

    static let fewestReadings = 3

    mutating func asked() { underWay = true }

    /// - Parameter seen: nil when nothing was read.
    mutating func take(_ seen: Comparison?, _ timers: inout Timers, at now: Instant) {
        underWay = false
        guard let seen else { return }
        if !isFresh(timers, at: now) { forget() }
        differences = seen.desired == seen.size ? 0 : min(differences + 1, 2)
        if seen.running > seen.size {
            if above == 0 { timers[.aboveSince] = now }
            above = min(above + 1, Self.fewestReadings)
        } else {
            above = 0
            timers[.aboveSince] = nil
        }
        last = seen
        timers[.comparedAt] = now
    }

    mutating func forget() {
        last = nil
        differences = 0
        above = 0
    }

    private func isFresh(_ timers: Timers, at now: Instant) -> Bool {
        guard last != nil, let at = timers[.comparedAt] else { return false }
        return now - at <= timers.timing.longestGap
    }

    /// The readings are not as they should be, so the next ones must be made without fail.
    var isSuspicious: Bool { differences > 0 || above > 0 || isOutdated }

    private var isOutdated: Bool {
        guard let rollout = last?.rollout else { return false }
        return rollout.isOutdated && !rollout.isReplacement
    }

    /// The readings say as little as none at all.
    var isPlain: Bool { !isSuspicious && !(last?.ending ?? false) }

    /// Two readings in a row showed a service that does not follow the ledger.
    var differsTwice: Bool { differences >= 2 }

    mutating func forgetDifference() { differences = 0 }

    /// The idle agent of this task goes for one of a newer revision (``Comparison/makesRoom``). By
    /// a reading of this moment only: a minute later others may have gone, and the newer revision
    /// have failed.
    func makesRoom(_ timers: Timers, at now: Instant) -> Bool {
        timers[.comparedAt] == now && last?.makesRoom ?? false
    }

    /// The service is being deleted, or its limits say that it ends.
    func serviceEnds(_ timers: Timers, at now: Instant) -> Bool {
        isFresh(timers, at: now) && last?.ending ?? false
    }

    /// Over what time readings without a gap have shown more tasks than the ledger counts; none
    /// while they are too few, or too old.
    func aboveSize(_ timers: Timers, at now: Instant) -> Duration {
        guard isFresh(timers, at: now), above >= Self.fewestReadings,
            let since = timers[.aboveSince], let at = timers[.comparedAt]
        else {
            return .zero
        }
        return at - since
    }
}
