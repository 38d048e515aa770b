/// What a row of readings of service and ledger adds up to. ECS's counts are eventually
/// consistent, so one reading proves nothing.
struct ComparisonTrail: Hashable, Sendable {
    private(set) var last: Comparison?
    private var differences = 0
    private var aboveSince: Instant?

    mutating func take(_ seen: Comparison, at now: Instant) {
        differences = seen.desired == seen.size ? 0 : differences + 1
        if seen.running > seen.size {
            aboveSince = aboveSince ?? now
        } else {
            aboveSince = nil
        }
        last = seen
    }

    /// Two readings in a row showed a service that does not follow the ledger.
    var differsTwice: Bool { differences >= 2 }

    mutating func forgetDifference() { differences = 0 }

    /// The task belongs to an older deployment, and every task that the service wants runs. While
    /// one is missing, perhaps because the new task definition cannot start, nobody else goes:
    /// an old agent is better than none.
    var isOutdated: Bool {
        guard let last else { return false }
        return last.outdated && last.running >= last.desired
    }

    /// How long every reading has shown more tasks than the ledger counts.
    func runningAboveSize(at now: Instant) -> Duration {
        guard let aboveSince else { return .zero }
        return now - aboveSince
    }
}
