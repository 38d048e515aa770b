/// Updates of the service are booked in the ledger, so that endpoints and sidecars together, however
/// many they are, make no more than a few a second: ECS refills five a second for a whole account.
/// Whoever booked projects for all that have changed the size by then; the others wait for a quarter
/// of a second, and find their change followed or book in turn.
extension Ledger {
    /// Time between two bookings: four updates a second leave one for whoever repairs.
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
