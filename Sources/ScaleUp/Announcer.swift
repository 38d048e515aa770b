package import AWS
package import Decisions

/// Takes announcements and writes them to the ledger. Those that arrive while a write is under
/// way share the next one, and those of several processes share theirs at the desk.
package actor Announcer {
    private let writing: AnnouncementWriting
    private let pacing: Pacing
    private let gathers: Bool

    private var waiting: [Waiter] = []
    private var running = false
    private var lastBooking: WallTime?

    private struct Waiter {
        let jobs: [Job]
        let closed: [Job]
        let continuation: CheckedContinuation<Result<Announcement, AnnounceFailure>, Never>
    }

    /// - Parameters:
    ///   - desk: nil leaves each process to itself; all are right even so.
    ///   - gathers: whether this process has several calls at a time, as a server does. Then
    ///     those that must wait for its last update gather here. A Lambda function has one, which
    ///     had better gather with those of other instances.
    ///   - clock: the wall clock, which bookings in the ledger are of.
    ///   - complain: is told of a desk that cannot be used.
    package init(
        store: any LedgerStore,
        service: any ServicePort,
        desk: (any AnnouncementDesk)? = nil,
        gathers: Bool = true,
        clock: @escaping @Sendable () -> WallTime,
        pacing: Pacing = Pacing(),
        complain: @escaping @Sendable (AWSFailure) -> Void = { _ in }
    ) {
        self.pacing = pacing
        self.gathers = gathers
        writing = AnnouncementWriting(
            store: store,
            projector: Projector(store, service, clock: clock, pacing: pacing),
            desk: desk,
            clock: clock,
            pacing: pacing,
            complain: complain
        )
    }

    /// - Parameter closed: jobs that are over since this one comes after them.
    /// - Returns: what the service looks like once the job is in the ledger and ECS follows.
    /// - Throws: ``AnnounceFailure``; the job may be in the ledger, and a repeat is harmless.
    package func announce(
        _ job: Job,
        closing closed: [Job] = []
    ) async throws(AnnounceFailure) -> Announcement {
        try await enqueue([job], closing: closed)
    }

    /// Announces all of them with one write.
    package func announce(_ jobs: [Job]) async throws(AnnounceFailure) -> Announcement {
        try await enqueue(jobs, closing: [])
    }

    /// Ends jobs that are over and that no agent holds. Announces nothing, never touches the
    /// service, and writes only if there is one.
    ///
    /// - Throws: ``AnnounceFailure``; they may or may not be in the ledger.
    package func close(_ jobs: [Job]) async throws(AnnounceFailure) {
        _ = try await enqueue([], closing: jobs)
    }

    /// Announces what instances that died left on the desk.
    package func clearDesk() async throws(AnnounceFailure) { try await writing.clearDesk() }

    private func enqueue(
        _ jobs: [Job],
        closing closed: [Job]
    ) async throws(AnnounceFailure) -> Announcement {
        let result = await withCheckedContinuation { continuation in
            waiting.append(Waiter(jobs: jobs, closed: closed, continuation: continuation))
            if !running {
                running = true
                Task { await self.drainWaiting() }
            }
        }
        return try result.get()
    }

    /// Announcements that wait for the next write.
    package var waitingCount: Int { waiting.count }

    private func drainWaiting() async {
        while !waiting.isEmpty {
            let batch = waiting
            waiting = []
            let result: Result<Announcement, AnnounceFailure>
            do throws(AnnounceFailure) {
                let progress = try await writing.announce(
                    batch.flatMap(\.jobs),
                    closing: batch.flatMap(\.closed),
                    after: lastBooking
                )
                switch progress {
                case .announced(let announcement):
                    if gathers, let booking = announcement.booking { lastBooking = booking }
                    result = .success(announcement)
                case .tooEarly(let wait):
                    // More calls gather meanwhile.
                    try? await pacing.sleep(wait)
                    waiting = batch + waiting
                    continue
                }
            } catch {
                result = .failure(error)
            }
            for waiter in batch { waiter.continuation.resume(returning: result) }
        }
        running = false
    }
}
