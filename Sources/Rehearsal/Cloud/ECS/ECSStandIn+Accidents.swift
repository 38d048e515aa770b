import Decisions
import Glibc
import Model

/// What happens to a service from outside: people, deployments, hosts, Spot.
extension ECSStandIn {
    /// A process that a fault can hit.
    struct Target: Equatable, Sendable {
        var task: TaskID
        var pid: Int
    }

    /// A person or another tool writes `desiredCount`, past the ledger.
    func edit(by change: Int) {
        let before = service.desired
        let after = max(0, before + change)
        do {
            try service.setDesired(after, at: time.now, draw: draw)
        } catch {
            return journal.record(.note("the count stays: \(error.message)"))
        }
        isEdited = true
        journal.record(.desiredCountEdited(from: before, to: after))
    }

    /// A person deletes the service; ECS grants protection to the agents that work.
    func delete() {
        let before = service.desired
        do {
            try service.delete(force: true, at: time.now)
        } catch {
            return journal.record(.note("the service is not deleted: \(error.message)"))
        }
        journal.record(.serviceDeleted(from: before))
    }

    /// What a person deploys.
    enum NewDeployment: Equatable, Sendable {
        case revision
        /// The same task definition again.
        case forced
        /// A revision whose tasks cannot start.
        case broken(StartFailure)
    }

    func deploy(_ kind: NewDeployment = .revision) {
        // Revisions are never used twice, whatever was rolled back.
        let next = newestRevision + 1
        do {
            try service.deploy(kind == .forced ? nil : next, at: time.now)
        } catch {
            return journal.record(.note("nothing is deployed: \(error.message)"))
        }
        if kind != .forced { newestRevision = next }
        if case .broken(let failure) = kind { broken[next] = failure }
    }

    /// A person finds out that what is deployed cannot start, or that the circuit breaker lets
    /// nothing start any more, and deploys what can.
    func mend() {
        outage = nil
        guard service.status == .active else { return }
        let primary = service.primary
        if broken[primary.taskDefinition] != nil || primary.rollout == .failed { deploy() }
    }

    /// Starts fail for so long.
    func failStarts(_ failure: StartFailure, for time: Milliseconds) {
        outage = (failure, self.time.now + time)
    }

    /// Tasks of an older deployment that were there before the primary one. One with which ECS has
    /// answered an exit since then serves until it is one too many.
    var outdatedCount: Int {
        let primary = service.primary
        return tasks.values.count {
            $0.deployment != primary.id && $0.startedAt <= primary.createdAt
        }
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

    /// The oldest container that was started since, its first process alive.
    func young(
        _ container: String,
        since: Milliseconds
    ) -> (target: Target, startedAt: Milliseconds)? {
        for target in targets(container) {
            let started = tasks[target.task]?.life.container(container)?.startedAt
            if let started, started >= since { return (target, started) }
        }
        return nil
    }

    /// The next agent that starts ends so.
    func endBadly(_ end: BadEnd) { badEnds.append(end) }

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
        tasks[id]?.life.stop(.spot, grace: grace)
        advance(id)
    }

    /// Says that the agent's container is killed because a Spot notice's time is up.
    func noteOverrun(of id: TaskID) {
        guard tasks[id]?.life.stop?.code == .spotInterruption else { return }
        journal.record(.doomed(id, cause: "the time after its Spot notice was up"))
    }
}
