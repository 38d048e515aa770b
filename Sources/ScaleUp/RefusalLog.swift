package import Daemon
import Synchronization
internal import Telemetry

/// Says each kind of refusal a few times a minute and counts the rest, so that strangers can
/// neither fill the log nor hide in it.
package final class RefusalLog: Sendable {
    private let log: ProgramLog
    private let now: @Sendable () -> ContinuousClock.Instant
    private let counts = Mutex(RefusalCounts())

    package init(
        _ log: ProgramLog,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.log = log
        self.now = now
    }

    /// - Parameter cause: more than the refusal itself tells.
    package func note(_ refusal: Refusal, cause: String? = nil) {
        let now = now()
        let (isSaid, counted) = counts.withLock { counts in
            let counted = counts.settle(at: now)
            return (counts.add(refusal, at: now), counted)
        }
        say(counted)
        guard isSaid else { return }
        var fields = refusal.fields
        if let cause { fields[.cause] = .text(cause) }
        log(refusal.event, "refused a request", fields, measuring: Self.measured(1))
    }

    /// Says what was counted and is a minute old. Called with each sweep, as the next refusal may
    /// be long in coming.
    package func settle() {
        let now = now()
        say(counts.withLock { $0.settle(at: now) })
    }

    private func say(_ counted: [RefusalCounts.Counted]) {
        for (refusal, count) in counted {
            log(
                refusal.event,
                "\(count) more requests were refused",
                refusal.fields.merging([.times: .count(count)]) { _, new in new },
                measuring: Self.measured(count)
            )
        }
    }

    /// Each is an answer as well.
    private static func measured(_ count: Int) -> Measurements {
        [.answers: Double(count), .requestsRefused: Double(count)]
    }
}

extension Refusal {
    /// Without a key nobody is answered, which a person must mend.
    fileprivate var event: EventName { self == .noKey ? .keyMissing : .requestRefused }

    fileprivate var fields: LogFields {
        [
            .status: "\(response.status)", .reason: .text(reason), .reasonName: .text(name),
        ]
    }
}

/// What is said of each kind of refusal within a minute, and how many are only counted. A pure
/// value.
struct RefusalCounts: Sendable {
    typealias Counted = (refusal: Refusal, count: Int)

    /// Lines for each kind in one window.
    static let lines = 5
    static let window: Duration = .seconds(60)

    private struct Entry {
        let since: ContinuousClock.Instant
        var count = 0
    }

    private var entries: [Refusal: Entry] = [:]

    /// - Returns: whether this one is to be said.
    mutating func add(_ refusal: Refusal, at now: ContinuousClock.Instant) -> Bool {
        entries[refusal, default: Entry(since: now)].count += 1
        return entries[refusal, default: Entry(since: now)].count <= Self.lines
    }

    /// Forgets the windows that are over.
    ///
    /// - Returns: what was counted in them and not said, in the order of the statuses.
    mutating func settle(at now: ContinuousClock.Instant) -> [Counted] {
        let over = entries.filter { $0.value.since.duration(to: now) >= Self.window }
        for refusal in over.keys { entries[refusal] = nil }
        return over.filter { $0.value.count > Self.lines }
            .map { (refusal: $0.key, count: $0.value.count - Self.lines) }
            .sorted {
                ($0.refusal.response.status, $0.count) < ($1.refusal.response.status, $1.count)
            }
    }
}
