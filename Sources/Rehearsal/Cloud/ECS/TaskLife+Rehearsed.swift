import Model

extension TaskLife.Speed {
    /// Health checks every 250 ms until a container is healthy, and a restart attempt period of 1 s:
    /// about what a sidecar runs before its agent's first job, so one that is killed during a job
    /// is restarted as on ECS.
    static let rehearsed = TaskLife.Speed(healthChecks: 20, restarts: 60)
}
