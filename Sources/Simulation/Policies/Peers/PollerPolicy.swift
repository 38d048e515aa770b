import Decisions
import Model

/// The central poller of oulman/tfc-agent-autoscaler: every 10 s as many agents as runs wait and
/// agents are busy; fewer only after a cooldown, by at most the idle ones, and after protecting
/// the tasks whose agents were listed as busy.
final class PollerPolicy: Policy {
    let usesRunTasks = false
    private static let every: Milliseconds = 10.seconds
    private static let cooldown: Milliseconds = 60.seconds

    private final class Memory: Keeper { var scaledAt: Milliseconds = -1.hours }

    func containers(_ setup: Setup) -> [ContainerDefinition] {
        Self.agentAlone(stopTimeout: 120.seconds)
    }

    func keep(_ pool: Pool) -> any Keeper {
        let memory = Memory()
        plan(pool, memory)
        return memory
    }

    private func plan(_ pool: Pool, _ memory: Memory) {
        pool.world.after(Self.every) { [self] in look(pool, memory) }
    }

    private func look(_ pool: Pool, _ memory: Memory) {
        let world = pool.world
        // Agents, runs, and the service.
        world.tally.calls.hcpTerraform += 2
        world.after(150...600) { [self] in
            let busy = pool.service.tasks.filter { $0.agent.holdsJob }
            let idle = pool.idleAgents
            // It counts pending runs as well, which is every run before its plan is done.
            let waiting = pool.queued
            let limits = world.setup.limits
            let wanted = min(limits.maxCount, max(limits.desiredCount, waiting + busy.count))
            pool.service.describe { [self] counts in
                defer { plan(pool, memory) }
                guard let counts else { return }
                if wanted > counts.desired {
                    memory.scaledAt = world.now
                    pool.service.update(wanted) { _ in }
                } else if wanted < counts.desired,
                    world.now - memory.scaledAt >= Self.cooldown
                {
                    let count = max(wanted, counts.desired - idle)
                    guard count < counts.desired else { return }
                    memory.scaledAt = world.now
                    shrink(pool, to: count, protecting: busy)
                }
            }
        }
    }

    /// A failed protection is logged there and the count set all the same.
    private func shrink(_ pool: Pool, to count: Int, protecting busy: [AgentTask]) {
        var left = busy.count
        let set = { pool.service.update(count) { _ in } }
        guard left > 0 else { return set() }
        for task in busy {
            pool.service.protect(task) { _ in
                left -= 1
                if left == 0 { set() }
            }
        }
        // Protection ends with the job, as the next look sees it.
        for task in pool.service.tasks where task.isProtected && !task.agent.holdsJob {
            pool.service.unprotect(task) { _ in }
        }
    }
}
