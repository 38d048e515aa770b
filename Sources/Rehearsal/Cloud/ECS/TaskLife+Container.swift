/// One container in a task's life.
extension TaskLife {
    enum Health: String, Sendable {
        case unknown = "UNKNOWN"
        case healthy = "HEALTHY"
        case unhealthy = "UNHEALTHY"
    }

    struct Container: Sendable {
        let definition: TaskDefinition.Container
        /// A `start` was given out and nothing ended it since.
        var isUp = false
        var pid: Int?
        var startedAt: Milliseconds?
        var finishedAt: Milliseconds?
        var exitCode: Int?
        var restarts = 0
        var health = Health.unknown
        var failedChecks = 0
        var checkRunning = false
        var nextCheckAt: Milliseconds?
        var terminatedAt: Milliseconds?
        var killed = false

        var hasStarted: Bool { startedAt != nil }
        var isOver: Bool { !isUp && exitCode != nil }

        func nextCheck(after now: Milliseconds, _ speed: Speed) -> Milliseconds? {
            guard let check = definition.healthCheck else { return nil }
            let interval = (check.interval ?? 30) * 1000
            return now + (health == .healthy ? interval : interval / speed.healthChecks)
        }
    }

    /// How much faster than on ECS two waits run, so that a rehearsal of a minute contains what
    /// takes ECS ten. Timeouts are not scaled: they guard against a slow machine, and this one may
    /// be.
    struct Speed: Sendable {
        /// Health check intervals until a container is healthy: 5 s become 250 ms. After that
        /// nothing waits for them, and each is a process.
        var healthChecks = 20
        /// The restart attempt period: 60 s become 1 s, about what a sidecar runs before its
        /// agent's first job, so one that is killed during a job is restarted as on ECS.
        var restarts = 60
    }
}
