import AWS
import Decisions

/// Writes announcements to the ledger and makes the service follow: by itself while nobody is in
/// the way, otherwise at the desk, where one instance writes for all.
struct AnnouncementWriting: Sendable {
    let store: any LedgerStore
    let projector: Projector
    let desk: (any AnnouncementDesk)?
    let clock: @Sendable () -> WallTime
    let pacing: Pacing
    let complain: @Sendable (AWSFailure) -> Void

    /// Writes tried before the desk. Against sidecars, which write seldom, they are enough.
    static let attempts = 2
    /// While the desk is in use updates are booked one close after the other. An instance that
    /// wrote its one call in between would keep all those on the desk waiting for it.
    static let headwayOfOne = Ledger.updateSpacing * 2
    /// Without a desk, or with its turn, each lost race means that somebody else's write
    /// succeeded; this many let a hundred writers at the same moment through.
    static let attemptsOfOne = 30
    /// Longest that one announcement is worked on; a request's time is over by then.
    static let patience: Duration = .seconds(8)
    /// Writing, updating and reading back take a few hundred milliseconds.
    static let turn: Duration = .seconds(3)
    /// Calls on the desk that are older belong to nobody: their request has had its answer, and
    /// HCP Terraform calls again. AWS refuses requests whose clock is five minutes off
    /// ("Signature Version 4"), so no call that somebody waits for can look so old.
    static let oldest: Duration = .seconds(600)
    /// Calls that one turn writes and removes: DynamoDB takes expressions of 4 KB, and moto no
    /// more than 150 removals.
    static let batch = 100

    enum Progress {
        case announced(Announcement)
        /// Nothing was written: this process itself booked the last update, and may book the next
        /// one after this time.
        case tooEarly(Duration)
    }

    /// - Parameter lastBooking: this process's own; nil for one that does not gather calls.
    /// - Throws: ``AnnounceFailure``; the jobs may be in the ledger, and a repeat is harmless.
    func announce(
        _ jobs: [Job],
        closing closed: [Job],
        after lastBooking: WallTime?
    ) async throws(AnnounceFailure) -> Progress {
        let end = pacing.now() + Self.patience
        let call = DeskCall(at: clock(), jobs: jobs, closed: closed)
        do {
            let wait: Duration
            switch try await write([call], attempts: Self.attempts, alone: true, lastBooking) {
            case .done(let announcement): return .announced(announcement)
            case .crowded(let left, after: let booking):
                if booking == lastBooking { return .tooEarly(left) }
                wait = left
            case .lost: wait = .zero
            }
            guard let desk else {
                return .announced(try await insist([call], after: wait, end))
            }
            do {
                return .announced(try await share(call, at: desk, after: wait, end))
            } catch let unusable as UnusableDesk {
                complain(unusable.cause)
                return .announced(try await insist([call], after: .zero, end))
            }
        } catch {
            throw AnnounceFailure(cause: "\(error)")
        }
    }

    // MARK: The ledger

    enum Outcome {
        case done(Announcement)
        /// Nothing was written: the update that it needs cannot be booked yet, after this one.
        case crowded(Duration, after: WallTime?)
        /// Nothing was written: others did first, each time.
        case lost
    }

    private enum Effect: Sendable {
        case raised
        case crowded(Duration)
        /// HCP Terraform calls again when it had no answer, and whoever owed it one may have
        /// died between ledger and service.
        case repeated
        case none
    }

    func write(
        _ calls: [DeskCall],
        attempts: Int,
        alone: Bool = false,
        _ lastBooking: WallTime? = nil
    ) async throws -> Outcome {
        let written = try await store.change(attempts: attempts) { [clock] ledger, limits in
            let isAfterOther = alone && ledger.projectedAt != lastBooking
            let headway = isAfterOther ? Self.headwayOfOne : Ledger.updateSpacing
            return Self.apply(calls, to: &ledger, at: clock(), headway, limits)
        }
        guard let (effect, snapshot) = written else { return .lost }
        switch effect {
        case .crowded(let wait):
            return .crowded(wait, after: snapshot.ledger.projectedAt)
        case .none:
            return .done(Announcement(snapshot, running: nil))
        case .raised, .repeated:
            let isBooked = if case .raised = effect { true } else { false }
            let running = try await projector.follow(snapshot, isBooked: isBooked).service?.running
            return .done(
                Announcement(
                    snapshot,
                    running: running,
                    booking: isBooked ? snapshot.ledger.projectedAt : nil
                )
            )
        }
    }

    private static func apply(
        _ calls: [DeskCall],
        to ledger: inout Ledger,
        at now: WallTime,
        _ headway: Duration,
        _ limits: Limits
    ) -> Effect {
        let before = ledger
        let isKnown = calls.contains { $0.jobs.contains(where: before.isWaiting) }
        // Whichever call came first: a job that a later stage closes is over.
        let over = Set(calls.flatMap(\.closed))
        ledger.close(over)
        for job in calls.flatMap(\.jobs) where !over.contains(job) {
            ledger.announce(job, at: now, limits)
        }
        guard ledger.size > before.size else { return isKnown ? .repeated : .none }
        guard let wait = ledger.bookUpdate(at: now, headway: headway) else { return .raised }
        ledger = before
        return .crowded(wait)
    }

    /// Writes until it succeeds or the time is over.
    ///
    /// - Parameter wait: until an update may be booked, as far as is known.
    func insist(
        _ calls: [DeskCall],
        after wait: Duration,
        _ end: ContinuousClock.Instant
    ) async throws -> Announcement {
        var wait = wait
        repeat {
            if wait > .zero { try await pacing.sleep(wait) }
            switch try await write(calls, attempts: Self.attemptsOfOne) {
            case .done(let announcement): return announcement
            case .crowded(let left, after: _): wait = left
            case .lost: wait = .zero
            }
        } while pacing.now() < end
        throw AnnounceFailure(cause: "others were in the way for \(Self.patience)")
    }
}

extension Ledger {
    /// True for an announced job that no agent has received.
    fileprivate func isWaiting(_ job: Job) -> Bool {
        guard let entry = jobs[job] else { return false }
        return entry.task == nil
    }
}
