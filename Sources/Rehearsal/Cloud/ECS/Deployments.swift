/// The deployments of the service as `DescribeServices` shows them: one PRIMARY, and the older ones
/// ACTIVE for as long as any of their tasks is left.
struct Deployments: Equatable, Sendable {
    struct Deployment: Equatable, Sendable {
        var id: String
        var revision: Int
        var createdAt: Milliseconds
        var isComplete = false
    }

    /// A task as far as deployments are concerned; stopped ones are left out.
    struct Member: Equatable, Sendable {
        var revision: Int
        var isRunning: Bool
        var isPending: Bool
    }

    /// Newest first; never empty.
    private(set) var all = [Deployment(id: "ecs-svc/1", revision: 1, createdAt: 0)]

    var primary: Deployment { all[0] }

    /// A new revision of the same task definition becomes the primary one.
    mutating func deploy(at now: Milliseconds) {
        let revision = primary.revision + 1
        all.insert(
            Deployment(id: "ecs-svc/\(revision)", revision: revision, createdAt: now),
            at: 0
        )
    }

    /// Takes notice of what runs: a deployment without tasks is over, and the primary one is
    /// complete once it alone runs what the service wants.
    mutating func update(_ tasks: [Member], desiredCount: Int) {
        let present = Set(tasks.map(\.revision))
        all = [primary] + all.dropFirst().filter { present.contains($0.revision) }
        let running = tasks.count { $0.revision == primary.revision && $0.isRunning }
        if all.count == 1 && running >= desiredCount { all[0].isComplete = true }
    }

    /// Member `deployments` of a service (ECS API reference, Deployment).
    func json(
        _ tasks: [Member],
        desiredCount: Int,
        names: ServiceNames,
        dateText: (Milliseconds) -> String
    ) -> JSON {
        .array(
            all.enumerated().map { index, deployment in
                let own = tasks.filter { $0.revision == deployment.revision }
                return [
                    "id": .string(deployment.id),
                    "status": index == 0 ? "PRIMARY" : "ACTIVE",
                    "taskDefinition": .string(names.taskDefinitionArn(deployment.revision)),
                    "desiredCount": .int(index == 0 ? desiredCount : 0),
                    "runningCount": .int(own.count(where: \.isRunning)),
                    "pendingCount": .int(own.count(where: \.isPending)),
                    "launchType": "FARGATE",
                    "rolloutState": deployment.isComplete ? "COMPLETED" : "IN_PROGRESS",
                    "createdAt": .string(dateText(deployment.createdAt)),
                ]
            }
        )
    }
}
