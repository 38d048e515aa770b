/// A moment on one process's monotonic clock: so long after an origin that its shell chose, most
/// often its own start. It means nothing to another process, nor to this one after a restart; what
/// others read is a ``WallTime``.
///
/// How far apart two of them are is a `Duration`, and only that can be added to one.
package struct Instant: InstantProtocol {
    package let sinceOrigin: Duration

    package init(sinceOrigin: Duration) { self.sinceOrigin = sinceOrigin }

    package static let origin = Instant(sinceOrigin: .zero)

    package func advanced(by time: Duration) -> Instant {
        Instant(sinceOrigin: sinceOrigin + time)
    }

    package func duration(to later: Instant) -> Duration { later.sinceOrigin - sinceOrigin }

    package static func + (instant: Instant, time: Duration) -> Instant {
        instant.advanced(by: time)
    }

    package static func += (instant: inout Instant, time: Duration) { instant = instant + time }

    package static func - (instant: Instant, time: Duration) -> Instant {
        instant.advanced(by: .zero - time)
    }

    package static func - (later: Instant, earlier: Instant) -> Duration {
        earlier.duration(to: later)
    }

    package static func < (left: Instant, right: Instant) -> Bool {
        left.sinceOrigin < right.sinceOrigin
    }
}

/// Wall-clock time as other machines read it in the ledger: milliseconds since 1970, UTC.
/// Nothing that one process alone decides looks at it; that is an ``Instant``.
package struct WallTime: Hashable, Comparable, Sendable {
    package let milliseconds: Int

    package init(milliseconds: Int) { self.milliseconds = milliseconds }

    /// How long `earlier` lies back; negative when the clocks of two machines disagree.
    package func since(_ earlier: WallTime) -> Duration {
        .milliseconds(milliseconds - earlier.milliseconds)
    }

    /// This time, and so much later.
    package func advanced(by time: Duration) -> WallTime {
        WallTime(milliseconds: milliseconds + Int(time / .milliseconds(1)))
    }

    package static func < (left: WallTime, right: WallTime) -> Bool {
        left.milliseconds < right.milliseconds
    }
}
