/// Updates of the service are booked in the ledger, so that endpoints and sidecars together, however
/// many they are, make no more than a few a second: ECS refills five a second for a whole account.
/// Whoever booked projects for all that have changed the size by then; the others wait for a quarter
/// of a second, and find their change followed or book in turn.
extension Ledger {
    /// Time between two bookings: four updates a second leave one for whoever repairs.
    package static let updateSpacing: Duration = .milliseconds(250)

    /// A call with its tries takes no longer, so that a booking may be so much younger than the
    /// moment with which another one was sent.
    package static let longestCall: Duration = .seconds(15)

    /// How long the booking before is in the way, as far as is known; nil when it is not. One from a
    /// clock far ahead of ours is in nobody's way.
    package func bookingWait(at now: WallTime) -> Duration? {
        guard let projectedAt else { return nil }
        let age = now.since(projectedAt)
        guard age < Self.updateSpacing, age >= .zero - Self.longestCall else { return nil }
        return min(Self.updateSpacing, Self.updateSpacing - age)
    }
}
