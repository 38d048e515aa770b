/// One deployment of a service, as ECS lists it (Amazon ECS API reference, Deployment).
package struct DeploymentView: Hashable, Sendable {
    package enum State: String, Hashable, Sendable {
        case inProgress = "IN_PROGRESS"
        case completed = "COMPLETED"
        /// The circuit breaker has tripped.
        case failed = "FAILED"
    }

    /// `ecs-svc/N`; the tasks that it starts name it as their `startedBy`.
    package var id: String?
    /// The newest one.
    package var isPrimary: Bool
    /// Nil where ECS does not say, as of deployments that somebody else controls.
    package var state: State?
    package var createdAt: WallTime?
    package var running: Int
    package var pending: Int
    /// Tasks in a row that never came to run. ECS stops to count once one runs.
    package var failed: Int

    package init(
        id: String?,
        isPrimary: Bool,
        state: State? = nil,
        createdAt: WallTime? = nil,
        running: Int = 0,
        pending: Int = 0,
        failed: Int = 0
    ) {
        self.id = id
        self.isPrimary = isPrimary
        self.state = state
        self.createdAt = createdAt
        self.running = running
        self.pending = pending
        self.failed = failed
    }
}

/// What ECS says of a task's start (Amazon ECS API reference, Task).
package struct TaskStart: Hashable, Sendable {
    /// The deployment that started it; nil for a task that no service did.
    package var deployment: String?
    package var createdAt: WallTime?

    package init(deployment: String?, createdAt: WallTime?) {
        self.deployment = deployment
        self.createdAt = createdAt
    }
}

/// The deployments of a service, as one reading shows them to one of its tasks.
package struct Rollout: Hashable, Sendable {
    /// What is known of the tasks of the newest revision.
    package enum Progress: Hashable, Sendable {
        /// None was started yet.
        case untried
        /// One is on its way.
        case starting
        /// At least one runs and none is on its way.
        case runs
        /// None runs, and some were tried; or the circuit breaker has tripped.
        case fails
        /// One or two were tried and did not get up, and none is on its way. That says little: a task
        /// that was one too many for a while is never let to start, and ECS's own circuit breaker
        /// judges by three at the least. ECS tries again once it has room.
        case stalled
    }

    /// A deployment is under way: ECS stops unprotected tasks of an older revision, and may answer
    /// the exit of one with the revision that it had (ECS developer guide, "Deploy Amazon ECS
    /// services by replacing tasks"; announced in November 2025).
    package var isOpen: Bool
    /// The task belongs to an older revision than the newest.
    package var isOutdated: Bool
    /// The task was started though a newer revision was there already.
    package var isReplacement: Bool
    package var progress: Progress

    package init(
        isOpen: Bool = true,
        isOutdated: Bool = true,
        isReplacement: Bool = false,
        progress: Progress = .runs
    ) {
        self.isOpen = isOpen
        self.isOutdated = isOutdated
        self.isReplacement = isReplacement
        self.progress = progress
    }

    /// No deployment is under way, and the task belongs to the newest revision.
    package static let settled = Rollout(isOpen: false, isOutdated: false)

    /// - Parameters:
    ///   - deployments: as ECS lists them; empty where somebody else deploys the service.
    ///   - start: nil while it is not known.
    ///   - hasOlderDefinition: the service names another task definition than the task's. Decides
    ///     where the deployments cannot be told apart; a forced deployment has the same one.
    package init(_ deployments: [DeploymentView], start: TaskStart?, hasOlderDefinition: Bool) {
        let primary = deployments.first { $0.isPrimary }
        isOpen = Self.isOpen(deployments)
        isOutdated =
            if let newest = primary?.id, let own = start?.deployment {
                newest != own
            } else {
                hasOlderDefinition
            }
        isReplacement = Self.isReplacement(start, among: deployments, primary)
        progress = primary.map(Self.progress) ?? .runs
    }

    package static func isOpen(_ deployments: [DeploymentView]) -> Bool {
        deployments.count > 1 || deployments.contains { $0.isPrimary && $0.state == .inProgress }
    }

    /// Judged by the times that ECS gives, so that a sidecar that was restarted says the same.
    private static func isReplacement(
        _ start: TaskStart?,
        among deployments: [DeploymentView],
        _ primary: DeploymentView?
    ) -> Bool {
        guard let newest = primary?.createdAt, let born = start?.createdAt, born >= newest else {
            return false
        }
        // After a rollback the newest deployment is an old one, and nobody is started from a later.
        let own = deployments.first { $0.id != nil && $0.id == start?.deployment }
        return own?.createdAt.map { $0 < newest } ?? true
    }

    /// Failed starts in a row by which ECS's circuit breaker judges, at the least (Amazon ECS
    /// developer guide, "How the Amazon ECS deployment circuit breaker detects failures").
    private static let judgedBy = 3

    private static func progress(_ primary: DeploymentView) -> Progress {
        if primary.state == .failed { return .fails }
        if primary.running == 0, primary.failed > 0 {
            return primary.failed < judgedBy && primary.pending == 0 ? .stalled : .fails
        }
        if primary.pending > 0 { return .starting }
        return primary.running > 0 ? .runs : .untried
    }

    /// Whether a task that leaves for a fresh one is left to ECS's deployment, which stops it and
    /// starts one of the newest revision. While that fails to start, the old revision that ECS may
    /// answer an exit with is better than none.
    package var handsOver: Bool {
        isOpen && isOutdated && progress != .fails && progress != .stalled
    }
}
