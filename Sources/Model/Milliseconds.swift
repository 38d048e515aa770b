/// Whole milliseconds since a world began, or a length of time: the rehearsal counts those of a
/// monotonic clock, the simulation virtual ones.
package typealias Milliseconds = Int

extension Int {
    /// `n.seconds` in ``Milliseconds``.
    var seconds: Milliseconds { self * 1_000 }
    /// `n.minutes` in ``Milliseconds``.
    var minutes: Milliseconds { self * 60_000 }
}
