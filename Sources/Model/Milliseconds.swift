/// Whole milliseconds since a world began, or a length of time: the rehearsal counts those of a
/// monotonic clock, the simulation virtual ones.
package typealias Milliseconds = Int

extension Int {
    /// `n.seconds` in ``Milliseconds``.
    package var seconds: Milliseconds { self * 1_000 }
    /// `n.minutes` in ``Milliseconds``.
    package var minutes: Milliseconds { self * 60_000 }
    /// `n.hours` in ``Milliseconds``.
    package var hours: Milliseconds { self * 3_600_000 }
}
