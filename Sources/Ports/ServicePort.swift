package import Decisions

/// What ECS says of a service.
package struct ServiceCounts: Hashable, Sendable {
    package let desired: Int
    package let running: Int
    package let pending: Int
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    package let status: String
    /// The task definition that new tasks are started from; nil when ECS names no primary
    /// deployment.
    package let taskDefinition: String?
    /// Empty where somebody else than ECS deploys the service.
    package let deployments: [DeploymentView]

    package init(
        desired: Int,
        running: Int,
        pending: Int,
        status: String = "ACTIVE",
        taskDefinition: String? = nil,
        deployments: [DeploymentView] = []
    ) {
        self.desired = desired
        self.running = running
        self.pending = pending
        self.status = status
        self.taskDefinition = taskDefinition
        self.deployments = deployments
    }

    /// False once ECS ends the service: its count is nobody's to write any more.
    package var isActive: Bool { status == "ACTIVE" }
    /// What a projection sees of it.
    package var view: ServiceView {
        ServiceView(desired: desired, running: running, isActive: isActive)
    }
}

/// The port to the ECS service of the agents. Each call throws ``ServiceFailure``, which says whether
/// the service may have changed.
package protocol ServicePort: Sendable {
    /// - Parameter count: not negative.
    /// - Returns: what ECS's answer says right after the change.
    func setDesiredCount(_ count: Int) async throws(ServiceFailure) -> ServiceCounts
    func counts() async throws(ServiceFailure) -> ServiceCounts
    /// The tasks that ECS wants to run: RUNNING and PENDING ones, and for a moment some that
    /// stopped lately. ECS is eventually consistent: a task may be listed late.
    func tasks() async throws(ServiceFailure) -> [TaskID]
}

/// What is true after a call about the service failed.
package enum ServiceFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// It could not be read, and nothing was written.
    case unread(cause: String)
    /// Its count is what it was.
    case unchanged(cause: String)
    /// Its count may or may not have changed. Reading tells; writing the same again is harmless.
    case unclear(cause: String)
    /// ECS deletes it and takes no count any more.
    case ending(cause: String)

    package var description: String {
        switch self {
        case .unread(let cause): cause
        case .unchanged(let cause): "the service is unchanged: \(cause)"
        case .unclear(let cause): "the service may or may not have changed: \(cause)"
        case .ending(let cause): "the service ends and is unchanged: \(cause)"
        }
    }
}

/// What the service wants, asked for before the first write of a task of the service.
package typealias Adoption = @Sendable () async throws(LedgerFailure.Cause) -> Int

extension ServicePort {
    /// What the first write of a task to this service's ledger begins with: the service's own
    /// desired count.
    ///
    /// - Parameter task: whose sidecar writes. ECS must list it among those of the service, which
    ///   may be another one that a wrong setting names.
    package func adoption(by task: TaskID) -> Adoption {
        { () async throws(LedgerFailure.Cause) -> Int in
            let counts: ServiceCounts
            var isListed = true
            do throws(ServiceFailure) {
                counts = try await self.counts()
                if counts.isActive { isListed = try await tasks().contains(task) }
            } catch {
                throw .call("\(error)")
            }
            guard counts.isActive else { throw .serviceEnds }
            if !isListed { throw .notOurs(task) }
            return counts.desired
        }
    }
}
