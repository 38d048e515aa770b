package import Decisions

/// A run, as far as the sweep and an idle sidecar have to do with it.
package struct Run: Hashable, Sendable {
    package let id: String
    /// As the API spells it; new ones appear ("Run states").
    package let status: String
    /// The id of its workspace, where it is known.
    package let workspaceID: String?
    /// Whether it is a plan alone; nil where that is not known.
    package let isPlanOnly: Bool?
    /// Who has its jobs, or had them, by their types; of a job that has not begun nobody.
    package let executors: [String: Executor]

    package init(
        id: String,
        status: String,
        workspaceID: String? = nil,
        isPlanOnly: Bool? = nil,
        executors: [String: Executor] = [:]
    ) {
        self.id = id
        self.status = status
        self.workspaceID = workspaceID
        self.isPlanOnly = isPlanOnly
        self.executors = executors
    }

    /// The job that an agent must come for; nil while the run needs none, or has one already.
    package var waitingJob: Job? {
        switch status {
        case "plan_queued", "queuing": Job(id: id, type: "plan")
        case "apply_queued", "queuing_apply": Job(id: id, type: "apply")
        default: nil
        }
    }
}

extension Run {
    /// Whether one of its jobs can still come to an agent, or is with one: `false` once the run is
    /// past it; nil for other types of jobs and for statuses that nobody here knows ("Run
    /// states"; new ones appear).
    package func needsAgent(for job: Job) -> Bool? {
        if Self.over.contains(status) { return false }
        let isBeforePlanned = Self.beforePlanned.contains(status)
        switch job.type {
        case "plan":
            if isBeforePlanned { return true }
            return Self.planned.contains(status) || Self.applying.contains(status) ? false : nil
        case "apply":
            if Self.applying.contains(status) { return true }
            return isBeforePlanned || Self.planned.contains(status) ? true : nil
        case "policy":
            // Policies are evaluated within the stage before this.
            let isPast = Self.applying.contains(status) || status == "post_plan_completed"
            return isPast ? false : nil
        default:
            return nil
        }
    }

    /// The job of policies, where the run is in the stage in which they are evaluated. Whether an
    /// agent is wanted for it only its evaluations tell.
    package var policyJob: Job? {
        status == "post_plan_running" ? Job(id: id, type: "policy") : nil
    }

    /// Whether no agent has its plan yet, nor had it.
    var isBeforePlan: Bool { Self.beforePlanned.contains(status) && status != "planning" }

    /// Its jobs that need no agent any more, whatever happens to the run later: a status that is
    /// heard late, or out of turn, says no less.
    var endedJobs: [Job] {
        let types: [String] =
            if status != Self.saved, Self.over.contains(status) {
                ["plan", "policy", "apply"]
            } else if Self.applying.contains(status) || status == Self.saved {
                ["plan", "policy"]
            } else if Self.planned.contains(status) {
                ["plan"]
            } else {
                []
            }
        return types.compactMap { Job(id: id, type: $0) }
    }

    /// A plan that may be applied later, and is over until then.
    private static let saved = "planned_and_saved"
    private static let beforePlanned: Set = [
        "pending", "fetching", "fetching_completed", "pre_plan_running", "pre_plan_completed",
        "pre_plan_awaiting_decision", "queuing", "plan_queued", "planning",
    ]
    private static let planned: Set = [
        "planned", "post_plan_running", "post_plan_completed", "post_plan_awaiting_decision",
        "cost_estimating", "cost_estimated", "policy_checking", "policy_override", "policy_checked",
    ]
    private static let applying: Set = [
        "confirmed", "pre_apply_running", "pre_apply_completed", "queuing_apply", "apply_queued",
        "applying",
    ]
    /// A policy fails softly where the run is a plan alone, which ends with it.
    private static let over: Set = [
        "post_apply_running", "post_apply_completed", "applied", "discarded", "errored",
        "canceled", "force_canceled", "planned_and_finished", "policy_soft_failed", saved,
    ]
}

/// `GET /runs/:id` ("Runs", get run details).
package struct RunsAPI: Sendable {
    private let api: TerraformAPI

    static let deadline: Duration = .seconds(5)

    package init(_ api: TerraformAPI) { self.api = api }

    package func run(_ id: String) async throws(TerraformFailure) -> Run {
        let answer: Answer = try await api.get(
            "/runs/\(id.percentEncoded)?include=plan%2Capply",
            deadline: Self.deadline
        )
        return Run(
            id: id,
            status: answer.data.attributes.status,
            executors: answer.executors
        )
    }

    /// Whether an announced job that no agent received needs none any more.
    ///
    /// - Parameters:
    ///   - aged: it has waited as long as such a job counts where nobody can be asked. Then a run
    ///     that this token may not see, and a status that says nothing of the job, do not keep it
    ///     for ever.
    ///   - ours: whose agents it was announced for; a job that somebody else has needs none of them.
    package func isOver(
        _ job: Job,
        aged: Bool,
        ours: Executor.Place = Executor.Place()
    ) async throws(TerraformFailure) -> Bool {
        do {
            let run = try await run(job.id)
            guard let needsAgent = run.needsAgent(for: job) else { return aged }
            return !needsAgent || run.executors[job.type]?.isElsewhere(than: ours) == true
        } catch {
            if aged, error == .notFound { return true }
            throw error
        }
    }

    private struct Answer: Decodable {
        let data: Item
        let included: Lenient<[Lenient<Included>]>?

        struct Item: Decodable { let attributes: Attributes }
        struct Attributes: Decodable { let status: String }

        /// A plan or an apply.
        struct Included: Decodable {
            let type: String
            let attributes: IncludedAttributes
        }
        struct IncludedAttributes: Decodable {
            let executor: Lenient<Executor>?
            enum CodingKeys: String, CodingKey { case executor = "execution-details" }
        }

        var executors: [String: Executor] {
            let jobTypes = ["plans": "plan", "applies": "apply"]
            var executors: [String: Executor] = [:]
            for item in (included?.value ?? []).compactMap(\.value) {
                guard let type = jobTypes[item.type] else { continue }
                executors[type] = item.attributes.executor?.value
            }
            return executors
        }
    }
}

/// `GET /organizations/:organization/runs` ("List runs in an organization"; HCP Terraform and
/// Terraform Enterprise since v202409-1).
package struct PoolRunsAPI: Sendable {
    private let api: TerraformAPI
    private let path: String

    package struct Page: Hashable, Sendable {
        package let runs: [Run]
        /// The number of the page after this one.
        package let next: Int?

        package init(runs: [Run], next: Int?) {
            self.runs = runs
            self.next = next
        }
    }

    /// One page of 100 runs. It has been seen to take seconds in large organizations.
    static let deadline: Duration = .seconds(5)
    /// A hundred runs with all their attributes and relationships are about 500 KB.
    static let maximumPageBytes = 4 << 20

    /// - Parameters:
    ///   - pool: the name of the agent pool whose runs are listed.
    package init(_ api: TerraformAPI, organization: String, pool: String) {
        self.api = api
        path =
            "/organizations/\(organization.percentEncoded)/runs"
            + "?filter%5Bagent_pool_names%5D=\(pool.percentEncoded)"
            + "&filter%5Bstatus_group%5D=non_final&page%5Bsize%5D=100"
    }

    /// All that the documentation names ("Run operations"). The list of a workspace's runs leaves
    /// plans alone out unless they are asked for; whether an organization's does is not said.
    private static let operations = [
        "plan_only", "plan_and_apply", "save_plan", "refresh_only", "destroy", "empty_apply",
        "action_only",
    ]

    /// - Parameters:
    ///   - page: 1 is the first.
    ///   - namesOperations: whether every operation is asked for by its name; releases of Terraform
    ///     Enterprise may not know all of them.
    package func runs(
        page: Int,
        namesOperations: Bool
    ) async throws(TerraformFailure) -> Page {
        let operations = Self.operations.joined(separator: "%2C")
        let filter = namesOperations ? "&filter%5Boperation%5D=" + operations : ""
        let answer: Answer = try await api.get(
            path + filter + "&page%5Bnumber%5D=\(page)",
            deadline: Self.deadline,
            maximumResponseBytes: Self.maximumPageBytes
        )
        let runs = answer.data.compactMap { item in
            item.attributes?.status.map {
                Run(
                    id: item.id,
                    status: $0,
                    workspaceID: item.relationships?.value?.workspace?.value?.data.id,
                    isPlanOnly: item.attributes?.isPlanOnly?.value
                )
            }
        }
        // A page that names itself or an earlier one would be read for ever.
        let next = answer.meta?.pagination?.next.flatMap { $0 > page ? $0 : nil }
        return Page(runs: runs, next: next)
    }

    private struct Answer: Decodable {
        let data: [Item]
        let meta: Meta?

        struct Item: Decodable {
            let id: String
            let attributes: Attributes?
            let relationships: Lenient<Relationships>?
        }
        struct Attributes: Decodable {
            let status: String?
            let isPlanOnly: Lenient<Bool>?
            enum CodingKeys: String, CodingKey {
                case status
                case isPlanOnly = "plan-only"
            }
        }
        struct Relationships: Decodable { let workspace: Lenient<Relationship>? }
        struct Relationship: Decodable { let data: Reference }
        struct Reference: Decodable { let id: String }
        struct Meta: Decodable { let pagination: Pagination? }
        struct Pagination: Decodable {
            let next: Int?
            enum CodingKeys: String, CodingKey { case next = "next-page" }
        }
    }
}
