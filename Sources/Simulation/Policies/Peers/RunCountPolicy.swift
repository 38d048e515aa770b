import Decisions
import Model

/// The rule of HCP Terraform Operator's agent pools: every 30 s as many replicas as runs need an
/// agent, one cooldown for both directions. The platform picks who goes; an agent then has 900 s.
final class RunCountPolicy: Policy {
    let usesRunTasks = false
    private static let every: Milliseconds = 30.seconds
    private static let cooldown: Milliseconds = 300.seconds

    private final class Memory: Keeper { var scaledAt: Milliseconds = -1.hours }

    func containers(_ setup: Setup) -> [ContainerDefinition] {
        Self.agentAlone(stopTimeout: 900.seconds)
    }

    func keep(_ pool: Pool) -> any Keeper {
        let memory = Memory()
        plan(pool, memory)
        return memory
    }

    private func plan(_ pool: Pool, _ memory: Memory) {
        let world = pool.world
        world.after(Self.every) { [self] in
            world.tally.calls.hcpTerraform += 1
            world.after(150...600) { [self] in
                defer { plan(pool, memory) }
                // Runs that wait for a person are left out.
                let needed = pool.runsThatNeedAgent
                let limits = world.setup.limits
                let wanted = min(limits.maxCount, max(limits.desiredCount, needed))
                guard wanted != pool.service.desired,
                    world.now - memory.scaledAt >= Self.cooldown
                else { return }
                memory.scaledAt = world.now
                pool.service.update(wanted) { _ in }
            }
        }
    }
}
