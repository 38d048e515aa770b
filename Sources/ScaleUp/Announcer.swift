package import Decisions
package import Ports

/// That jobs need an agent.
package struct Announcement: Hashable, Sendable {
    package let jobs: [Job]
    /// Jobs that are over since these come after them.
    package let closed: [Job]

    package init(_ jobs: [Job], closing closed: [Job] = []) {
        self.jobs = jobs
        self.closed = closed
    }
}

/// The job may or may not be in the ledger, and ECS may not follow yet. Announcing it again is
/// harmless.
package struct AnnouncementFailure: Error, Hashable, CustomStringConvertible {
    package let cause: String
    package var description: String { cause }
}

/// Takes announcements, writes them to the ledger, and makes the service follow: performs the steps
/// of ``AnnouncementFlow`` and ``ProjectionFlow``. Those that arrive while others are under way are
/// announced together; those of several processes share bookings of updates in the ledger.
package actor Announcer {
    private let store: any LedgerStore
    private let projector: Projector
    private let clock: @Sendable () -> WallTime
    private let starts: StartLog

    /// Announcements that wait for those under way.
    private(set) var waiting: [Waiter] = []
    private var running = false

    struct Waiter {
        let announcement: Announcement
        let continuation: CheckedContinuation<Result<Headcount, AnnouncementFailure>, Never>
    }

    /// - Parameters:
    ///   - starts: what the sweep found of starts that fail.
    ///   - clock: the wall clock, which bookings in the ledger are of.
    package init(
        store: any LedgerStore,
        service: any ServicePort,
        starts: StartLog = StartLog(),
        clock: @escaping @Sendable () -> WallTime,
        retry: RetryClock = RetryClock()
    ) {
        self.starts = starts
        self.store = store
        self.clock = clock
        projector = Projector(store, service, clock: clock, retry: retry)
    }

    /// - Returns: what the service looks like once the jobs are in the ledger and ECS follows.
    /// - Throws: ``AnnouncementFailure``; the jobs may be in the ledger, and a repeat is harmless.
    package func announce(
        _ announcement: Announcement
    ) async throws(AnnouncementFailure) -> Headcount {
        let result = await withCheckedContinuation { continuation in
            waiting.append(Waiter(announcement: announcement, continuation: continuation))
            if !running {
                running = true
                Task(executorPreference: Home.executor) { await self.drainWaiting() }
            }
        }
        return try result.get()
    }

    /// Ends jobs that are over and that no agent holds. Announces nothing, and never touches the
    /// service.
    ///
    /// - Throws: ``AnnouncementFailure``; they may or may not be in the ledger.
    package func close(_ jobs: [Job]) async throws(AnnouncementFailure) {
        _ = try await perform(AnnouncementFlow([], closing: Set(jobs)))
    }

    private func drainWaiting() async {
        while !waiting.isEmpty {
            let batch = waiting
            waiting = []
            let result: Result<Headcount, AnnouncementFailure>
            do throws(AnnouncementFailure) {
                let flow = AnnouncementFlow(
                    batch.flatMap(\.announcement.jobs),
                    closing: Set(batch.flatMap(\.announcement.closed))
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
    ) async throws(AnnouncementFailure) -> Headcount {
        do {
            return try await announced(start)
        } catch {
            throw AnnouncementFailure(cause: "\(error)")
        }
    }

    private func announced(_ start: AnnouncementFlow) async throws -> Headcount {
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
                throw AnnouncementFailure(cause: "departures came in between, each time")
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
    ) async throws -> Headcount {
        guard let snapshot else { return Headcount(size: 0, maxCount: 0, running: nil) }
        var service: ServiceCounts?
        switch outcome {
        case .settled, .closed: break
        case .follow:
            let move = snapshot.ledger.lastRaise
            service = try await projector.follow(snapshot, to: move, isBooked: isBooked).service
        case .project: service = try await projector.project(snapshot).service
        }
        return Headcount(
            snapshot,
            running: service?.running,
            obstacle: starts.obstacle(at: clock())
        )
    }
}
