/// Endpoints book each update of the service in the ledger, so that all of them together, however
/// many processes they are, make no more than a few a second: ECS refills five a second for a
/// whole account. Whoever booked projects; whoever may not yet waits, and finds the service
/// right or books in turn.
///
/// Sidecars do not book: each makes one update in its life, and a departure must not wait.
extension Ledger {
    /// Time between two bookings: four updates a second leave one for a sidecar.
    package static let updateSpacing: Duration = .milliseconds(250)

    /// Books an update of the service at this moment.
    ///
    /// - Parameter headway: an endpoint that books for itself alone leaves more than the spacing
    ///   to the booking before, so that one that books for many goes first.
    /// - Returns: nil when it is booked; otherwise how long the booking before is still in the
    ///   way of one that books for many, and nothing has changed. A booking from a clock far
    ///   ahead of ours is in nobody's way.
    package mutating func bookUpdate(
        at now: WallTime,
        headway: Duration = updateSpacing
    ) -> Duration? {
        if let projectedAt {
            let age = now.since(projectedAt)
            if age < headway, age >= .zero - Self.updateSpacing {
                return max(.zero, Self.updateSpacing - age)
            }
        }
        projectedAt = now
        return nil
    }
}
