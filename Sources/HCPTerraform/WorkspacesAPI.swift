/// Where a workspace runs ("Show workspace", attribute `execution-mode`, relationship
/// `agent-pool`).
package enum WorkspacePlace: Hashable, Sendable {
    case pool(id: String)
    /// On HCP Terraform's own machines or on somebody's own: no agent pool.
    case withoutAgents(mode: String)
}

/// What decides who serves a workspace and is in none of its calls. What is nil the API did not say.
package struct Workspace: Hashable, Sendable {
    package let name: String?
    package let place: WorkspacePlace?
    /// The id of its project.
    package let project: String?
    package let tags: Set<String>?

    package init(
        _ place: WorkspacePlace?,
        name: String? = nil,
        project: String? = nil,
        tags: Set<String>? = nil
    ) {
        self.name = name
        self.place = place
        self.project = project
        self.tags = tags
    }
}

/// `GET /organizations/:organization/workspaces/:name` and `GET /workspaces/:id`, and the project
/// where the pool comes from there.
package struct WorkspacesAPI: Sendable {
    private let api: TerraformAPI

    package init(_ api: TerraformAPI) { self.api = api }

    /// - Parameter deadline: for each of the two requests.
    /// - Throws: `malformedAnswer` also for a workspace that does not say how it runs.
    package func workspace(
        organization: String,
        name: String,
        deadline: Duration
    ) async throws(TerraformFailure) -> Workspace {
        // No name consists of dots, and as segments of a path they would lead elsewhere.
        for name in [organization, name] where name.allSatisfy({ $0 == "." }) {
            throw .notFound
        }
        let path =
            "/organizations/\(organization.percentEncoded)/workspaces/\(name.percentEncoded)"
        return try await workspace(at: path, deadline)
    }

    /// - Parameter id: such as `ws-...`.
    package func workspace(
        id: String,
        deadline: Duration
    ) async throws(TerraformFailure) -> Workspace {
        guard !id.allSatisfy({ $0 == "." }) else { throw .notFound }
        return try await workspace(at: "/workspaces/\(id.percentEncoded)", deadline)
    }

    private func workspace(
        at path: String,
        _ deadline: Duration
    ) async throws(TerraformFailure) -> Workspace {
        let answer: Answer = try await api.get(path, deadline: deadline)
        let item = answer.data
        guard let mode = item.attributes.mode else { throw .malformedAnswer }
        let project = item.relationships?.project?.id
        return Workspace(
            try await place(mode, item.relationships?.pool?.id, project, deadline),
            name: item.attributes.name?.value,
            project: project,
            tags: item.attributes.tags?.value.map { Set($0) }
        )
    }

    /// A workspace's pool may be its project's ("Projects", `default-agent-pool`); whether the
    /// workspace then names it as its own is not documented, so it is looked for in both.
    private func place(
        _ mode: String,
        _ pool: String?,
        _ project: String?,
        _ deadline: Duration
    ) async throws(TerraformFailure) -> WorkspacePlace? {
        guard mode == "agent" else { return .withoutAgents(mode: mode) }
        if let pool { return .pool(id: pool) }
        guard let project, !project.allSatisfy({ $0 == "." }) else { return nil }
        let answer: ProjectAnswer
        do {
            answer = try await api.get("/projects/\(project.percentEncoded)", deadline: deadline)
        } catch .throttled(let wait) {
            throw .throttled(wait)
        } catch {
            // The token may see the workspace and not its project.
            return nil
        }
        return (answer.data.relationships?.pool?.id).map { .pool(id: $0) }
    }

    private struct Answer: Decodable {
        let data: Item

        struct Item: Decodable {
            let attributes: Attributes
            let relationships: Relationships?
        }
        struct Attributes: Decodable {
            let name: Lenient<String>?
            let mode: String?
            let tags: Lenient<[String]>?
            enum CodingKeys: String, CodingKey {
                case name
                case mode = "execution-mode"
                case tags = "tag-names"
            }
        }
        struct Relationships: Decodable {
            let pool: Relationship?
            let project: Relationship?
            enum CodingKeys: String, CodingKey {
                case pool = "agent-pool"
                case project
            }
        }
    }

    private struct ProjectAnswer: Decodable {
        let data: Item

        struct Item: Decodable { let relationships: Relationships? }
        struct Relationships: Decodable {
            let pool: Relationship?
            enum CodingKeys: String, CodingKey { case pool = "default-agent-pool" }
        }
    }

    private struct Relationship: Decodable {
        let data: Reference?
        var id: String? { data?.id }
        struct Reference: Decodable { let id: String? }
    }
}
