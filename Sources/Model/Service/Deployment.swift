/// `ecs-svc/N`: `deployments[].id` of a service, and `startedBy` of the tasks of it.
package struct DeploymentID: Hashable, Sendable, CustomStringConvertible {
    package let number: Int

    package init(number: Int) { self.number = number }

    package var description: String { "ecs-svc/\(number)" }
}

/// One deployment of a service, and the tasks that were started from it (ECS API reference,
/// Deployment).
package struct Deployment: Hashable, Sendable {
    /// `rolloutState`.
    package enum Rollout: String, Hashable, Sendable {
        case inProgress = "IN_PROGRESS"
        case completed = "COMPLETED"
        case failed = "FAILED"
    }

    package let id: DeploymentID
    /// Revision of the task definition. A forced new deployment has the same one again.
    package let taskDefinition: Int
    package let createdAt: Milliseconds
    package internal(set) var rollout = Rollout.inProgress
    /// Starts that failed since the last one that did not.
    package internal(set) var failedTasks = 0
    /// Of a deployment that is not the primary one: how many tasks of it are kept until newer ones
    /// take their place.
    package internal(set) var kept = 0
    package internal(set) var pending = 0
    package internal(set) var running = 0
    /// Asked to stop, and not stopped yet.
    package internal(set) var stopping = 0
    /// Starts that failed in a row, and when ECS tries again.
    var failures = 0
    var nextStartAt: Milliseconds = 0
    /// Tasks that count and are not protected, by their numbers, in no order: ECS documents none.
    var free: [Int] = []

    init(_ id: DeploymentID, taskDefinition: Int, at now: Milliseconds) {
        self.id = id
        self.taskDefinition = taskDefinition
        createdAt = now
    }

    /// Tasks that ECS counts: on their way or running, not asked to stop.
    package var counting: Int { pending + running }
    /// Nothing of it is left, and nothing of it is to be replaced.
    var isGone: Bool { counting + stopping == 0 && kept == 0 }

    /// `rolloutStateReason`.
    package var reason: String {
        switch rollout {
        case .inProgress: "ECS deployment \(id) in progress."
        case .completed: "ECS deployment \(id) completed."
        case .failed: "ECS deployment circuit breaker: tasks failed to start."
        }
    }
}

/// From which revision ECS replaces a task that ends by itself while a deployment is open. AWS's
/// announcement of November 2025 says "unhealthy or terminated" tasks are replaced from their own
/// revision, its developer guide only "unhealthy" ones.
package enum Replacement: String, Hashable, Sendable, CaseIterable {
    /// From the revision that it had.
    case same
    /// From the newest one.
    case primary
}
