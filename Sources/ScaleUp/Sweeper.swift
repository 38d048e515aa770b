internal import Decisions
package import HCPTerraform
internal import Ports

/// Repairs what a lost webhook, a writer that died in between or a task that is gone left behind, in
/// all pools at once: none waits for another one's ledger or list of runs.
package actor Sweeper {
    private let groups: [SweepGroup]
    private var running: Task<SweepReport, Never>?

    package init(_ groups: [SweepGroup]) { self.groups = groups }

    /// One sweep. A caller that comes while one is under way shares it.
    package func sweep() async -> SweepReport {
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

    private func sweepOnce() async -> SweepReport {
        let outcomes = await withTaskGroup(of: [(Int, SweptPool)].self) { [groups] tasks in
            for group in groups { tasks.addTask { await group.sweep() } }
            return await tasks.reduce(into: []) { $0 += $1 }
        }
        return SweepReport(outcomes.sorted { $0.0 < $1.0 }.map(\.1))
    }
}

/// Pools that serve the same agent pool of HCP Terraform; most often it is one. Their list of runs
/// is read once, and each job that waits is announced to one of them.
package struct SweepGroup: Sendable {
    private let members: [(place: Int, keeper: PoolKeeper)]
    private let table: PoolTable
    private let organization: String
    private let search: RunSearch?
    private let lookUp: LookUp?
    private let policies: PolicyEvaluationsAPI?

    /// What HCP Terraform says of a workspace, by its id; nil while it cannot be asked.
    package typealias LookUp = @Sendable (_ id: String) async -> Workspace?

    /// - Parameters:
    ///   - members: with their places in the table.
    ///   - organization: whose runs are searched.
    ///   - search: nil without an API token, or without the name of the agent pool.
    ///   - lookUp: nil where the table asks for nothing that it could tell.
    ///   - policies: nil where agents evaluate no policies, or cannot be announced for them.
    package init(
        _ members: [(place: Int, keeper: PoolKeeper)],
        of table: PoolTable,
        organization: String = "",
        search: RunSearch? = nil,
        lookUp: LookUp? = nil,
        policies: PolicyEvaluationsAPI? = nil
    ) {
        self.members = members
        self.table = table
        self.organization = organization
        self.search = search
        self.lookUp = lookUp
        self.policies = policies
    }

    func sweep() async -> [(Int, SweptPool)] {
        var tidied: [Int: Result<LedgerSnapshot, LedgerFailure>] = [:]
        // One after the other: together they are few, and each waits for the same table.
        for (place, keeper) in members { tidied[place] = await keeper.tidied() }
        let searches = await searched(tidied.compactMapValues { try? $0.get().ledger })
        var outcomes: [(Int, SweptPool)] = []
        for (place, keeper) in members {
            guard let result = tidied[place], let search = searches[place] else { continue }
            let outcome: SweepOutcome
            switch result {
            case .success(let snapshot):
                outcome = await keeper.swept(snapshot, search)
            case .failure(let error):
                outcome = SweepOutcome(repair: .failed("\(error)"), search: search)
            }
            outcomes.append((place, SweptPool(name: keeper.name, outcome: outcome)))
        }
        return outcomes
    }

    /// - Parameter ledgers: those that could be read.
    private func searched(_ ledgers: [Int: Ledger]) async -> [Int: SweepOutcome.Search] {
        let places = members.map(\.place)
        guard let search else {
            return Dictionary(uniqueKeysWithValues: places.map { ($0, .notMade) })
        }
        let unread = SweepOutcome.Search.failed("the ledger could not be read")
        guard !ledgers.isEmpty else {
            return Dictionary(uniqueKeysWithValues: places.map { ($0, unread) })
        }
        let findings = await search.search()
        var waiting = UnannouncedJobs(findings.runs, unknownTo: Array(ledgers.values)).found
        waiting += await waitingPolicies(findings.runs, Array(ledgers.values))
        var jobs: [Int: [Job]] = [:]
        for found in waiting {
            if let place = await self.place(of: found) {
                jobs[place, default: []].append(found.job)
            }
        }
        var searches: [Int: SweepOutcome.Search] = [:]
        for (place, keeper) in members {
            guard ledgers[place] != nil else {
                searches[place] = unread
                continue
            }
            if let failure = await keeper.announce(jobs[place] ?? []) {
                searches[place] = .failed("\(failure)")
            } else if let failure = findings.failure, findings.runs.isEmpty {
                searches[place] = .failed("\(failure)")
            } else {
                searches[place] = .made(
                    runs: findings.runs.count,
                    announced: jobs[place] ?? [],
                    missing: findings.missing
                )
            }
        }
        return searches
    }

    /// Runs asked for in one sweep, of two requests each; chosen by chance, so that those which wait
    /// for something else than policies hide no others.
    private static let mostPolicies = 5

    private func waitingPolicies(
        _ runs: [Run],
        _ ledgers: [Ledger]
    ) async -> [UnannouncedJobs.Found] {
        guard let policies else { return [] }
        let unknown = runs.compactMap { run in run.policyJob.map { (job: $0, run: run) } }
            .filter { found in !ledgers.contains { $0.jobs[found.job] != nil } }
        var waiting: [UnannouncedJobs.Found] = []
        for (job, run) in unknown.shuffled().prefix(Self.mostPolicies) {
            // Where it cannot be asked the next sweep asks.
            if (try? await policies.isWaiting(run: run.id)) == true {
                waiting.append(UnannouncedJobs.Found(job: job, run: run))
            }
        }
        return waiting
    }

    private func place(of found: UnannouncedJobs.Found) async -> Int? {
        // Whoever is alone is meant: the list was of its own agent pool.
        if members.count == 1 { return members[0].place }
        var call = PoolCall(
            organization: organization,
            stage: RunTaskRequest.Stage(before: found.job.type),
            isSpeculative: found.run.isPlanOnly
        )
        if let lookUp, let id = found.run.workspaceID, let workspace = await lookUp(id) {
            call.workspace = workspace
            call.workspaceName = workspace.name ?? ""
        }
        return table.choice(of: members.map(\.place), for: call)
    }
}

extension RunTaskRequest.Stage {
    /// The stage that comes before jobs of this type.
    fileprivate init?(before jobType: String) {
        guard let stage = Self.allCases.first(where: { $0.jobType == jobType }) else { return nil }
        self = stage
    }
}
