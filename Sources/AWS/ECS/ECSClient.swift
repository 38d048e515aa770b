package import Decisions
package import Ports

/// The calls of the ECS control plane in use (Amazon ECS API reference).
package struct ECSClient: Sendable {
    let aws: AWSClient

    package init(_ aws: AWSClient) { self.aws = aws }

    /// Writes an absolute count; ECS has no conditional form of it.
    ///
    /// - Parameter desiredCount: not negative.
    package func updateService(
        cluster: String,
        service: String,
        desiredCount: Int
    ) async throws(AWSFailure) -> ServiceCounts {
        precondition(desiredCount >= 0, "desired count \(desiredCount)")
        struct Input: Encodable {
            let cluster: String
            let service: String
            let desiredCount: Int
        }
        struct Answer: Decodable { let service: ServiceAnswer }
        let input = Input(cluster: cluster, service: service, desiredCount: desiredCount)
        let answer: Answer = try await aws.call(.ecs, "UpdateService", .afterNothing, input)
        return answer.service.counts
    }

    /// - Throws: also `notFound` for a service that ECS lists among its failures as MISSING.
    package func describeService(
        cluster: String,
        service: String
    ) async throws(AWSFailure) -> ServiceCounts {
        try await described(cluster, service, as: ServiceAnswer.self).counts
    }

    /// As much of a service as whoever asks reads of it.
    ///
    /// - Throws: as ``describeService(cluster:service:)``.
    func described<Service: Decodable>(
        _ cluster: String,
        _ service: String,
        as type: Service.Type = Service.self
    ) async throws(AWSFailure) -> Service {
        let input = ServicesInput(cluster: cluster, services: [service])
        let answer: ServicesAnswer<Service> =
            try await aws.call(.ecs, "DescribeServices", .harmless, input)
        if let found = answer.services?.first { return found }
        throw Self.missing("DescribeServices", answer.failures, "service \(service) of \(cluster)")
    }

    /// A thousand tasks more than a service of Fargate may have (5,000 by ECS's quotas); an
    /// answer that goes on beyond has no end.
    static let maximumPages = 60

    /// - Parameter areStopped: lists those that have stopped, which ECS keeps for an hour, and those
    ///   that it has asked to, instead of those that it wants to run.
    package func listTasks(
        cluster: String,
        service: String,
        areStopped: Bool = false
    ) async throws(AWSFailure) -> [TaskID] {
        struct Input: Encodable {
            let cluster: String
            let serviceName: String
            let desiredStatus: String?
            let maxResults: Int
            let nextToken: String?
        }
        struct Answer: Decodable {
            let taskArns: [String]
            let nextToken: String?
        }
        var tasks: [TaskID] = []
        var token: String?
        for _ in 0..<Self.maximumPages {
            let input = Input(
                cluster: cluster,
                serviceName: service,
                desiredStatus: areStopped ? "STOPPED" : nil,
                maxResults: 100,
                nextToken: token
            )
            let answer: Answer = try await aws.call(.ecs, "ListTasks", .harmless, input)
            tasks += answer.taskArns.map { TaskID(arn: $0) }
            guard let next = answer.nextToken, !next.isEmpty else { return tasks }
            token = next
        }
        let cause = AWSFailure.Cause.malformedAnswer("more than \(Self.maximumPages) pages")
        throw AWSFailure(call: "ecs ListTasks", cause: cause, attempts: 1)
    }

    /// What ECS knows of one task's start.
    ///
    /// - Throws: also `notFound` for a task that ECS lists among its failures as MISSING.
    package func describeTask(
        cluster: String,
        task: TaskID
    ) async throws(AWSFailure) -> TaskStart {
        struct StartAnswer: Decodable {
            let startedBy: String?
            let createdAt: Timestamp?
        }
        let input = TasksInput(cluster: cluster, tasks: [task.text])
        let answer: TasksAnswer<StartAnswer> =
            try await aws.call(.ecs, "DescribeTasks", .harmless, input)
        if let found = answer.tasks?.first {
            // A person who started it may have written anything there.
            let deployment = found.startedBy.flatMap { $0.hasPrefix("ecs-svc/") ? $0 : nil }
            return TaskStart(deployment: deployment, createdAt: found.createdAt?.time)
        }
        throw Self.missing("DescribeTasks", answer.failures, "task \(task) of \(cluster)")
    }

    /// Why an answer names nothing of what was asked for.
    static func missing(
        _ call: String,
        _ failures: [FailureAnswer]?,
        _ what: String
    ) -> AWSFailure {
        let cause: AWSFailure.Cause =
            switch failures?.first?.reason {
            case "MISSING": .notFound(code: "MISSING", message: what)
            case let reason?: .service(code: reason, message: "no message", status: 400)
            case nil: .malformedAnswer("neither what was asked for nor a failure")
            }
        return AWSFailure(call: "ecs \(call)", cause: cause, attempts: 1)
    }
}

struct FailureAnswer: Decodable { let reason: String? }

private struct ServicesInput: Encodable {
    let cluster: String
    let services: [String]
}

private struct ServicesAnswer<Service: Decodable>: Decodable {
    let services: [Service]?
    let failures: [FailureAnswer]?
}

/// Of every call that names tasks.
struct TasksInput: Encodable {
    let cluster: String
    let tasks: [String]
}

struct TasksAnswer<Task: Decodable>: Decodable {
    let tasks: [Task]?
    let failures: [FailureAnswer]?
}

struct ServiceAnswer: Decodable {
    let desiredCount: Int
    let runningCount: Int
    let pendingCount: Int
    let status: String
    let taskDefinition: String?
    let deployments: [DeploymentAnswer]?

    var counts: ServiceCounts {
        let primary = deployments?.first { $0.status == "PRIMARY" }
        return ServiceCounts(
            desired: desiredCount,
            running: runningCount,
            pending: pendingCount,
            status: status,
            taskDefinition: primary?.taskDefinition ?? taskDefinition,
            // One that is INACTIVE is over.
            deployments: (deployments ?? []).filter { $0.status != "INACTIVE" }.map(\.deployment)
        )
    }
}

/// Nothing of it is required: what it lacks is unknown, and must not hide the service's counts.
struct DeploymentAnswer: Decodable {
    let id: String?
    let status: String?
    let taskDefinition: String?
    let rolloutState: String?
    let rolloutStateReason: String?
    let createdAt: Timestamp?
    let runningCount: Int?
    let pendingCount: Int?
    let failedTasks: Int?

    var deployment: DeploymentView {
        DeploymentView(
            id: id,
            isPrimary: status == "PRIMARY",
            state: rolloutState.flatMap { DeploymentView.State(rawValue: $0) },
            createdAt: createdAt?.time,
            running: runningCount ?? 0,
            pending: pendingCount ?? 0,
            failed: failedTasks ?? 0
        )
    }
}
