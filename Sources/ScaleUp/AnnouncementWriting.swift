import AWS
import Decisions

/// Writes announcements to the ledger and makes the service follow: by itself while nobody is in
/// the way, otherwise at the desk, where one instance writes for all.
struct AnnouncementWriting: Sendable {
    let store: any LedgerStore
    let follower: ServiceFollower
    let desk: (any AnnouncementDesk)?
    let clock: @Sendable () -> WallTime
    let pacing: Pacing
    let complain: @Sendable (AWSFailure) -> Void

    /// Writes tried before the desk. Against sidecars, which write seldom, they are enough.
    static let attempts = 3
    /// Without a desk, or with its turn, each lost race means that somebody else's write
    /// succeeded; this many let a hundred writers at the same moment through.
    static let attemptsOfOne = 30
    /// Longest that one announcement is worked on; a request's time is over by then.
    static let patience: Duration = .seconds(8)
    /// Writing, updating and reading back take a few hundred milliseconds.
    static let turn: Duration = .seconds(3)
    /// Calls on the desk that are older belong to nobody: their request has had its answer, and
    /// HCP Terraform calls again.
    static let oldest: Duration = .seconds(60)
    /// Calls that one turn writes and removes: DynamoDB takes expressions of 4 KB, and moto no
    /// more than 150 removals.
    static let batch = 100

    /// - Throws: ``AnnounceFailure``; the jobs may be in the ledger, and a repeat is harmless.
    func announce(
        _ jobs: [Job],
        closing closed: [Job]
    ) async throws(AnnounceFailure) -> Announcement {
        let end = pacing.now() + Self.patience
        let call = DeskCall(at: clock(), jobs: jobs, closed: closed)
        do {
            let wait: Duration
            switch try await write([call], attempts: Self.attempts) {
            case .done(let announcement): return announcement
            case .crowded(let left): wait = left
            case .lost: wait = .zero
            }
            guard let desk else { return try await insist([call], after: wait, end) }
            do {
                return try await share(call, at: desk, after: wait, end)
            } catch let unusable as UnusableDesk {
                complain(unusable.cause)
                return try await insist([call], after: .zero, end)
            }
        } catch {
            throw AnnounceFailure(cause: "\(error)")
        }
    }

    // MARK: The ledger

    private enum Outcome {
        case done(Announcement)
        /// Nothing was written: the update that it needs cannot be booked yet.
        case crowded(Duration)
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

    private func write(_ calls: [DeskCall], attempts: Int) async throws -> Outcome {
        let written = try await store.change(attempts: attempts) { [clock] ledger, limits in
            Self.apply(calls, to: &ledger, at: clock(), limits)
        }
        guard let (effect, snapshot) = written else { return .lost }
        switch effect {
        case .crowded(let wait):
            return .crowded(wait)
        case .none:
            return .done(Announcement(snapshot, running: nil))
        case .raised, .repeated:
            let isBooked = if case .raised = effect { true } else { false }
            let counts = try await follower.follow(snapshot, isBooked: isBooked)
            return .done(Announcement(snapshot, running: counts.running))
        }
    }

    private static func apply(
        _ calls: [DeskCall],
        to ledger: inout Ledger,
        at now: WallTime,
        _ limits: Limits
    ) -> Effect {
        let before = ledger
        let isKnown = calls.contains { $0.jobs.contains(where: before.isWaiting) }
        for call in calls {
            for job in call.jobs { ledger.announce(job, closing: call.closed, at: now, limits) }
        }
        guard ledger.size > before.size else { return isKnown ? .repeated : .none }
        guard let wait = ledger.bookUpdate(at: now) else { return .raised }
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
            case .crowded(let left): wait = left
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
