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

/// Pauses that double from one failure to the next, up to a longest one.
package struct Pace: Hashable, Sendable {
    package let first: Milliseconds
    package let longest: Milliseconds

    package init(first: Milliseconds, longest: Milliseconds) {
        self.first = first
        self.longest = longest
    }

    /// - Parameter failures: in a row, from 1.
    package func pause(after failures: Int) -> Milliseconds {
        min(first << min(failures - 1, 16), longest)
    }
}
