package import Decisions
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
            let seen = PollerRule.Seen(
                // It counts pending runs as well, which is every run before its plan is done.
                waiting: pool.queued,
                busy: pool.busyAgents,
                idle: pool.idleAgents
            )
            pool.service.describe { [self] counts in
                defer { plan(pool, memory) }
                guard let counts else { return }
                let isCooling = world.now - memory.scaledAt < Self.cooldown
                guard
                    let count = PollerRule.count(
                        seen,
                        desired: counts.desired,
                        limits: world.setup.limits,
                        isCooling: isCooling
                    )
                else { return }
                let set = {
                    pool.service.update(count) { _ in memory.scaledAt = world.now }
                }
                if count < counts.desired { protectBusy(pool, then: set) } else { set() }
            }
        }
    }

    /// Lists agents and tasks anew, protects what is busy, and gives free what is not. A failure is
    /// logged there and the count set all the same, and a job that begins after the listing is not
    /// seen.
    private func protectBusy(_ pool: Pool, then set: @escaping () -> Void) {
        let world = pool.world
        world.tally.calls.hcpTerraform += 1
        world.tally.calls.ecs += 2
        world.after(150...600) {
            let tasks = pool.service.tasks
            let busy = tasks.filter { $0.agent.holdsJob }
            let idle = tasks.filter { $0.isProtected && !$0.agent.holdsJob }
            Self.each(busy, pool.service.protect) {
                Self.each(idle, pool.service.unprotect, then: set)
            }
        }
    }

    private static func each<Answer>(
        _ tasks: [AgentTask],
        _ call: (AgentTask, @escaping (Answer) -> Void) -> Void,
        then done: @escaping () -> Void
    ) {
        var left = tasks.count
        guard left > 0 else { return done() }
        for task in tasks {
            call(task) { _ in
                left -= 1
                if left == 0 { done() }
            }
        }
    }
}

/// What the poller writes to the service, as a value.
package enum PollerRule {
    /// HCP Terraform's answers at the start of a round.
    package struct Seen: Sendable {
        package let waiting: Int
        package let busy: Int
        package let idle: Int

        package init(waiting: Int, busy: Int, idle: Int) {
            self.waiting = waiting
            self.busy = busy
            self.idle = idle
        }
    }

    /// - Parameter isCooling: it has written within its cooldown, which holds for fewer only.
    /// - Returns: nil where it writes nothing.
    package static func count(
        _ seen: Seen,
        desired: Int,
        limits: Limits,
        isCooling: Bool
    ) -> Int? {
        let wanted = max(limits.desiredCount, min(seen.waiting + seen.busy, limits.maxCount))
        if wanted > desired { return wanted }
        guard wanted < desired, !isCooling else { return nil }
        // Never by more than are idle; which ones go is for ECS.
        let count = max(wanted, desired - seen.idle)
        return count < desired ? count : nil
    }
}
