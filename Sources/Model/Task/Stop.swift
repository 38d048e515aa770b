/// Why a task stops or stopped, as `DescribeTasks` says it.
package struct Stop: Hashable, Sendable {
    /// ECS API reference, Task, stopCode.
    package enum Code: String, Hashable, Sendable {
        case failedToStart = "TaskFailedToStart"
        case essentialContainerExited = "EssentialContainerExited"
        case userInitiated = "UserInitiated"
        case serviceSchedulerInitiated = "ServiceSchedulerInitiated"
        case spotInterruption = "SpotInterruption"
        case terminationNotice = "TerminationNotice"
    }

    package let code: Code
    /// `stoppedReason`.
    package let reason: String

    package init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// The scheduler scales in, or rolls out another deployment.
    package static func scaling(_ deployment: DeploymentID) -> Stop {
        Stop(.serviceSchedulerInitiated, "Scaling activity initiated by (deployment \(deployment))")
    }

    package static let essentialExited = Stop(
        .essentialContainerExited,
        "Essential container in task exited"
    )
    /// `StopTask` without a reason of the caller's.
    package static let byUser = Stop(.userInitiated, "Task stopped by user")
    package static let spot = Stop(.spotInterruption, "Your Spot Task was interrupted.")
    package static let unhealthy = Stop(
        .serviceSchedulerInitiated,
        "Task failed container health checks"
    )
    /// No text of ECS's for it was found.
    package static let hostLost = Stop(.terminationNotice, "The task's host is gone")
    /// No text of ECS's for it was found.
    package static func startTimeout(_ container: String) -> Stop {
        Stop(
            .failedToStart,
            "ContainerRuntimeTimeoutError: \(container) was waited for longer than its startTimeout"
        )
    }
    /// What another container waits for can come no more (amazon-ecs-agent, dependencygraph).
    package static func dependencyFailed(_ container: String) -> Stop {
        Stop(
            .failedToStart,
            "CannotStartContainerError: dependency graph: failed to resolve container ordering"
                + " dependency [\(container)]"
        )
    }
}

/// Why a task that is to start never runs (ECS developer guide, "Stopped tasks error messages" and
/// "Service event messages").
package enum StartFailure: String, Hashable, Sendable, CaseIterable {
    /// The registry refuses the image.
    case pullRefused = "pull-refused"
    /// A parameter that a container's secrets name is not there.
    case parameterMissing = "parameter-missing"
    /// Nothing answers at the registry; seen to last nearly five minutes.
    case noRoute = "no-route"
    /// No address is left in the subnets.
    case noAddress = "no-address"
    /// The account's vCPUs are used up: no task is made at all.
    case quotaReached = "quota-reached"
    /// Fargate has no room: no task is made at all.
    case noCapacity = "no-capacity"
    /// The container that brings the agent's launcher fails.
    case undelivered

    /// ECS makes no task for it; only a service event tells.
    package var isUnplaced: Bool { self == .quotaReached || self == .noCapacity }

    /// What the task's end says, or the service event where there is no task.
    package var reason: String {
        switch self {
        case .pullRefused:
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to"
                + " resolve ref: pull access denied"
        case .parameterMissing:
            "ResourceInitializationError: unable to pull secrets or registry auth: the parameter"
                + " of a secret was not found"
        case .noRoute:
            "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot"
                + " pull registry auth from Amazon ECR: There is a connection issue: i/o timeout"
        case .noAddress:
            "Unexpected EC2 error while attempting to Create Network Interface:"
                + " InsufficientFreeAddressesInSubnet"
        case .quotaReached:
            "You've reached the limit on the number of vCPUs you can run concurrently"
        case .noCapacity:
            "Capacity is unavailable at this time. Please try again later or in a different"
                + " availability zone"
        case .undelivered: Stop.dependencyFailed(Deployed.deliveryName).reason
        }
    }

    package var stop: Stop { Stop(.failedToStart, reason) }

    /// From the start to the failure. For ``undelivered`` it is the time until the container that
    /// is waited for runs.
    package var delay: ClosedRange<Milliseconds> {
        switch self {
        case .quotaReached, .noCapacity: 0...0
        case .noAddress: 3.seconds...15.seconds
        case .parameterMissing: 10.seconds...30.seconds
        case .pullRefused: 15.seconds...60.seconds
        case .noRoute: 270.seconds...300.seconds
        case .undelivered: 20.seconds...60.seconds
        }
    }
}
