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

        func nextCheck(after now: Milliseconds, _ speed: Speed) -> Milliseconds? {
            guard let check = definition.health else { return nil }
            guard health == .healthy else { return now + check.interval / speed.healthChecks }
            return speed.checksHealthy ? now + check.interval : nil
        }
    }

    /// How much faster than on ECS two waits run, so that a rehearsal of a minute contains what
    /// takes ECS ten. Timeouts are not scaled: they guard against a slow machine, and this one may
    /// be.
    package struct Speed: Hashable, Sendable {
        /// Health check intervals until a container is healthy. After that nothing waits for them,
        /// and each is a process.
        package let healthChecks: Int
        /// The restart attempt period.
        package let restarts: Int
        /// False where one that became healthy stays so: each check is an event for nothing.
        package let checksHealthy: Bool

        package init(healthChecks: Int, restarts: Int, checksHealthy: Bool = true) {
            self.healthChecks = healthChecks
            self.restarts = restarts
            self.checksHealthy = checksHealthy
        }

        /// ECS's own.
        package static let real = Speed(healthChecks: 1, restarts: 1)
    }
}
