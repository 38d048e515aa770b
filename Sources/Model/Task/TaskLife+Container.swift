/// One container in a task's life.
extension TaskLife {
    package enum Health: String, Hashable, Sendable {
        case unknown = "UNKNOWN"
        case healthy = "HEALTHY"
        case unhealthy = "UNHEALTHY"
    }

    package struct Container: Hashable, Sendable {
        package let definition: ContainerDefinition
        /// A `start` was given out and nothing ended it since.
        package internal(set) var isUp = false
        package internal(set) var pid: Int?
        package internal(set) var startedAt: Milliseconds?
        package internal(set) var finishedAt: Milliseconds?
        package internal(set) var exitCode: Int?
        package internal(set) var restarts = 0
        package internal(set) var health = Health.unknown
        var failedChecks = 0
        var checkRunning = false
        var nextCheckAt: Milliseconds?
        var terminatedAt: Milliseconds?
        var killed = false

        init(definition: ContainerDefinition) { self.definition = definition }

        package var hasStarted: Bool { startedAt != nil }
        package var isOver: Bool { !isUp && exitCode != nil }

        /// Whether what others wait for has come.
        func meets(_ condition: ContainerDefinition.Condition) -> Bool {
            switch condition {
            case .start: hasStarted
            case .complete: isOver
            case .success: isOver && exitCode == 0
            case .healthy: health == .healthy
            }
        }

        /// Whether it can come no more.
        func fails(_ condition: ContainerDefinition.Condition) -> Bool {
            switch condition {
            case .start, .complete: false
            case .success: isOver && exitCode != 0
            case .healthy: isOver || health == .unhealthy
            }
        }
    }
}
