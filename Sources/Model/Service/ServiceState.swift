/// An ECS service as a value: what it wants, its deployments and tasks, and what its scheduler
/// does about the difference (ECS developer guide, "Amazon ECS services", "Deploy Amazon ECS
/// services by replacing tasks", "Task scale-in protection").
///
/// It has no clock: each call is told the time, and none may be earlier than the one before. It
/// draws nothing by itself: `draw` gets a bound and answers a number from 0 to one less. Whoever
/// holds it performs what ``turn(at:launches:draw:)`` decides and tells it what becomes of tasks.
/// Tasks are known by numbers, which count from 1 in the order of their starts.
package struct ServiceState: Hashable, Sendable {
    package enum Status: String, Hashable, Sendable {
        case active = "ACTIVE"
        case draining = "DRAINING"
        case inactive = "INACTIVE"
    }

    /// A task that has not stopped yet.
    package struct Member: Hashable, Sendable {
        package enum Phase: Hashable, Sendable {
            case pending
            case running
            case stopping
        }

        package let deployment: DeploymentID
        /// Revision of its task definition.
        package let taskDefinition: Int
        package internal(set) var phase = Phase.pending
        /// Zero when it is not protected.
        package internal(set) var protectedUntil: Milliseconds = 0
        /// Started from a deployment that was the primary one no more.
        let isLate: Bool
        /// On its way to stop since it could not start.
        var failsToStart = false
        /// In the deployment's list of those that may be stopped.
        var place: Int?
    }

    package let deployed: Deployed
    package let replacement: Replacement
    /// The pauses after starts that fail.
    let pace: Pace
    /// ECS waits longer and longer between starts that fail, up to 27 minutes (ECS developer
    /// guide, "Service throttle logic"); how it begins and grows is not published.
    package static let pace = Pace(first: 15.seconds, longest: 27.minutes)
    package internal(set) var status = Status.active
    package internal(set) var desired: Int
    /// Newest first and never empty: the primary one, and the older ones for as long as anything
    /// of them is left.
    package internal(set) var deployments: [Deployment]
    package var events = ServiceEvents()
    /// Protected tasks are stopped as well, and those first: what ECS must never do.
    package var ignoresProtection = false

    var members: [Int: Member] = [:]
    var protectedCount = 0
    /// No protection ends before it.
    var earliestExpiry: Milliseconds = .max
    /// What a circuit breaker goes back to: the newest deployment that was completed.
    var lastCompleted: Completed?
    private var deploymentNumber = 1
    var memberNumber = 0

    struct Completed: Hashable, Sendable {
        let id: DeploymentID
        let taskDefinition: Int
        let createdAt: Milliseconds
    }

    package init(
        _ deployed: Deployed,
        replacement: Replacement,
        desired: Int,
        pace: Pace = Self.pace,
        at now: Milliseconds = 0
    ) {
        self.deployed = deployed
        self.replacement = replacement
        self.desired = desired
        self.pace = pace
        deployments = [Deployment(DeploymentID(number: 1), taskDefinition: 1, at: now)]
        settle(at: now)
    }

    package var primary: Deployment { deployments[0] }
    /// Newer tasks take the place of older ones, or shall.
    package var isRolling: Bool { deployments.count > 1 }
    package var pending: Int { deployments.reduce(0) { $0 + $1.pending } }
    package var running: Int { deployments.reduce(0) { $0 + $1.running } }
    /// Tasks that ECS counts: on their way or running, not asked to stop.
    package var counting: Int { deployments.reduce(0) { $0 + $1.counting } }
    /// Tasks that have not stopped, whatever they were asked.
    package var present: Int { members.count }

    package func member(_ number: Int) -> Member? { members[number] }

    // MARK: What is asked of it

    /// A call that ECS refuses.
    package enum Refusal: Error, Hashable, Sendable {
        case notActive
        case tooManyDeployments
        case stillScaled

        /// The error's name in the ECS API reference.
        package var code: String {
            self == .notActive ? "ServiceNotActiveException" : "InvalidParameterException"
        }

        package var message: String {
            switch self {
            case .notActive: "Service was not ACTIVE."
            case .tooManyDeployments:
                "5 active deployments exist, unable to create new deployment"
            case .stillScaled: "The service cannot be stopped while it is scaled above 0."
            }
        }
    }

    /// `UpdateService` with `desiredCount`; that alone makes no deployment.
    package mutating func setDesired(
        _ count: Int,
        at now: Milliseconds,
        draw: (Int) -> Int
    ) throws(Refusal) {
        guard status == .active else { throw .notActive }
        // AWS scales out both revisions during a deployment; to which one a task goes is open.
        if count > desired, isRolling, replacement == .same {
            for _ in desired..<count where draw(2) == 0 { deployments[1].kept += 1 }
        }
        desired = count
        settle(at: now)
    }

    /// ECS takes so many at a time (aws/containers-roadmap 2836).
    package static let mostDeployments = 5

    /// `UpdateService` with `taskDefinition` or `forceNewDeployment`.
    ///
    /// - Parameter taskDefinition: its revision; nil takes the same one again.
    package mutating func deploy(
        _ taskDefinition: Int? = nil,
        at now: Milliseconds
    ) throws(Refusal) {
        guard status == .active else { throw .notActive }
        guard deployments.count < Self.mostDeployments else { throw .tooManyDeployments }
        deploymentNumber += 1
        deployments[0].kept = deployments[0].counting
        let new = Deployment(
            DeploymentID(number: deploymentNumber),
            taskDefinition: taskDefinition ?? primary.taskDefinition,
            at: now
        )
        deployments.insert(new, at: 0)
        settle(at: now)
    }

    /// `DeleteService`. Whether it stops protected tasks is not documented; here it does not.
    package mutating func delete(force: Bool, at now: Milliseconds) throws(Refusal) {
        guard status == .active else { throw .notActive }
        guard force || (desired == 0 && counting == 0) else { throw .stillScaled }
        status = .draining
        desired = 0
        settle(at: now)
    }

    // MARK: Coming to rest

    /// Takes notice of what is there: deployments that are over, and the one that is complete.
    mutating func settle(at now: Milliseconds) {
        if status == .draining, members.isEmpty { status = .inactive }
        limitKept()
        if isRolling {
            deployments = [primary] + deployments.dropFirst().filter { !$0.isGone }
        }
        guard primary.rollout == .inProgress, !isRolling, primary.running >= desired else { return }
        deployments[0].rollout = .completed
        deployments[0].failedTasks = 0
        lastCompleted = Completed(
            id: primary.id,
            taskDefinition: primary.taskDefinition,
            createdAt: primary.createdAt
        )
        let id = primary.id
        events.add(.completed(id), at: now)
    }

    /// Older tasks are kept only until newer ones run in their place. Under ``Replacement/primary``
    /// one that ends by itself has its place taken by the primary deployment.
    private mutating func limitKept() {
        guard isRolling else { return }
        var room = status == .active ? max(0, desired - primary.running) : 0
        for index in 1..<deployments.count {
            var kept = min(deployments[index].kept, room)
            if replacement == .primary { kept = min(kept, deployments[index].counting) }
            deployments[index].kept = kept
            room -= kept
        }
    }
}
