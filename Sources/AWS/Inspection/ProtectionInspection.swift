package import Decisions

/// Looks at scale-in protection from outside (Amazon ECS API reference, GetTaskProtection and
/// UpdateTaskProtection).
extension ECSClient {
    /// Tasks of one call (Amazon ECS API reference, GetTaskProtection).
    private static let batch = 100

    /// Errors of a call that was allowed.
    private static let judgements: Set = ["InvalidParameterException", "ClientException"]

    private struct Answer: Decodable {
        let protectedTasks: [Entry]?
        let failures: [FailureAnswer]?

        struct Entry: Decodable {
            let taskArn: String
            let protectionEnabled: Bool?
        }
    }

    /// - Parameter tasks: a hundred of them are looked at.
    /// - Returns: those that are protected.
    package func protectedTasks(
        cluster: String,
        among tasks: Set<TaskID>
    ) async throws(AWSFailure) -> Set<TaskID> {
        guard !tasks.isEmpty else { return [] }
        let input = TasksInput(
            cluster: cluster,
            tasks: tasks.sorted().prefix(Self.batch).map(\.text)
        )
        let answer: Answer = try await aws.call(.ecs, "GetTaskProtection", .harmless, input)
        let isOn = (answer.protectedTasks ?? []).filter { $0.protectionEnabled == true }
        return Set(isOn.map { TaskID(arn: $0.taskArn) })
    }

    /// Whether one may protect tasks, found out on a task that is none: ECS says that it is missing to
    /// those who may, and denies the others.
    ///
    /// - Throws: `denied` where it is not allowed.
    package func tryProtection(cluster: String) async throws(AWSFailure) {
        struct Input: Encodable {
            let cluster: String
            let tasks = ["00000000000000000000000000000000"]
            let protectionEnabled = false
        }
        let input = Input(cluster: cluster)
        do {
            let _: Answer = try await aws.call(.ecs, "UpdateTaskProtection", .harmless, input)
        } catch {
            // What ECS finds wrong with such a task, it tells those who may ask.
            if case .service(let code, _, _) = error.cause, Self.judgements.contains(code) {
                return
            }
            if case .notFound = error.cause { return }
            throw error
        }
    }
}
