package import Decisions
package import HCPTerraform
import Synchronization

/// Reads the pool's runs page by page, within what HCP Terraform allows. A search that had to
/// stop goes on with the same page the next time.
package actor RunSearch {
    private let api: PoolRunsAPI
    private let budget: SharedBudget
    private let now: @Sendable () -> ContinuousClock.Instant
    private var page = 1
    /// Until HCP Terraform refuses one of them.
    private var namesOperations = true

    package struct Findings: Sendable {
        package var runs: [Run] = []
        /// Why there are pages that were not read.
        package var missing: String?
        package var failure: TerraformFailure?

        package init() {}
    }

    /// How long one search may take. A sweep is due every minute, and a Lambda function that
    /// makes it has a time limit of its own.
    static let timeLimit: Duration = .seconds(20)

    /// - Parameter budget: of all searches with the same token.
    package init(
        _ api: PoolRunsAPI,
        budget: SharedBudget = SharedBudget(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.api = api
        self.budget = budget
        self.now = now
    }

    package func search() async -> Findings {
        var findings = Findings()
        let start = now()
        while true {
            guard start.duration(to: now()) < Self.timeLimit else {
                findings.missing = "the list is long"
                return findings
            }
            guard budget.take(at: now()) else {
                findings.missing =
                    "HCP Terraform allows \(RequestBudget.requests) requests a minute"
                return findings
            }
            do throws(TerraformFailure) {
                let found = try await api.runs(page: page, namesOperations: namesOperations)
                findings.runs += found.runs
                page = found.next ?? 1
                if found.next == nil { return findings }
            } catch {
                if namesOperations, error == .status(400) || error == .status(422) {
                    namesOperations = false
                    continue
                }
                if case .throttled(let wait) = error { budget.stayAway(until: now() + wait) }
                findings.missing = "\(error)"
                findings.failure = error
                return findings
            }
        }
    }
}

/// Requests that may still be sent: HCP Terraform takes 30 a minute for lists of runs ("List
/// runs", rate limit), counted over any minute. A pure value.
package struct RequestBudget: Sendable {
    private var sent: [ContinuousClock.Instant] = []
    private var blockedUntil: ContinuousClock.Instant?

    package static let requests = 30
    /// A second more than the minute: they count when requests arrive, not when they leave.
    package static let window: Duration = .seconds(61)

    package init() {}

    /// - Returns: false when the request must not be sent now.
    package mutating func take(at now: ContinuousClock.Instant) -> Bool {
        if let blockedUntil, now < blockedUntil { return false }
        sent.removeAll { $0.duration(to: now) >= Self.window }
        guard sent.count < Self.requests else { return false }
        sent.append(now)
        return true
    }

    /// Others use the same limit, so HCP Terraform may refuse earlier than this count says.
    package mutating func stayAway(until end: ContinuousClock.Instant) {
        blockedUntil = blockedUntil.map { max($0, end) } ?? end
    }
}

/// A budget that several searches share.
package final class SharedBudget: Sendable {
    private let budget = Mutex(RequestBudget())

    package init() {}

    func take(at now: ContinuousClock.Instant) -> Bool { budget.withLock { $0.take(at: now) } }

    func stayAway(until end: ContinuousClock.Instant) {
        budget.withLock { $0.stayAway(until: end) }
    }
}

/// Jobs of the pool's runs that wait for an agent and that nobody announced. A pure value.
///
/// The ledgers must have been read before the runs were. The other way round, a job that an agent
/// received and ended in between would be announced again.
package struct UnannouncedJobs: Hashable, Sendable {
    /// In the order of the runs, each once.
    package var jobs: [Job] { found.map(\.job) }
    /// Each with its run.
    package let found: [Found]

    package struct Found: Hashable, Sendable {
        package let job: Job
        package let run: Run
    }

    /// Jobs in the ledger above which the sweep adds none: each reading costs a read unit for about
    /// thirty of them, and webhooks must still find room.
    package static let room = 4_000

    /// - Parameter ledgers: of all pools that these runs may have been announced to.
    package init(_ runs: [Run], unknownTo ledgers: [Ledger]) {
        var found: [Found] = []
        var seen: Set<Job> = []
        let space = max(0, Self.room - (ledgers.map(\.jobs.count).max() ?? 0))
        for run in runs {
            guard let job = run.waitingJob, !ledgers.contains(where: { $0.jobs[job] != nil }),
                seen.insert(job).inserted
            else { continue }
            found.append(Found(job: job, run: run))
        }
        self.found = Array(found.prefix(space))
    }

    package init(_ runs: [Run], unknownTo ledger: Ledger) { self.init(runs, unknownTo: [ledger]) }
}
