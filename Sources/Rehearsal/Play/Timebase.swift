import FoundationEssentials
import Model

/// The rehearsal's clock: monotonic milliseconds since its start, and the wall dates they stand for
/// where a protocol asks for dates.
struct Timebase: Sendable {
    private let start = ContinuousClock.now
    private let startDate = Date()

    var now: Milliseconds {
        let passed = (ContinuousClock.now - start).components
        return Int(passed.seconds) * 1000 + Int(passed.attoseconds / 1_000_000_000_000_000)
    }

    func date(_ instant: Milliseconds) -> Date {
        startDate.addingTimeInterval(Double(instant) / 1000)
    }

    /// RFC 3339 text in UTC with milliseconds.
    func text(_ instant: Milliseconds) -> String {
        date(instant).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
