/// What HCP Terraform's API says of an organization, as far as a pool of agents depends on it. Only
/// looked at for a person who asks what is wrong.
package struct OrganizationAPI: Sendable {
    private let api: TerraformAPI
    private let name: String

    static let deadline: Duration = .seconds(10)

    package init(_ api: TerraformAPI, organization: String) {
        self.api = api
        name = organization.percentEncoded
    }

    /// What the organization's edition has; nil where the answer does not say.
    package struct Entitlements: Hashable, Sendable {
        package let agents: Bool?
        package let runTasks: Bool?

        package init(agents: Bool?, runTasks: Bool?) {
            self.agents = agents
            self.runTasks = runTasks
        }
    }

    /// `GET /organizations/:organization/entitlement-set`.
    package func entitlements() async throws(TerraformFailure) -> Entitlements {
        struct Attributes: Decodable {
            let agents: Bool?
            let runTasks: Bool?

            enum CodingKeys: String, CodingKey {
                case agents
                case runTasks = "run-tasks"
            }
        }
        let answer: One<Attributes> = try await get("/entitlement-set")
        let found = answer.data.attributes
        return Entitlements(agents: found.agents, runTasks: found.runTasks)
    }

    /// `GET /organizations/:organization/subscription`, of HCP Terraform alone.
    ///
    /// - Returns: how many agents the organization may have; nil where the answer does not say.
    package func agentAllowance() async throws(TerraformFailure) -> Int? {
        struct Attributes: Decodable {
            let ceiling: Int?
            enum CodingKeys: String, CodingKey { case ceiling = "agents-ceiling" }
        }
        let answer: One<Attributes> = try await get("/subscription")
        return answer.data.attributes.ceiling
    }

    /// `GET /agent-pools/:id`.
    ///
    /// - Returns: the pool's name.
    package func poolName(_ id: String) async throws(TerraformFailure) -> String {
        struct Attributes: Decodable { let name: String }
        let answer: One<Attributes> = try await api.get(
            "/agent-pools/\(id.percentEncoded)",
            deadline: Self.deadline
        )
        return answer.data.attributes.name
    }

    package struct RunTaskSettings: Hashable, Sendable {
        package let id: String
        package let name: String
        package let url: String
        package let isEnabled: Bool
        /// Where it holds for the whole organization.
        package let stages: [String]?

        package init(id: String, name: String, url: String, isEnabled: Bool, stages: [String]?) {
            self.id = id
            self.name = name
            self.url = url
            self.isEnabled = isEnabled
            self.stages = stages
        }
    }

    /// `GET /organizations/:organization/tasks`, the first hundred.
    package func runTasks() async throws(TerraformFailure) -> [RunTaskSettings] {
        struct Attributes: Decodable {
            let name: String
            let url: String
            let enabled: Bool?
            let global: Global?

            struct Global: Decodable {
                let enabled: Bool?
                let stages: [String]?
            }

            enum CodingKeys: String, CodingKey {
                case name, url, enabled
                case global = "global-configuration"
            }
        }
        let answer: Many<Attributes> = try await get("/tasks?page%5Bsize%5D=100")
        return answer.data.map { item in
            let global = item.attributes.global
            return RunTaskSettings(
                id: item.id,
                name: item.attributes.name,
                url: item.attributes.url,
                isEnabled: item.attributes.enabled ?? true,
                stages: global?.enabled == true ? global?.stages ?? [] : nil
            )
        }
    }

    /// `GET /workspaces/:id/tasks` of a workspace that is given by its name.
    ///
    /// - Returns: the stages at which the workspace calls this run task.
    package func stages(
        of task: String,
        inWorkspace workspace: String
    ) async throws(TerraformFailure) -> [String] {
        struct Nothing: Decodable {}
        let found: One<Nothing> = try await get("/workspaces/\(workspace.percentEncoded)")
        struct Attributes: Decodable {
            let stage: String?
            let stages: [String]?
        }
        let answer: Many<Attributes> = try await api.get(
            "/workspaces/\(found.data.id.percentEncoded)/tasks?page%5Bsize%5D=100",
            deadline: Self.deadline
        )
        return answer.data.filter { $0.relationships?.task?.data?.id == task }
            .flatMap { $0.attributes.stages ?? [$0.attributes.stage].compactMap(\.self) }
    }

    private func get<Answer: Decodable>(
        _ path: String
    ) async throws(TerraformFailure) -> Answer {
        try await api.get("/organizations/\(name)\(path)", deadline: Self.deadline)
    }

    private struct One<Attributes: Decodable>: Decodable { let data: Item<Attributes> }
    private struct Many<Attributes: Decodable>: Decodable { let data: [Item<Attributes>] }

    private struct Item<Attributes: Decodable>: Decodable {
        let id: String
        let attributes: Attributes
        let relationships: Relationships?
    }

    private struct Relationships: Decodable { let task: Relationship? }
    private struct Relationship: Decodable { let data: Reference? }
    private struct Reference: Decodable { let id: String? }
}
