package import Decisions

/// A run, as far as the sweep has to do with it.
package struct Run: Hashable, Sendable {
    package let id: String
    /// As the API spells it; new ones appear ("Run states").
    package let status: String

    package init(id: String, status: String) {
        self.id = id
        self.status = status
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

/// `GET /organizations/:organization/runs` ("List runs in an organization"; HCP Terraform and
/// Terraform Enterprise since v202409-1).
package struct RunsAPI: Sendable {
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
            + "&filter%5Bstatus_group%5D=non_final&page%5Bsize%5D=100&page%5Bnumber%5D="
    }

    /// - Parameter page: 1 is the first.
    package func runs(page: Int) async throws(TerraformFailure) -> Page {
        let answer: Answer = try await api.get(
            path + "\(page)",
            deadline: Self.deadline,
            maximumResponseBytes: Self.maximumPageBytes
        )
        let runs = answer.data.compactMap { item in
            item.attributes?.status.map { Run(id: item.id, status: $0) }
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
        }
        struct Attributes: Decodable { let status: String? }
        struct Meta: Decodable { let pagination: Pagination? }
        struct Pagination: Decodable {
            let next: Int?
            enum CodingKeys: String, CodingKey { case next = "next-page" }
        }
    }
}
