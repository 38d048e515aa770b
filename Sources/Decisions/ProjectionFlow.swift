/// Writing the ledger's size to the service until both agree, as a value: outcomes go in, the next
/// step comes out. Endpoint, sidecar, sweep and simulation perform the same steps.
package struct ProjectionFlow: Sendable {
    package enum Step: Hashable, Sendable {
        /// Read ledger and jobs, consistently.
        case readLedger
        /// Read what is counted; the jobs are known well enough.
        case readCounted
        case readService
        /// Write this count. An answer that is lost is resolved by reading the service.
        case write(Int)
        /// Others change the ledger too: let them. `afterTry` grows with each.
        case pause(afterTry: Int)
        /// Book the update in the ledger, if nobody's booking is in the way
        /// (``Ledger/bookingWait(at:)``).
        case book
        /// Somebody else's booking is in the way for so long.
        case wait(Duration)
        /// Note in the ledger that the service has followed so many moves, if nobody else has noted
        /// anything since, and read what is counted.
        case note(followed: Int, after: Int)
        case done(Outcome)
        /// The ledger's size changed in each round.
        case unsettled
    }

    package enum Outcome: Hashable, Sendable {
        /// The service wants as many tasks as the ledger says.
        case agreed(size: Int)
        case held(HoldReason, size: Int)
        case still(StillReason, size: Int)
    }

    private enum Booking: Hashable, Sendable {
        case notNeeded
        case needed
        case made
        /// The service has followed so many moves, where another had been noted before.
        case used(moves: Int, after: Int)
    }

    private var ledger: LedgerView?
    private var ledgerReadAt: Instant
    /// The jobs are known, so that what is counted is enough from here on.
    private var hasRead = true
    /// The jobs were read before what is counted was.
    private var hasOlderJobs = false
    /// Read by this flow, and after what is known of the service.
    private var isFresh = false
    private var service: ServiceView?
    private var booking: Booking
    /// Moves that the service must have followed; nil when it must be written whatever is noted.
    private var wanted: Int?
    private var rounds = 0
    /// Until somebody else's booking is out of the way.
    private var waitsFor: Duration?
    private var hasPaused = false
    private let maximumRounds: Int

    /// Each further round means that the ledger's size changed in between, and whoever changed it
    /// projects as well.
    package static let maximumRounds = 10
    /// More rounds than the bookings of others within the time for one request.
    package static let maximumBookedRounds = 30

    /// A lowering must have arrived within half a minute of the ledger that it was read from: an
    /// agent that is entered as exposed starts after that (``Retirement``). A call takes 15 s at
    /// the most, its tries together.
    package static let lowersWithin: Duration = .seconds(10)

    /// - Parameters:
    ///   - ledger: as the caller has just read or written it; nil reads it first.
    ///   - service: as the caller has just read it. Without it the size is written unseen where
    ///     that is harmless, one call less.
    ///   - now: when the ledger was read.
    package init(_ ledger: LedgerView? = nil, service: ServiceView? = nil, at now: Instant) {
        self.ledger = ledger
        self.service = service
        ledgerReadAt = now
        hasRead = ledger != nil
        booking = .notNeeded
        maximumRounds = Self.maximumRounds
    }

    /// Until the service has followed a change of the size: by an update that is booked here, or by
    /// somebody else's.
    ///
    /// - Parameters:
    ///   - ledger: after the change; nil reads it first.
    ///   - move: the change, of ``LedgerView/moves``.
    ///   - isBooked: whether an update was booked together with it.
    package init(following ledger: LedgerView?, to move: Int, isBooked: Bool, at now: Instant) {
        self.ledger = ledger
        ledgerReadAt = now
        hasRead = ledger != nil
        booking = isBooked ? .made : .needed
        wanted = move
        maximumRounds = Self.maximumBookedRounds
    }

    /// What to do now.
    package mutating func next(at now: Instant) -> Step {
        if let wait = waitsFor {
            waitsFor = nil
            return .wait(wait)
        }
        guard let ledger else { return reading }
        switch booking {
        case .needed:
            guard ledger.isWritten else {
                return .done(.still(.neverWritten, size: ledger.size))
            }
            if let wanted, ledger.followed >= wanted { return .done(.agreed(size: ledger.size)) }
            return rounds < maximumRounds ? .book : .unsettled
        case .used(let moves, let before): return .note(followed: moves, after: before)
        case .notNeeded, .made: break
        }
        // A departure takes its job along. The size after it beside the jobs before it would hold the
        // service up for an agent that is gone, and ECS start another in its place.
        if hasOlderJobs, ledger.busy > ledger.size {
            hasRead = false
            return reading
        }
        switch Projection(ledger, service: service) {
        case .look: return .readService
        case .agreed:
            guard booking == .made else { return end(.agreed(size: ledger.size)) }
            return .note(followed: ledger.moves, after: ledger.followed)
        case .hold(let reason): return end(.held(reason, size: ledger.size))
        case .still(let reason): return end(.still(reason, size: ledger.size))
        case .write(let count): return write(count, at: now)
        }
    }

    private func end(_ outcome: Outcome) -> Step {
        isFresh || booking == .made ? .done(outcome) : reading
    }

    private var reading: Step { hasRead ? .readCounted : .readLedger }

    private mutating func write(_ count: Int, at now: Instant) -> Step {
        guard rounds < maximumRounds else { return .unsettled }
        if now - ledgerReadAt > Self.lowersWithin, count < service?.desired ?? .max {
            rounds += 1
            return reading
        }
        if booking == .notNeeded, rounds > 0, !hasPaused { return .pause(afterTry: rounds) }
        return .write(count)
    }

    // MARK: What came of it

    /// - Parameter asked: when the reading began.
    package mutating func read(_ view: LedgerView, asked: Instant) {
        ledger = view
        ledgerReadAt = asked
        hasOlderJobs = hasRead
        hasRead = true
        isFresh = true
    }

    package mutating func saw(_ view: ServiceView) { service = view }

    /// The write took effect, or was looked after.
    package mutating func wrote(_ view: ServiceView) {
        service = view
        isFresh = false
        hasPaused = false
        rounds += 1
        if booking == .made, let ledger, case .write = Projection(ledger, service: view) {
            // It did not take effect, as the service says that was read after it.
            booking = .needed
            self.ledger = nil
        } else if booking == .made {
            booking = .used(moves: ledger?.moves ?? 0, after: ledger?.followed ?? 0)
        } else {
            // What the ledger says now decides.
            ledger = nil
        }
    }

    package mutating func paused() { hasPaused = true }

    /// - Parameter wait: until an update may be booked; nil when it is booked.
    package mutating func booked(_ view: LedgerView, asked: Instant, wait: Duration?) {
        read(view, asked: asked)
        service = nil
        guard let wait else {
            booking = .made
            return
        }
        // Whoever booked is about to write what is missing here.
        rounds += 1
        waitsFor = wait
        ledger = nil
    }

    /// - Parameter isAlone: whether nobody else has noted an update since this one was booked. Else
    ///   one of the two has overtaken the other, and nobody knows which, so the service is written
    ///   once more. Moves since then are for those who made them.
    package mutating func noted(_ view: LedgerView, asked: Instant, isAlone: Bool) {
        read(view, asked: asked)
        booking = .needed
        wanted = isAlone ? view.followed : nil
    }
}
