package import Decisions

/// `GET /agents/:id` (HCP Terraform API, "Agents").
package struct AgentsAPI: Sendable {
    private let api: TerraformAPI

    /// The answer is under 1 KB, and the next look is a minute away.
    static let deadline: Duration = .seconds(10)

    package init(_ api: TerraformAPI) { self.api = api }

    /// - Parameter id: as the agent logs it when it registers, `agent-...`.
    /// - Throws: `malformedAnswer` also for a status that the documentation does not name: what
    ///   nobody understands decides nothing.
    package func status(of id: String) async throws(TerraformFailure) -> ServerStatus {
        let answer: Answer = try await api.get(
            "/agents/\(id.percentEncoded)",
            deadline: Self.deadline
        )
        guard let status = ServerStatus(rawValue: answer.data.attributes.status) else {
            throw .malformedAnswer
        }
        return status
    }

    private struct Answer: Decodable {
        let data: Item
        struct Item: Decodable { let attributes: Attributes }
        struct Attributes: Decodable { let status: String }
    }
}
