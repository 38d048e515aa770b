package import AWS
internal import Decisions

/// Repairs what a lost webhook or a writer that died in between left behind. Never lowers the
/// ledger; the service it lowers only to the ledger's size, and under the rules of `Projection`.
package actor Sweeper {
    private let store: any LedgerStore
    private let service: any ServicePort
    private let announcer: Announcer
    private let search: RunSearch?
    private var running: Task<SweepOutcome, Never>?

    /// - Parameter search: nil without `TFE_TOKEN`.
    package init(
        store: any LedgerStore,
        service: any ServicePort,
        announcer: Announcer,
        search: RunSearch?
    ) {
        self.store = store
        self.service = service
        self.announcer = announcer
        self.search = search
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
        // Before the ledger is read, so that it has what was there. What fails here fails below as
        // well, where it is said.
        try? await announcer.clearDesk()
        let ledger: Ledger
        do throws(LedgerFailure) {
            ledger = try await store.change { ledger, limits in ledger.uphold(limits) }
                .snapshot.ledger
        } catch {
            return SweepOutcome(
                repair: .failed("\(error)"),
                search: search == nil ? .notMade : .failed("the ledger could not be read")
            )
        }
        let made = await searched(ledger)
        return SweepOutcome(repair: await repaired(), search: made)
    }

    private func searched(_ ledger: Ledger) async -> SweepOutcome.Search {
        guard let search else { return .notMade }
        let findings = await search.search()
        let jobs = Sweep(findings.runs, unknownTo: ledger).jobs
        if !jobs.isEmpty {
            do throws(AnnounceFailure) {
                _ = try await announcer.announce(jobs)
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
            let snapshot = try await store.read()
            guard snapshot.ledger.version > 0 else { return .noLedger }
            switch try await Projector(store, service).project(snapshot, counts: before) {
            case .agreed(let size, _) where size == before.desired:
                return .agreed(size: size)
            case .agreed(let size, _):
                return .repaired(from: before.desired, to: size)
            case .held(_, let size, let counts):
                return .held(desired: counts.desired, size: size)
            }
        } catch {
            return .failed("\(error)")
        }
    }
}
