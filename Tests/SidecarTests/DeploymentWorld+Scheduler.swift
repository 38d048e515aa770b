import AgentLink
import Decisions

/// ECS's service scheduler, and what it says of the service.
extension DeploymentWorld {
    var isOpen: Bool {
        revisions[primary].state != .completed
            || living.contains { tasks[$0].revision != primary }
    }

    mutating func schedule() {
        let isStalled = revisions[primary].state == .failed
        for index in tasks.indices where tasks[index].isRunning && !isProtected(index) {
            guard tasks[index].revision != primary, !isStalled, !setup.isDeaf else { continue }
            // One that is just protecting itself is not worth a deployment's while.
            if tasks[index].agentAllowed { stop(index) }
        }
        while living.count > desired, let index = surplus { stop(index) }
        if now >= startFrom {
            while living.count < desired, !(isStalled && owed.isEmpty) { start() }
        }
        let living = living
        // What is not wanted any more is replaced by nobody.
        if living.count >= desired { owed = [] }
        if living.count == desired,
            living.allSatisfy({ tasks[$0].revision == primary && tasks[$0].isRunning })
        {
            revisions[primary].state = .completed
        }
    }

    var surplus: Int? {
        tasks.indices.filter { tasks[$0].lives && !isProtected($0) }
            .max { tasks[$0].createdAt < tasks[$1].createdAt }
    }

    func isProtected(_ index: Int) -> Bool { tasks[index].protectedUntil > now }

    mutating func start() {
        var revision = primary
        if !owed.isEmpty {
            revision = owed.removeFirst()
        } else if setup.scalesBoth, setup.replacement == .same, isOpen, chance(1, 2) {
            revision = living.map { tasks[$0].revision }.first { $0 != primary } ?? primary
        }
        tasks.append(
            Task(
                id: TaskID("t\(tasks.count)"),
                revision: revision,
                createdAt: now,
                state: .pending(until: now + Int.random(in: 30...60, using: &random))
            )
        )
    }

    mutating func stop(_ index: Int) {
        if tasks[index].hasAgent { broken.append("\(tasks[index].id) was stopped at work") }
        tasks[index].isStoppedByECS = true
        tell(index, .outsideStop(signal: 15))
        if !tasks[index].isRunning { containersEnd(index) }
    }

    /// The task's first essential container is gone.
    mutating func containersEnd(_ index: Int) {
        guard tasks[index].lives else { return }
        tasks[index].state = .stopping(until: now + 5)
        tasks[index].launcher = nil
        tasks[index].isLinked = false
        guard !tasks[index].isStoppedByECS, isOpen, setup.replacement == .same,
            tasks[index].revision != primary, living.count < desired
        else { return }
        owed.append(tasks[index].revision)
    }

    mutating func neverRan(_ index: Int) {
        tasks[index].state = .gone
        let revision = tasks[index].revision
        revisions[revision].failed += 1
        startFrom = now + min(30 << revisions[revision].failed, 1_600)
        guard revision == primary, revisions[revision].failed >= 3, setup.rollsBack else { return }
        revisions[revision].state = .failed
        guard let back = revisions.lastIndex(where: { $0.state == .completed }) else { return }
        primary = back
        revisions[back].state = .inProgress
        startFrom = now
    }

    func rollout(of index: Int) -> Rollout {
        let listed = revisions.indices.filter { number in
            number == primary || living.contains { tasks[$0].revision == number }
        }
        let deployments = listed.map { number in
            let own = living.filter { tasks[$0].revision == number }
            let running = own.count { tasks[$0].isRunning }
            return DeploymentView(
                id: "ecs-svc/\(number)",
                isPrimary: number == primary,
                state: revisions[number].state,
                createdAt: time(revisions[number].createdAt),
                running: running,
                pending: own.count - running,
                failed: running > 0 ? 0 : revisions[number].failed
            )
        }
        let start = TaskStart(
            deployment: "ecs-svc/\(tasks[index].revision)",
            createdAt: time(tasks[index].createdAt)
        )
        return Rollout(deployments, start: start, hasOlderDefinition: false)
    }
}
