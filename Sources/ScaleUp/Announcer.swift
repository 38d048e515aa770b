package import AWS
package import Decisions

/// Takes announcements, writes them to the ledger, and makes the service follow: performs the steps
/// of ``AnnouncementFlow`` and ``ProjectionFlow``. Those that arrive while others are under way are
/// announced together; those of several processes share bookings of updates in the ledger.
package actor Announcer {
    private let store: any LedgerStore
    private let projector: Projector
    private let clock: @Sendable () -> WallTime

    private var waiting: [Waiter] = []
    private var running = false

    private struct Waiter {
        let jobs: [Job]
        let closed: [Job]
        let continuation: CheckedContinuation<Result<Announcement, AnnounceFailure>, Never>
    }

    /// - Parameter clock: the wall clock, which bookings in the ledger are of.
    package init(
        store: any LedgerStore,
        service: any ServicePort,
        clock: @escaping @Sendable () -> WallTime,
        retry: RetryClock = RetryClock()
    ) {
        self.store = store
        self.clock = clock
        projector = Projector(store, service, clock: clock, retry: retry)
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

    /// Announces all of them together.
    package func announce(_ jobs: [Job]) async throws(AnnounceFailure) -> Announcement {
        try await enqueue(jobs, closing: [])
    }

    /// Ends jobs that are over and that no agent holds. Announces nothing, and never touches the
    /// service.
    ///
    /// - Throws: ``AnnounceFailure``; they may or may not be in the ledger.
    package func close(_ jobs: [Job]) async throws(AnnounceFailure) {
        _ = try await perform(AnnouncementFlow([], closing: Set(jobs)))
    }

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

    /// Announcements that wait for those under way.
    package var waitingCount: Int { waiting.count }

    private func drainWaiting() async {
        while !waiting.isEmpty {
            let batch = waiting
            waiting = []
            let result: Result<Announcement, AnnounceFailure>
            do throws(AnnounceFailure) {
                let flow = AnnouncementFlow(
                    batch.flatMap(\.jobs),
                    closing: Set(batch.flatMap(\.closed))
                )
                result = .success(try await perform(flow))
            } catch {
                result = .failure(error)
            }
            for waiter in batch { waiter.continuation.resume(returning: result) }
        }
        running = false
    }

    // MARK: The flow

    private func perform(
        _ start: AnnouncementFlow
    ) async throws(AnnounceFailure) -> Announcement {
        do {
            return try await announced(start)
        } catch {
            throw AnnounceFailure(cause: "\(error)")
        }
    }

    private func announced(_ start: AnnouncementFlow) async throws -> Announcement {
        var flow = start
        var snapshot: LedgerSnapshot?
        var isBooked = false
        while true {
            switch flow.next() {
            case .put(let jobs):
                let entry = Ledger.JobEntry(at: clock())
                try await write(jobs.map { JobWrite($0, from: nil, to: entry) })
            case .drop(let jobs):
                let entry = Ledger.JobEntry(at: clock())
                try await write(jobs.map { JobWrite($0, from: entry, to: nil) })
            case .read:
                let read = try await store.read()
                snapshot = read
                flow.read(read.ledger, read.limits)
            case .raise(let size, let version):
                let now = clock()
                let isFree = snapshot?.ledger.bookingWait(at: now) == nil
                let raise = try await store.raise(
                    to: size,
                    over: version,
                    bookingAt: isFree ? now : nil
                )
                isBooked = raise.isBooked
                snapshot = snapshot?.counting(raise.counted)
                flow.raised(raise.counted)
            case .uphold:
                let (size, change) = try await uphold()
                snapshot = change
                flow.upheld(change.ledger, hasChanged: change.ledger.size != size)
            case .unsettled:
                throw AnnounceFailure(cause: "departures came in between, each time")
            case .done(let outcome):
                return try await end(outcome, snapshot, isBooked: isBooked)
            }
        }
    }

    /// Each by itself and all at once: none is in another's way.
    private func write(_ writes: [JobWrite]) async throws {
        guard writes.count > 1 else {
            for write in writes { _ = try await store.write(write) }
            return
        }
        try await withThrowingTaskGroup(of: Void.self) { [store] group in
            for (number, write) in writes.enumerated() {
                if number >= Self.writesAtOnce { try await group.next() }
                group.addTask { _ = try await store.write(write) }
            }
            try await group.waitForAll()
        }
    }

    private static let writesAtOnce = 16

    private func uphold() async throws -> (before: Int, LedgerSnapshot) {
        let (before, snapshot) = try await store.change { [clock] ledger, limits in
            let before = ledger.size
            ledger.uphold(limits, at: clock())
            return before
        }
        return (before, snapshot)
    }

    private func end(
        _ outcome: AnnouncementFlow.Outcome,
        _ snapshot: LedgerSnapshot?,
        isBooked: Bool
    ) async throws -> Announcement {
        guard let snapshot else { return Announcement(size: 0, maxCount: 0, running: nil) }
        var service: ServiceCounts?
        switch outcome {
        case .settled, .closed: break
        case .follow:
            let move = snapshot.ledger.lastRaise
            service = try await projector.follow(snapshot, to: move, isBooked: isBooked).service
        case .project: service = try await projector.project(snapshot).service
        }
        return Announcement(snapshot, running: service?.running)
    }
}
