import Glibc

/// What happens to a service from outside: people, deployments, hosts, Spot.
extension ECSStandIn {
    /// A process that a fault can hit.
    struct Target: Equatable, Sendable {
        var task: TaskID
        var pid: Int
    }

    /// A person or another tool writes `desiredCount`, past the ledger.
    func edit(by change: Int) {
        let before = desiredCount
        desiredCount = max(0, desiredCount + change)
        journal.record(.desiredCountEdited(from: before, to: desiredCount))
    }

    /// A new revision becomes the primary deployment.
    func deploy() { deployments.deploy(at: time.now) }

    /// Tasks that were not started from the primary deployment.
    var outdatedCount: Int {
        tasks.values.count { $0.revision != deployments.primary.revision }
    }

    /// Tasks that are not stopping, in the order of their starts.
    var livingTasks: [TaskID] {
        tasks.values.filter { $0.life.stop == nil }.sorted { $0.number < $1.number }.map(\.id)
    }

    /// The first processes of a container in all living tasks, in the order of their starts.
    func targets(_ container: String) -> [Target] {
        livingTasks.compactMap { id in
            tasks[id]?.life.container(container)?.pid.map { Target(task: id, pid: $0) }
        }
    }

    /// The agents that have registered, in the same order.
    var agentTargets: [Target] {
        livingTasks.compactMap { id in
            guard agents.isAlive(id), let pid = agents.pid(of: id) else { return nil }
            return Target(task: id, pid: pid)
        }
    }

    /// The task's host is gone. Nothing is told so, and nothing of it can answer any more.
    func loseHost(of id: TaskID, noticedAfter: Milliseconds) {
        tasks[id]?.life.loseHost(noticedAt: time.now + noticedAfter)
        for container in settings.definition.containerDefinitions {
            // The launcher shows no marker: it overwrites the environment that it was started with.
            if let pid = tasks[id]?.life.container(container.name)?.pid {
                kill(-pid_t(pid), SIGKILL)
            }
            Leftovers.kill(marker: marker(of: container.name, in: id))
        }
    }

    /// A Spot interruption: the stop signals of an ordinary stop, and less time.
    func interrupt(_ id: TaskID, grace: Milliseconds) {
        tasks[id]?.life.stop(
            code: Self.spotCode,
            reason: "Spot interruption: the host is taken back",
            grace: grace
        )
        advance(id)
    }

    static let spotCode = "SpotInterruption"

    /// Says that the agent's container is killed because a Spot notice's time is up.
    func noteOverrun(of id: TaskID) {
        guard tasks[id]?.life.stop?.code == Self.spotCode else { return }
        journal.record(.doomed(id, cause: "the time after its Spot notice was up"))
    }
}
