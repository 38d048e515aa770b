package import Decisions
package import Ports

/// Repairs what a lost webhook, a writer that died in between or a task that is gone left behind.
/// Never lowers the ledger; the service it lowers only to the ledger's size, and under the rules
/// of `Projection`.
package actor Sweeper {
    private let store: any LedgerStore
    private let service: any ServicePort
    private let announcer: Announcer
    private let search: RunSearch?
    private let patience: Duration
    private let isOver: IsOver?
    private let clock: @Sendable () -> WallTime
    private var running: Task<SweepOutcome, Never>?

    /// Whether HCP Terraform says that an old announced job needs no agent any more. Throws while
    /// it cannot be asked.
    package typealias IsOver = @Sendable (Job) async throws -> Bool

    /// - Parameters:
    ///   - search: nil without `TFE_TOKEN`.
    ///   - patience: HCP Terraform is asked for a job that no agent has received for so long.
    ///   - isOver: nil without `TFE_TOKEN`.
    package init(
        store: any LedgerStore,
        service: any ServicePort,
        announcer: Announcer,
        search: RunSearch?,
        patience: Duration,
        isOver: IsOver? = nil,
        clock: @escaping @Sendable () -> WallTime = { .now() }
    ) {
        self.store = store
        self.service = service
        self.announcer = announcer
        self.search = search
        self.patience = patience
        self.isOver = isOver
        self.clock = clock
    }

    /// One sweep. A caller that comes while one is under way shares it.
    package func sweep() async -> SweepOutcome {
        if let running { return await running.value }
        let task = Task {
            defer { running = nil }
            return await sweepOnce()
        }
        running = task
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func sweepOnce() async -> SweepOutcome {
        let snapshot: LedgerSnapshot
        do throws(LedgerFailure) {
            snapshot = try await tidied()
        } catch {
            return SweepOutcome(
                repair: .failed("\(error)"),
                search: search == nil ? .notMade : .failed("the ledger could not be read")
            )
        }
        let made = await searched(snapshot.ledger)
        return SweepOutcome(
            repair: await repaired(),
            search: made,
            limitsFault: snapshot.limitsFault
        )
    }

    /// Upholds the limits and drops what is left of tasks that are gone and of jobs that nobody
    /// wants. In a second write what only ECS's list or HCP Terraform can tell, which is seldom.
    private func tidied() async throws(LedgerFailure) -> LedgerSnapshot {
        let snapshot = try await tidy(live: nil, finished: [])
        let finished = await finishedJobs(snapshot.ledger)
        let live = snapshot.ledger.needsList(at: clock()) ? try? await service.tasks() : nil
        if finished.isEmpty, live == nil { return snapshot }
        return try await tidy(live: live.map { Set($0) }, finished: finished)
    }

    private func tidy(
        live: Set<TaskID>?,
        finished: Set<Job>
    ) async throws(LedgerFailure) -> LedgerSnapshot {
        try await store.change { [clock] ledger, limits in
            ledger.tidy(
                live: live,
                finished: finished,
                patience: nil,
                at: clock(),
                limits
            )
        }.snapshot
    }

    /// One each time, chosen by chance: one that waits for good must not hide the others.
    private func finishedJobs(_ ledger: Ledger) async -> Set<Job> {
        guard let isOver,
            let job = ledger.waiting(over: patience, at: clock()).randomElement(),
            (try? await isOver(job)) == true
        else { return [] }
        return [job]
    }

    private func searched(_ ledger: Ledger) async -> SweepOutcome.Search {
        guard let search else { return .notMade }
        let findings = await search.search()
        let jobs = UnannouncedJobs(findings.runs, unknownTo: ledger).jobs
        if !jobs.isEmpty {
            do throws(AnnouncementFailure) {
                _ = try await announcer.announce(Announcement(jobs))
            } catch {
                return .failed("\(error)")
            }
        }
        if let failure = findings.failure, findings.runs.isEmpty { return .failed("\(failure)") }
        return .made(runs: findings.runs.count, announced: jobs, missing: findings.missing)
    }

    private func repaired() async -> SweepOutcome.Repair {
        do {
            let before = try await service.counts()
            let result = try await Projector(store, service).project(counts: before)
            switch result.outcome {
            case .agreed(let size) where size == before.desired: return .agreed(size: size)
            case .agreed(let size): return .repaired(from: before.desired, to: size)
            case .held(let reason, let size):
                return .held(reason, desired: result.service?.desired ?? before.desired, size: size)
            case .still(let reason, _): return .still(reason)
            }
        } catch {
            return .failed("\(error)")
        }
    }
}
