/// Endpoints book each update of the service in the ledger, so that all of them together, however
/// many processes they are, make no more than a few a second: ECS refills five a second for a
/// whole account. Whoever booked projects for all that have raised the size by then; the others
/// wait, and find their raise followed or book in turn.
///
/// Sidecars do not book: each makes one update in its life, and a departure must not wait.
extension Ledger {
    /// Time between two bookings: four updates a second leave one for a sidecar.
    package static let updateSpacing: Duration = .milliseconds(250)

    /// How long the booking before is still in the way; nil when there is none. One from a clock
    /// ahead of ours is in nobody's way.
    package func bookingWait(at now: WallTime) -> Duration? {
        guard let projectedAt else { return nil }
        let age = now.since(projectedAt)
        guard age < Self.updateSpacing, age >= .zero - Self.updateSpacing else { return nil }
        return max(.zero, Self.updateSpacing - age)
    }
}
