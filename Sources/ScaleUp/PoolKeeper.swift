package import Decisions
package import Ports

/// The sweep's hand on one pool: tidies its ledger, announces what was found, and makes the service
/// follow. Never lowers the ledger; the service it lowers only to the ledger's size, and under the
/// rules of `Projection`.
package struct PoolKeeper: Sendable {
    package let name: String
    private let store: any LedgerStore
    private let service: any ServicePort
    private let announcer: Announcer
    private let starts: StartLog
    private let startNews: StartNews.Source?
    private let patience: Duration
    private let isOver: IsOver?
    private let clock: @Sendable () -> WallTime

    /// Whether HCP Terraform says that an old announced job needs no agent any more. Throws while
    /// it cannot be asked.
    package typealias IsOver = @Sendable (Job) async throws -> Bool

    /// - Parameters:
    ///   - name: of the pool, for the log.
    ///   - starts: keeps what it finds of starts that fail.
    ///   - startNews: asks ECS for them; nil asks nobody.
    ///   - patience: HCP Terraform is asked for a job that no agent has received for so long.
    ///   - isOver: nil without an API token.
    package init(
        _ name: String = "",
        store: any LedgerStore,
        service: any ServicePort,
        announcer: Announcer,
        starts: StartLog = StartLog(),
        startNews: StartNews.Source? = nil,
        patience: Duration,
        isOver: IsOver? = nil,
        clock: @escaping @Sendable () -> WallTime = { .now() }
    ) {
        self.name = name
        self.store = store
        self.service = service
        self.announcer = announcer
        self.starts = starts
        self.startNews = startNews
        self.patience = patience
        self.isOver = isOver
        self.clock = clock
    }

    /// Upholds the limits and drops what is left of tasks that are gone and of jobs that nobody
    /// wants. In a second write what only ECS's list or HCP Terraform can tell, which is seldom.
    func tidied() async -> Result<LedgerSnapshot, LedgerFailure> {
        do throws(LedgerFailure) {
            let snapshot = try await tidy(live: nil, finished: [])
            let finished = await finishedJobs(snapshot.ledger)
            let live = snapshot.ledger.needsList(at: clock()) ? try? await service.tasks() : nil
            if finished.isEmpty, live == nil { return .success(snapshot) }
            return .success(try await tidy(live: live.map { Set($0) }, finished: finished))
        } catch {
            return .failure(error)
        }
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

    /// - Returns: why they may not be announced; nil when they are.
    func announce(_ jobs: [Job]) async -> AnnouncementFailure? {
        guard !jobs.isEmpty else { return nil }
        do throws(AnnouncementFailure) {
            _ = try await announcer.announce(Announcement(jobs))
            return nil
        } catch {
            return error
        }
    }

    /// The sweep's last part: makes the service follow, and looks what there is.
    ///
    /// - Parameter snapshot: the ledger once it was tidied.
    func swept(_ snapshot: LedgerSnapshot, _ search: SweepOutcome.Search) async -> SweepOutcome {
        let (repair, counts) = await repaired()
        return SweepOutcome(
            repair: repair,
            search: search,
            limitsFault: snapshot.limitsFault,
            gauges: counts.map { PoolGauges(snapshot, $0, repair, at: clock()) },
            failedStarts: await failedStarts(counts)
        )
    }

    /// - Returns: also the service as it was before; nil where it could not be read.
    private func repaired() async -> (SweepOutcome.Repair, ServiceCounts?) {
        let before: ServiceCounts
        do {
            before = try await service.counts()
        } catch {
            return (.failed("\(error)"), nil)
        }
        do {
            let result = try await Projector(store, service).project(counts: before)
            let repair: SweepOutcome.Repair =
                switch result.outcome {
                case .agreed(let size) where size == before.desired: .agreed(size: size)
                case .agreed(let size): .repaired(from: before.desired, to: size)
                case .held(let reason, let size):
                    .held(reason, desired: result.service?.desired ?? before.desired, size: size)
                case .still(let reason, _): .still(reason)
                }
            return (repair, before)
        } catch {
            return (.failed("\(error)"), before)
        }
    }

    /// Starts that failed since the last sweep. ECS is asked for them only where agents are missing;
    /// what it says is told, and decides nothing.
    private func failedStarts(_ counts: ServiceCounts?) async -> [FailedStart] {
        guard let startNews, let counts else { return [] }
        guard counts.desired > counts.running else {
            starts.settle()
            return []
        }
        guard let news = try? await startNews() else { return [] }
        return starts.take(news, at: clock())
    }
}
