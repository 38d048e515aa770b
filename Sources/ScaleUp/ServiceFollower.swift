import AWS
import Decisions

/// Makes the service follow a ledger that was raised, one booked update at a time (see
/// `Ledger.bookUpdate`).
struct ServiceFollower: Sendable {
    private let store: any LedgerStore
    private let service: any ServicePort
    private let clock: @Sendable () -> WallTime
    private let pacing: Pacing

    /// More rounds than the bookings of others within the time for one request.
    static let maximumRounds = 30

    init(
        _ store: any LedgerStore,
        _ service: any ServicePort,
        clock: @escaping @Sendable () -> WallTime,
        pacing: Pacing
    ) {
        self.store = store
        self.service = service
        self.clock = clock
        self.pacing = pacing
    }

    /// - Parameters:
    ///   - snapshot: the ledger as it was just written or read.
    ///   - isBooked: whether that write booked an update.
    /// - Returns: the service once it wants what the ledger says, or more while an agent runs
    ///   without protection.
    /// - Throws: ``LedgerFailure``, `AWSFailure` or ``ProjectionFailure``; the ledger is right
    ///   in any case, and the service follows with the next call, the sweep or an idle sidecar.
    func follow(
        _ snapshot: LedgerSnapshot,
        isBooked: Bool
    ) async throws -> ServiceCounts {
        var ledger = snapshot.ledger
        var isBooked = isBooked
        // Unread, the count is written unseen: one call less, and it is absolute.
        var counts = isBooked && ledger.exposed.isEmpty ? nil : try await service.counts()
        // Whether the ledger was read after the service.
        var isFresh = false
        for _ in 1...Self.maximumRounds {
            switch Projection(ledger, desired: counts?.desired) {
            case .agreed, .hold:
                if isFresh, let counts { return counts }
                ledger = try await store.read().ledger
            case .write(let size) where isBooked:
                counts = try await write(size)
                isBooked = false
                ledger = try await store.read().ledger
            case .write:
                let (wait, snapshot) = try await store.change { [clock] ledger, _ in
                    ledger.bookUpdate(at: clock())
                }
                ledger = snapshot.ledger
                isBooked = wait == nil
                if let wait {
                    // Whoever booked is about to write what is missing here.
                    try await pacing.sleep(wait)
                    counts = try await service.counts()
                    ledger = try await store.read().ledger
                }
            }
            isFresh = true
        }
        throw ProjectionFailure.unsettled(rounds: Self.maximumRounds)
    }

    /// - Returns: what the service wants now, which is read when the answer was lost.
    private func write(_ size: Int) async throws -> ServiceCounts {
        do {
            return try await service.setDesiredCount(size)
        } catch {
            guard error.mayHaveTakenEffect, !Task.isCancelled else { throw error }
            return try await service.counts()
        }
    }
}
