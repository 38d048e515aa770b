package import AWS
package import Decisions

/// Writes announcements to the ledger and makes the service follow. Announcements that arrive
/// while a write is under way share the next one: ECS refills five updates of services a second
/// for a whole account.
package actor Announcer {
    private let store: any LedgerStore
    private let service: any ServicePort
    private let projector: Projector
    private let clock: @Sendable () -> WallTime
    private let pause: @Sendable (ContinuousClock.Instant) async -> Void

    private var waiting: [Waiter] = []
    private var running = false
    private var updatedAt: ContinuousClock.Instant?

    /// Time between two updates of the service: four a second leave room for the sidecars.
    package static let updateSpacing: Duration = .milliseconds(250)

    private struct Waiter {
        let calls: [Call]
        let continuation: CheckedContinuation<Result<Announcement, AnnounceFailure>, Never>
    }

    private struct Call {
        let job: Job
        let closed: [Job]
    }

    /// - Parameter pause: waits until an instant; a test's fake can return at once.
    package init(
        store: any LedgerStore,
        service: any ServicePort,
        clock: @escaping @Sendable () -> WallTime,
        pause: @escaping @Sendable (ContinuousClock.Instant) async -> Void = {
            try? await Task.sleep(until: $0, clock: .continuous)
        }
    ) {
        self.store = store
        self.service = service
        self.projector = Projector(store, service)
        self.clock = clock
        self.pause = pause
    }

    /// - Parameter closed: jobs that are over since this one comes after them.
    /// - Returns: what the service looks like once the job is in the ledger and ECS follows.
    /// - Throws: ``AnnounceFailure``; the job may be in the ledger, and a repeat is harmless.
    package func announce(
        _ job: Job,
        closing closed: [Job] = []
    ) async throws(AnnounceFailure) -> Announcement {
        try await enqueue([Call(job: job, closed: closed)])
    }

    /// Announces all of them with one write.
    package func announce(_ jobs: [Job]) async throws(AnnounceFailure) -> Announcement {
        try await enqueue(jobs.map { Call(job: $0, closed: []) })
    }

    private func enqueue(_ calls: [Call]) async throws(AnnounceFailure) -> Announcement {
        let result = await withCheckedContinuation { continuation in
            waiting.append(Waiter(calls: calls, continuation: continuation))
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
            if let updatedAt { await pause(updatedAt + Self.updateSpacing) }
            let batch = waiting
            waiting = []
            let result = await write(batch.flatMap(\.calls))
            for waiter in batch { waiter.continuation.resume(returning: result) }
        }
        running = false
    }

    private func write(_ calls: [Call]) async -> Result<Announcement, AnnounceFailure> {
        let now = clock()
        do throws(LedgerFailure) {
            let (effect, snapshot) = try await store.change { ledger, limits in
                let before = ledger.size
                let known = calls.contains { ledger.isWaiting($0.job) }
                for call in calls {
                    ledger.announce(call.job, closing: call.closed, at: now, limits)
                }
                return ledger.size != before ? Effect.raised : known ? .repeated : .none
            }
            return await follow(snapshot, effect)
        } catch {
            return .failure(AnnounceFailure(cause: "\(error)"))
        }
    }

    private enum Effect {
        case raised
        /// HCP Terraform calls again when it had no answer, and whoever owed it one may have
        /// died between ledger and service.
        case repeated
        case none
    }

    private func follow(
        _ snapshot: LedgerSnapshot,
        _ effect: Effect
    ) async -> Result<Announcement, AnnounceFailure> {
        do {
            let counts: ServiceCounts? =
                switch effect {
                case .raised: try await project(snapshot, seen: nil)
                case .repeated: try await project(snapshot, seen: try await service.counts())
                case .none: nil
                }
            return .success(
                Announcement(
                    size: snapshot.ledger.size,
                    limits: snapshot.limits,
                    running: counts?.running
                )
            )
        } catch {
            return .failure(AnnounceFailure(cause: "\(error)"))
        }
    }

    private func project(
        _ snapshot: LedgerSnapshot,
        seen: ServiceCounts?
    ) async throws -> ServiceCounts {
        defer { updatedAt = .now }
        switch try await projector.project(snapshot, counts: seen) {
        case .agreed(_, let counts), .held(_, _, let counts): return counts
        }
    }
}

extension Ledger {
    /// True for an announced job that no agent has received.
    fileprivate func isWaiting(_ job: Job) -> Bool {
        guard let entry = jobs[job] else { return false }
        return entry.task == nil
    }
}

/// The service after an announcement.
package struct Announcement: Hashable, Sendable {
    package let size: Int
    package let limits: Limits
    /// Tasks that ECS runs; nil when it was not asked, since nothing had to change.
    package let running: Int?

    package init(size: Int, limits: Limits, running: Int?) {
        self.size = size
        self.limits = limits
        self.running = running
    }

    /// For example `4 of 10 agents, 1 starting`.
    package var sentence: String {
        let agents = "\(size) of \(limits.maxCount) agents"
        guard let running, size > running else { return agents }
        return agents + ", \(size - running) starting"
    }
}

/// The job may or may not be in the ledger, and ECS may not follow yet. Announcing it again is
/// harmless.
package struct AnnounceFailure: Error, Hashable, CustomStringConvertible {
    package let cause: String
    package var description: String { cause }
}
