/// Where a workspace runs ("Show workspace", attribute `execution-mode`, relationship
/// `agent-pool`).
package enum WorkspacePlace: Hashable, Sendable {
    case pool(id: String)
    /// On HCP Terraform's own machines or on somebody's own: no agent pool.
    case withoutAgents(mode: String)
}

/// `GET /organizations/:organization/workspaces/:name`.
package struct WorkspacesAPI: Sendable {
    private let api: TerraformAPI

    package init(_ api: TerraformAPI) { self.api = api }

    /// - Throws: `malformedAnswer` also for a workspace in agent mode that names no pool.
    package func place(
        organization: String,
        workspace: String,
        deadline: Duration
    ) async throws(TerraformFailure) -> WorkspacePlace {
        // No name consists of dots, and as segments of a path they would lead elsewhere.
        for name in [organization, workspace] where name.allSatisfy({ $0 == "." }) {
            throw .notFound
        }
        let path =
            "/organizations/\(organization.percentEncoded)"
            + "/workspaces/\(workspace.percentEncoded)"
        let answer: Answer = try await api.get(path, deadline: deadline)
        guard let mode = answer.data.attributes.mode else { throw .malformedAnswer }
        guard mode == "agent" else { return .withoutAgents(mode: mode) }
        guard let pool = answer.data.relationships?.pool?.data?.id else { throw .malformedAnswer }
        return .pool(id: pool)
    }

    private struct Answer: Decodable {
        let data: Item

        struct Item: Decodable {
            let attributes: Attributes
            let relationships: Relationships?
        }
        struct Attributes: Decodable {
            let mode: String?
            enum CodingKeys: String, CodingKey { case mode = "execution-mode" }
        }
        struct Relationships: Decodable {
            let pool: Relationship?
            enum CodingKeys: String, CodingKey { case pool = "agent-pool" }
        }
        struct Relationship: Decodable { let data: Reference? }
        struct Reference: Decodable { let id: String? }
    }
}
