package import Decisions

/// One task as ECS describes it, to a person (Amazon ECS API reference, Task). ECS keeps a stopped
/// one for an hour.
package struct TaskDescription: Hashable, Sendable {
    package struct Container: Hashable, Sendable {
        package let name: String
        package let exitCode: Int?
        /// Why it did not start, or ended.
        package let reason: String?

        package init(name: String, exitCode: Int? = nil, reason: String? = nil) {
            self.name = name
            self.exitCode = exitCode
            self.reason = reason
        }
    }

    package let id: TaskID
    /// `PROVISIONING` to `STOPPED`; nil where only the id is known.
    package let state: String?
    /// The task definition as `family:revision`.
    package let definition: String?
    /// The deployment that started it (`startedBy`), such as `ecs-svc/123`.
    package let deployment: String?
    package let createdAt: WallTime?
    /// When its network interface was there, and when the pull of its images began, from where on
    /// Fargate is paid, and ended; nil until then.
    package let connectivityAt: WallTime?
    package let pullStartedAt: WallTime?
    package let pullStoppedAt: WallTime?
    /// Nil for one that never ran.
    package let startedAt: WallTime?
    package let stoppingAt: WallTime?
    package let stoppedAt: WallTime?
    package let stopCode: String?
    package let stoppedReason: String?
    package let containers: [Container]

    package init(
        id: TaskID,
        state: String? = nil,
        definition: String? = nil,
        deployment: String? = nil,
        createdAt: WallTime? = nil,
        connectivityAt: WallTime? = nil,
        pullStartedAt: WallTime? = nil,
        pullStoppedAt: WallTime? = nil,
        startedAt: WallTime? = nil,
        stoppingAt: WallTime? = nil,
        stoppedAt: WallTime? = nil,
        stopCode: String? = nil,
        stoppedReason: String? = nil,
        containers: [Container] = []
    ) {
        self.id = id
        self.state = state
        self.definition = definition
        self.deployment = deployment
        self.createdAt = createdAt
        self.connectivityAt = connectivityAt
        self.pullStartedAt = pullStartedAt
        self.pullStoppedAt = pullStoppedAt
        self.startedAt = startedAt
        self.stoppingAt = stoppingAt
        self.stoppedAt = stoppedAt
        self.stopCode = stopCode
        self.stoppedReason = stoppedReason
        self.containers = containers
    }

    /// Of `arn:aws:ecs:region:account:task-definition/family:revision` what a person reads.
    static func shortName(_ arn: String) -> String {
        arn.split(separator: "/").last.map(String.init) ?? arn
    }
}

extension ECSClient {
    /// Ids of one call (Amazon ECS API reference, DescribeTasks).
    private static let batch = 100

    /// - Returns: those of the tasks that ECS still knows, in the order of their ids.
    package func describeTasks(
        cluster: String,
        _ tasks: Set<TaskID>
    ) async throws(AWSFailure) -> [TaskDescription] {
        var found: [TaskDescription] = []
        var rest = tasks.sorted()[...]
        while !rest.isEmpty {
            let input = TasksInput(cluster: cluster, tasks: rest.prefix(Self.batch).map(\.text))
            rest = rest.dropFirst(Self.batch)
            let answer: TasksAnswer<DescribedTask> =
                try await aws.call(.ecs, "DescribeTasks", .harmless, input)
            found += (answer.tasks ?? []).map(\.description)
        }
        return found.sorted { $0.id < $1.id }
    }
}

private struct DescribedTask: Decodable {
    let taskArn: String
    let lastStatus: String?
    let taskDefinitionArn: String?
    let startedBy: String?
    let createdAt: Timestamp?
    let connectivityAt: Timestamp?
    let pullStartedAt: Timestamp?
    let pullStoppedAt: Timestamp?
    let startedAt: Timestamp?
    let stoppingAt: Timestamp?
    let stoppedAt: Timestamp?
    let stopCode: String?
    let stoppedReason: String?
    let containers: [Container]?

    struct Container: Decodable {
        let name: String?
        let exitCode: Int?
        let reason: String?
    }

    var description: TaskDescription {
        TaskDescription(
            id: TaskID(arn: taskArn),
            state: lastStatus,
            definition: taskDefinitionArn.map(TaskDescription.shortName),
            deployment: startedBy,
            createdAt: createdAt?.time,
            connectivityAt: connectivityAt?.time,
            pullStartedAt: pullStartedAt?.time,
            pullStoppedAt: pullStoppedAt?.time,
            startedAt: startedAt?.time,
            stoppingAt: stoppingAt?.time,
            stoppedAt: stoppedAt?.time,
            stopCode: stopCode,
            stoppedReason: stoppedReason,
            containers: (containers ?? []).map {
                TaskDescription.Container(
                    name: $0.name ?? "?",
                    exitCode: $0.exitCode,
                    reason: $0.reason
                )
            }
        )
    }
}
