/// What a row of readings of service and ledger adds up to. ECS's counts are eventually
/// consistent, so one reading proves nothing, and nothing is concluded from a time of which there
/// are no readings.
struct ComparisonTrail: Hashable, Sendable {
    private(set) var last: Comparison?
    private var lastAt: Instant = .zero
    private var differences = 0
    /// The unbroken row of readings that showed more tasks than belong.
    private var above: Spell?

    private struct Spell: Hashable, Sendable {
        var since: Instant
        var readings: Int
    }

    /// A row of readings with a longer gap is broken, and a reading that is older says nothing.
    static let longestGap: Duration = .seconds(120)
    static let fewestReadings = 3

    mutating func take(_ seen: Comparison, at now: Instant) {
        if !isFresh(at: now) { forget() }
        differences = seen.desired == seen.size ? 0 : differences + 1
        if seen.running > seen.size {
            var spell = above ?? Spell(since: now, readings: 0)
            spell.readings += 1
            above = spell
        } else {
            above = nil
        }
        last = seen
        lastAt = now
    }

    private mutating func forget() {
        last = nil
        differences = 0
        above = nil
    }

    private func isFresh(at now: Instant) -> Bool {
        last != nil && now - lastAt <= Self.longestGap
    }

    /// The readings are not as they should be, so the next ones must be made without fail.
    var isSuspicious: Bool { differences > 0 || above != nil || (last?.outdated ?? false) }

    /// Two readings in a row showed a service that does not follow the ledger.
    var differsTwice: Bool { differences >= 2 }

    mutating func forgetDifference() { differences = 0 }

    /// The task belongs to an older deployment, and every task that the service wants runs. While
    /// one is missing, perhaps because the new task definition cannot start, nobody else goes:
    /// an old agent is better than none.
    func isOutdated(at now: Instant) -> Bool {
        guard let last, isFresh(at: now) else { return false }
        return last.outdated && last.running >= last.desired
    }

    /// The service is being deleted, or its limits say that it ends.
    func serviceEnds(at now: Instant) -> Bool { isFresh(at: now) && last?.ending ?? false }

    /// Over what time readings without a gap have shown more tasks than the ledger counts; none
    /// while they are too few, or too old.
    func aboveSize(at now: Instant) -> Duration {
        guard let above, isFresh(at: now), above.readings >= Self.fewestReadings else {
            return .zero
        }
        return lastAt - above.since
    }
}
