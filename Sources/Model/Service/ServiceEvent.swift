/// What ECS writes into a service's `events` (ECS developer guide, "Service event messages").
/// Tasks are given by their numbers.
package enum ServiceEvent: Hashable, Sendable {
    case started([Int])
    case stopped([Int])
    case stoppedPending(Int)
    /// So many tasks of a deployment stay since they are protected.
    case heldByProtection(DeploymentID, Int)
    case completed(DeploymentID)
    case failed(DeploymentID)
    case rollsBack(to: DeploymentID)
    case cannotStart
    case unplaced(StartFailure)
    case steady

    /// - Parameter task: a task's id by its number.
    package func text(service: String, task: (Int) -> String) -> String {
        func names(_ tasks: [Int]) -> String {
            tasks.map { "(task \(task($0)))" }.joined(separator: " ")
        }
        let subject = "(service \(service))"
        switch self {
        case .started(let tasks):
            return "\(subject) has started \(tasks.count) tasks: \(names(tasks))."
        case .stopped(let tasks):
            return "\(subject) has stopped \(tasks.count) running tasks: \(names(tasks))."
        case .stoppedPending(let count): return "\(subject) stopped \(count) pending tasks."
        case .heldByProtection(let deployment, let count):
            return "\(subject) was unable to reach steady state because (taskSet \(deployment)) was"
                + " unable to scale in due to (reason \(count) tasks under protection)"
        case .completed(let id): return "\(subject) (deployment \(id)) deployment completed."
        case .failed(let id):
            return "\(subject) (deployment \(id)) deployment failed: tasks failed to start."
        case .rollsBack(let id): return "\(subject) rolling back to deployment \(id)."
        case .cannotStart:
            return "\(subject) is unable to consistently start tasks successfully."
        case .unplaced(let failure):
            return "\(subject) was unable to place a task. Reason: \(failure.reason)."
        case .steady: return "\(subject) has reached a steady state."
        }
    }
}

/// The newest events of a service, oldest first; ECS shows a hundred.
package struct ServiceEvents: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package let number: Int
        package let at: Milliseconds
        package let event: ServiceEvent
    }

    package static let shown = 100

    /// False keeps none: a world of a million jobs has no reader for them.
    package var isOn = false
    package private(set) var entries: [Entry] = []
    private var number = 0

    package init() {}

    /// The same thing said again and again is one event until another one comes.
    mutating func add(_ event: @autoclosure () -> ServiceEvent, at now: Milliseconds) {
        guard isOn else { return }
        let event = event()
        guard entries.last?.event != event else { return }
        number += 1
        entries.append(Entry(number: number, at: now, event: event))
        if entries.count > Self.shown { entries.removeFirst() }
    }
}
