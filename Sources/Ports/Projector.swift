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
    case service(ServiceFailure)
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
    private let retry: RetryClock
    private let origin: ContinuousClock.Instant

    /// - Parameter clock: the wall clock, which bookings in the ledger are of.
    package init(
        _ ledger: any LedgerStore,
        _ service: any ServicePort,
        clock: @escaping @Sendable () -> WallTime = { .now() },
        retry: RetryClock = RetryClock()
    ) {
        self.ledger = ledger
        self.service = service
        self.clock = clock
        self.retry = retry
        origin = retry.now()
    }

    private var now: Instant { Instant(sinceOrigin: origin.duration(to: retry.now())) }

    /// - Parameters:
    ///   - known: the ledger as the caller has just read or written it; nil reads it first.
    ///   - counts: the service as the caller has just read it. Without it the size is written
    ///     unseen where that is harmless, one call less.
    package func project(
        _ known: LedgerSnapshot? = nil,
        counts: ServiceCounts? = nil
    ) async throws(ProjectionFailure) -> ProjectionOutcome {
        let flow = ProjectionFlow(known?.view, service: counts?.view, at: now)
        return try await perform(flow, counts, known)
    }

    /// The same after a change of the size: until the service has followed it, by an update that is
    /// booked here or by somebody else's.
    ///
    /// - Parameters:
    ///   - snapshot: the ledger after the change; nil reads it first.
    ///   - move: the change, of ``Ledger/moves``.
    ///   - isBooked: whether an update was booked together with it.
    package func follow(
        _ snapshot: LedgerSnapshot?,
        to move: Int,
        isBooked: Bool
    ) async throws(ProjectionFailure) -> ProjectionOutcome {
        let flow = ProjectionFlow(
            following: snapshot?.view,
            to: move,
            isBooked: isBooked,
            at: now
        )
        return try await perform(flow, nil, snapshot)
    }

    private func perform(
        _ start: ProjectionFlow,
        _ known: ServiceCounts?,
        _ snapshot: LedgerSnapshot?
    ) async throws(ProjectionFailure) -> ProjectionOutcome {
        var flow = start
        var counts = known
        var snapshot = snapshot
        while true {
            let asked = now
            switch flow.next(at: asked) {
            case .readLedger:
                let read = try await readLedger()
                snapshot = read
                flow.read(read.view, asked: asked)
            case .readCounted: flow.read(try await readCounted(snapshot), asked: asked)
            case .readService:
                let seen = try await describe()
                counts = seen
                flow.saw(seen.view)
            case .write(let count):
                let seen = try await write(count)
                counts = seen
                flow.wrote(seen.view)
            case .pause(let number):
                guard await retry.pause(afterTry: number, .afterLostRace) else {
                    throw .cancelled
                }
                flow.paused()
            case .book:
                let (wait, view) = try await book(snapshot)
                flow.booked(view, asked: asked, wait: wait)
            case .wait(let time): try await sleep(time)
            case .note(let moves, let before):
                let (isNoted, view) = try await note(followed: moves, after: before, snapshot)
                flow.noted(view, asked: asked, isAlone: isNoted)
            case .done(let outcome): return ProjectionOutcome(outcome, service: counts)
            case .unsettled: throw .unsettled
            }
        }
    }

    private func readLedger() async throws(ProjectionFailure) -> LedgerSnapshot {
        do {
            return try await ledger.read()
        } catch {
            throw .ledger(error)
        }
    }

    private func readCounted(
        _ known: LedgerSnapshot?
    ) async throws(ProjectionFailure) -> LedgerView {
        do {
            return try await view(try await ledger.counted(), known)
        } catch {
            throw .ledger(error)
        }
    }

    private func book(
        _ known: LedgerSnapshot?
    ) async throws(ProjectionFailure) -> (wait: Duration?, view: LedgerView) {
        do {
            let (wait, counted) = try await ledger.book(at: clock())
            return (wait, try await view(counted, known))
        } catch {
            throw .ledger(error)
        }
    }

    private func note(
        followed moves: Int,
        after before: Int,
        _ known: LedgerSnapshot?
    ) async throws(ProjectionFailure) -> (isNoted: Bool, view: LedgerView) {
        do {
            let (isNoted, counted) = try await ledger.note(followed: moves, after: before)
            return (isNoted, try await view(counted, known))
        } catch {
            throw .ledger(error)
        }
    }

    /// What is counted as it is now, beside the jobs and the limits as they were read.
    private func view(
        _ counted: Ledger,
        _ known: LedgerSnapshot?
    ) async throws(LedgerFailure) -> LedgerView {
        guard let known else { return try await ledger.read().view }
        return known.counting(counted).view
    }

    private func sleep(_ time: Duration) async throws(ProjectionFailure) {
        do { try await retry.sleep(time) } catch { throw .cancelled }
    }

    /// - Returns: what the service wants now, which is read when the answer was lost. A count is
    ///   absolute, so writing it again in the next round does no harm.
    private func write(_ size: Int) async throws(ProjectionFailure) -> ServiceCounts {
        do {
            return try await service.setDesiredCount(size)
        } catch {
            let maySay =
                switch error {
                case .unclear, .ending: true
                case .unchanged, .unread: false
                }
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
