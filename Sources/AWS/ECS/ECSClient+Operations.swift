package import Decisions
package import Ports

/// What a person does to a service, and sees of its tasks while it is tried out (Amazon ECS API
/// reference, UpdateService, StopTask, DescribeTasks, ListTaskDefinitions,
/// DeregisterTaskDefinition, DeleteTaskDefinitions).
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

    /// Ids of one call (Amazon ECS API reference, DescribeTasks).
    private static let batch = 100

    /// The times of tasks, by which what happened to them is put in order and paid.
    ///
    /// - Returns: those that ECS still knows.
    package func observe(
        cluster: String,
        _ tasks: [TaskID]
    ) async throws(AWSFailure) -> [ObservedTask] {
        struct Input: Encodable {
            let cluster: String
            let tasks: [String]
        }
        struct Answer: Decodable { let tasks: [TaskAnswer]? }
        var found: [ObservedTask] = []
        var rest = tasks[...]
        while !rest.isEmpty {
            let input = Input(cluster: cluster, tasks: rest.prefix(Self.batch).map(\.text))
            rest = rest.dropFirst(Self.batch)
            let answer: Answer = try await aws.call(.ecs, "DescribeTasks", .harmless, input)
            found += (answer.tasks ?? []).map(\.observed)
        }
        return found
    }

    private struct TaskAnswer: Decodable {
        let taskArn: String
        let startedBy: String?
        let createdAt: Timestamp?
        let pullStartedAt: Timestamp?
        let stoppingAt: Timestamp?
        let stoppedAt: Timestamp?
        let stopCode: String?
        let stoppedReason: String?

        var observed: ObservedTask {
            ObservedTask(
                id: TaskID(arn: taskArn),
                deployment: startedBy,
                createdAt: createdAt?.time,
                pullStartedAt: pullStartedAt?.time,
                stoppingAt: stoppingAt?.time,
                stoppedAt: stoppedAt?.time,
                stopCode: stopCode,
                stoppedReason: stoppedReason
            )
        }
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

/// When a task came and went, by ECS's clock, and for whose sake.
package struct ObservedTask: Sendable, Hashable {
    package let id: TaskID
    /// The deployment that started it (`startedBy`), such as `ecs-svc/123`.
    package let deployment: String?
    package let createdAt: WallTime?
    /// From here on Fargate is paid.
    package let pullStartedAt: WallTime?
    package let stoppingAt: WallTime?
    package let stoppedAt: WallTime?
    package let stopCode: String?
    package let stoppedReason: String?

    package init(
        id: TaskID,
        deployment: String? = nil,
        createdAt: WallTime? = nil,
        pullStartedAt: WallTime? = nil,
        stoppingAt: WallTime? = nil,
        stoppedAt: WallTime? = nil,
        stopCode: String? = nil,
        stoppedReason: String? = nil
    ) {
        self.id = id
        self.deployment = deployment
        self.createdAt = createdAt
        self.pullStartedAt = pullStartedAt
        self.stoppingAt = stoppingAt
        self.stoppedAt = stoppedAt
        self.stopCode = stopCode
        self.stoppedReason = stoppedReason
    }
}
