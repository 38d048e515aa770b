package import Decisions
package import Ports

/// What a person does to a service while it is tried out (Amazon ECS API reference, UpdateService,
/// StopTask, ListTaskDefinitions, DeregisterTaskDefinition, DeleteTaskDefinitions).
extension ECSClient {
    private struct Nothing: Decodable {}

    /// Deploys the service's task definition once more.
    ///
    /// - Returns: the service with the deployment that this made.
    package func deployAgain(
        cluster: String,
        service: String
    ) async throws(AWSFailure) -> ServiceCounts {
        struct Input: Encodable {
            let cluster: String
            let service: String
            let forceNewDeployment = true
        }
        struct Answer: Decodable { let service: ServiceAnswer }
        let input = Input(cluster: cluster, service: service)
        let answer: Answer = try await aws.call(.ecs, "UpdateService", .afterNothing, input)
        return answer.service.counts
    }

    /// - Parameter reason: ECS shows it as the task's `stoppedReason`.
    package func stopTask(
        cluster: String,
        _ task: TaskID,
        reason: String
    ) async throws(AWSFailure) {
        struct Input: Encodable {
            let cluster: String
            let task: String
            let reason: String
        }
        let input = Input(cluster: cluster, task: task.text, reason: reason)
        let _: Nothing = try await aws.call(.ecs, "StopTask", .harmless, input)
    }

    /// - Returns: the active revisions of a family, as `family:revision`; ECS tells a hundred at once,
    ///   which is more than a try makes.
    package func taskDefinitions(family: String) async throws(AWSFailure) -> [String] {
        struct Input: Encodable { let familyPrefix: String }
        struct Answer: Decodable { let taskDefinitionArns: [String] }
        let input = Input(familyPrefix: family)
        let answer: Answer = try await aws.call(.ecs, "ListTaskDefinitions", .harmless, input)
        return answer.taskDefinitionArns.map(TaskDescription.shortName)
            // The prefix of one family may be another one's.
            .filter { $0.hasPrefix(family + ":") }
    }

    /// Takes a revision back, and has ECS delete it when it likes to.
    ///
    /// - Parameter definition: as `family:revision`.
    package func remove(definition: String) async throws(AWSFailure) {
        struct Input: Encodable { let taskDefinition: String }
        struct Inputs: Encodable { let taskDefinitions: [String] }
        let input = Input(taskDefinition: definition)
        let _: Nothing = try await aws.call(.ecs, "DeregisterTaskDefinition", .harmless, input)
        let inputs = Inputs(taskDefinitions: [definition])
        let _: Nothing = try await aws.call(.ecs, "DeleteTaskDefinitions", .harmless, inputs)
    }
}
