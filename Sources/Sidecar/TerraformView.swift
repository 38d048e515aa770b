import Decisions
import HCPTerraform
import Telemetry

/// What HCP Terraform's API adds for those who give a token. It only reads, and whatever fails
/// here changes nothing: the sidecar then does what it does without a token.
struct TerraformView: Sendable {
    private let agents: AgentsAPI
    private let runs: RunsAPI
    private let journal: Journal

    init(_ api: TerraformAPI, journal: Journal) {
        agents = AgentsAPI(api)
        runs = RunsAPI(api)
        self.journal = journal
    }

    func look(at agent: String) async -> WatchReport {
        do {
            return .seen(try await agents.status(of: agent))
        } catch {
            journal.once(
                .agentsAPIFailed,
                "the agents API does not help; the agent's log decides alone: \(error)"
            )
            if case .throttled(let wait) = error { return .failed("\(error)", wait: wait) }
            return .failed("\(error)", wait: nil)
        }
    }

    /// Looks whether a job that no agent has received is over. One job at a time, chosen by chance,
    /// so that many idle agents do not all ask for the same, and no job that waits for good hides
    /// the others: an agent that may not leave asks again a minute later.
    ///
    /// - Parameter patience: how long such a job counts where HCP Terraform cannot tell.
    /// - Returns: the job, if no agent is needed for it any more.
    func finishedJob(in ledger: Ledger, patience: Duration, at now: WallTime) async -> Job? {
        guard let job = ledger.waiting(over: Self.unreceivedFor, at: now).randomElement() else {
            return nil
        }
        let isAged = ledger.waiting(over: patience, at: now).contains(job)
        do {
            return try await runs.isOver(job, aged: isAged) ? job : nil
        } catch {
            journal.once(
                .announcedRunUnreadable,
                "the run of an announced job cannot be read: \(error)"
            )
            return nil
        }
    }

    /// Agents poll every 30 s, so while this one is idle a job that could run has been received
    /// by then.
    static let unreceivedFor: Duration = .seconds(120)
}
