/// `GET /runs/:id/task-stages` ("Run task stages and results") and `GET
/// /task-stages/:id/policy-evaluations` ("Policy evaluations").
package struct PolicyEvaluationsAPI: Sendable {
    private let api: TerraformAPI

    static let deadline: Duration = .seconds(5)

    package init(_ api: TerraformAPI) { self.api = api }

    /// Whether policies of the run wait to be evaluated. Whether by an agent it does not say; pools
    /// whose agents accept no policies are not to be asked about.
    package func isWaiting(run id: String) async throws(TerraformFailure) -> Bool {
        let stages: Answer = try await api.get(
            "/runs/\(id.percentEncoded)/task-stages",
            deadline: Self.deadline
        )
        for stage in stages.data where stage.attributes?.stage == "post_plan" {
            let evaluations: Answer = try await api.get(
                "/task-stages/\(stage.id.percentEncoded)/policy-evaluations",
                deadline: Self.deadline
            )
            // It is not said which of the two it has while it waits for an agent.
            let isWaiting = evaluations.data.contains {
                ["pending", "queued"].contains($0.attributes?.status)
            }
            if isWaiting { return true }
        }
        return false
    }

    private struct Answer: Decodable {
        let data: [Item]

        struct Item: Decodable {
            let id: String
            let attributes: Attributes?
        }
        struct Attributes: Decodable {
            let stage: String?
            let status: String?
        }
    }
}
