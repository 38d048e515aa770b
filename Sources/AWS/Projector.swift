package import Decisions

/// How a projection ended.
package enum ProjectionOutcome: Hashable, Sendable {
    /// The service wants as many tasks as the ledger says. The counts are ECS's last answer;
    /// they lag.
    case agreed(size: Int, service: ServiceCounts)
    /// The service wants more than the ledger says, and keeps them while this task runs without
    /// protection.
    case held(exposed: TaskID, size: Int, service: ServiceCounts)
}

/// Why a projection did not end. The ledger is right in any case; the service may want too many
/// or too few tasks until someone projects again.
package enum ProjectionFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case ledger(LedgerFailure)
    case service(AWSFailure)
    /// The ledger changed each time before it could be compared.
    case unsettled(rounds: Int)
    case cancelled

    package var description: String {
        switch self {
        case .ledger(let failure): "\(failure)"
        case .service(let failure): "\(failure)"
        case .unsettled(let rounds): "the ledger's size changed in each of \(rounds) rounds"
        case .cancelled: "cancelled"
        }
    }
}

/// Writes the ledger's size to the service until both agree.
package struct Projector: Sendable {
    private let ledger: any LedgerStore
    private let service: any ServicePort
    private let pacing: Pacing

    /// Each further round means that the ledger's size changed in between, and whoever changed it
    /// projects as well.
    static let maximumRounds = 10

    package init(
        _ ledger: any LedgerStore,
        _ service: any ServicePort,
        pacing: Pacing = Pacing()
    ) {
        self.ledger = ledger
        self.service = service
        self.pacing = pacing
    }

    /// - Parameters:
    ///   - known: the ledger as the caller has just read or written it; nil reads it first.
    ///   - counts: the service as the caller has just read it. Without it the size is written
    ///     unseen, which is harmless and one call less.
    package func project(
        _ known: LedgerSnapshot? = nil,
        counts: ServiceCounts? = nil
    ) async throws(ProjectionFailure) -> ProjectionOutcome {
        var counts = counts
        // What the caller knows may be old by the time it is compared with the service.
        var isFresh = known == nil
        var ledger = if let known { known.ledger } else { try await read() }
        for round in 1...Self.maximumRounds {
            if !ledger.exposed.isEmpty, counts == nil { counts = try await describe() }
            switch Projection(ledger, desired: counts?.desired) {
            case .agreed:
                if isFresh, let counts { return .agreed(size: ledger.size, service: counts) }
            case .hold(let exposed):
                if isFresh, let counts {
                    return .held(exposed: exposed, size: ledger.size, service: counts)
                }
            case .write(let size):
                if round > 1, await !pacing.pause(afterTry: round - 1, .afterLostRace) {
                    throw .cancelled
                }
                counts = try await write(size)
            }
            ledger = try await read()
            isFresh = true
        }
        throw .unsettled(rounds: Self.maximumRounds)
    }

    /// - Returns: what the service wants now, which is read when the answer was lost. A count is
    ///   absolute, so writing it again in the next round does no harm.
    private func write(_ size: Int) async throws(ProjectionFailure) -> ServiceCounts {
        do {
            return try await service.setDesiredCount(size)
        } catch {
            guard error.mayHaveTakenEffect, !Task.isCancelled else { throw .service(error) }
            return try await describe()
        }
    }

    private func describe() async throws(ProjectionFailure) -> ServiceCounts {
        do {
            return try await service.counts()
        } catch {
            throw .service(error)
        }
    }

    private func read() async throws(ProjectionFailure) -> Ledger {
        do {
            return try await ledger.read().ledger
        } catch {
            throw .ledger(error)
        }
    }
}
