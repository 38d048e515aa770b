package import Decisions

/// How a projection ended, with ECS's last answer. Its counts lag; none where nothing had to be
/// asked.
package struct ProjectionOutcome: Hashable, Sendable {
    package let outcome: ProjectionFlow.Outcome
    package let service: ServiceCounts?

    package init(_ outcome: ProjectionFlow.Outcome, service: ServiceCounts?) {
        self.outcome = outcome
        self.service = service
    }
}

/// Why a projection did not end. The ledger is right in any case; the service may want too many
/// or too few tasks until someone projects again.
package enum ProjectionFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case ledger(LedgerFailure)
    case service(AWSFailure)
    /// The ledger changed each time before it could be compared.
    case unsettled
    case cancelled

    package var description: String {
        switch self {
        case .ledger(let failure): "\(failure)"
        case .service(let failure): "\(failure)"
        case .unsettled: "the ledger's size changed each time before it could be compared"
        case .cancelled: "cancelled"
        }
    }
}

/// Makes the service follow the ledger: performs the steps of ``ProjectionFlow``. The one place
/// from which a service's count is written.
package struct Projector: Sendable {
    private let ledger: any LedgerStore
    private let service: any ServicePort
    private let clock: @Sendable () -> WallTime
    private let pacing: Pacing
    private let origin: ContinuousClock.Instant

    /// - Parameter clock: the wall clock, which bookings in the ledger are of.
    package init(
        _ ledger: any LedgerStore,
        _ service: any ServicePort,
        clock: @escaping @Sendable () -> WallTime = { .now() },
        pacing: Pacing = Pacing()
    ) {
        self.ledger = ledger
        self.service = service
        self.clock = clock
        self.pacing = pacing
        origin = pacing.now()
    }

    private var now: Instant { origin.duration(to: pacing.now()) }

    /// - Parameters:
    ///   - known: the ledger as the caller has just read or written it; nil reads it first.
    ///   - counts: the service as the caller has just read it. Without it the size is written
    ///     unseen where that is harmless, one call less.
    package func project(
        _ known: LedgerSnapshot? = nil,
        counts: ServiceCounts? = nil
    ) async throws(ProjectionFailure) -> ProjectionOutcome {
        try await perform(ProjectionFlow(known?.view, service: counts?.view, at: now), counts)
    }

    /// The same with each update booked (`Ledger.bookUpdate`), as endpoints do.
    ///
    /// - Parameter isBooked: whether the write that made this ledger booked one.
    package func follow(
        _ snapshot: LedgerSnapshot,
        isBooked: Bool
    ) async throws(ProjectionFailure) -> ProjectionOutcome {
        try await perform(ProjectionFlow(booked: isBooked, snapshot.view, at: now), nil)
    }

    private func perform(
        _ start: ProjectionFlow,
        _ known: ServiceCounts?
    ) async throws(ProjectionFailure) -> ProjectionOutcome {
        var flow = start
        var counts = known
        while true {
            switch flow.next(at: now) {
            case .readLedger:
                let asked = now
                flow.read(try await readLedger(), asked: asked)
            case .readService:
                let seen = try await describe()
                counts = seen
                flow.saw(seen.view)
            case .write(let count):
                let seen = try await write(count)
                counts = seen
                flow.wrote(seen.view)
            case .pause(let number):
                guard await pacing.pause(afterTry: number, .afterLostRace) else {
                    throw .cancelled
                }
                flow.paused()
            case .book: try await book(&flow)
            case .wait(let time): try await sleep(time)
            case .done(let outcome): return ProjectionOutcome(outcome, service: counts)
            case .unsettled: throw .unsettled
            }
        }
    }

    private func readLedger() async throws(ProjectionFailure) -> LedgerView {
        do {
            return try await ledger.read().view
        } catch {
            throw .ledger(error)
        }
    }

    private func book(_ flow: inout ProjectionFlow) async throws(ProjectionFailure) {
        let asked = now
        do {
            let (wait, snapshot) = try await ledger.change { [clock] ledger, _ in
                ledger.bookUpdate(at: clock())
            }
            flow.booked(snapshot.view, asked: asked, wait: wait)
        } catch {
            throw .ledger(error)
        }
    }

    private func sleep(_ time: Duration) async throws(ProjectionFailure) {
        do { try await pacing.sleep(time) } catch { throw .cancelled }
    }

    /// - Returns: what the service wants now, which is read when the answer was lost. A count is
    ///   absolute, so writing it again in the next round does no harm.
    private func write(_ size: Int) async throws(ProjectionFailure) -> ServiceCounts {
        do {
            return try await service.setDesiredCount(size)
        } catch {
            let maySay = error.mayHaveTakenEffect || error.isOfInactiveService
            guard maySay, !Task.isCancelled else { throw .service(error) }
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
}

extension AWSFailure {
    /// ECS updates no service that is being deleted (ECS API reference, UpdateService).
    fileprivate var isOfInactiveService: Bool {
        if case .service(code: "ServiceNotActiveException", _, _) = cause { true } else { false }
    }
}
