import Decisions
import Model

/// Buildkite's pattern carried over to ECS: a poller that only scales out, and agents that end by
/// themselves when idle and lower the count by one. EC2 ends an instance and lowers the group with
/// one call; ECS has no such call, and here nothing is protected.
final class SelfEndingPolicy: Policy {
    let usesRunTasks = false
    private static let every: Milliseconds = 10.seconds
    /// ScaleInIdlePeriod of elastic-ci-stack-for-aws.
    private static let idlePeriod: Milliseconds = 600.seconds

    func containers(_ setup: Setup) -> [ContainerDefinition] {
        Self.agentAlone(stopTimeout: 120.seconds)
    }

    func keep(_ pool: Pool) -> any Keeper {
        plan(pool)
        return Worker(pool.service)
    }

    private func plan(_ pool: Pool) {
        let world = pool.world
        world.after(Self.every) { [self] in
            world.tally.calls.hcpTerraform += 2
            world.after(150...600) { [self] in
                defer { plan(pool) }
                let limits = world.setup.limits
                let wanted = min(limits.maxCount, pool.queued + pool.busyAgents)
                guard wanted > pool.service.desired else { return }
                pool.service.update(wanted) { _ in }
            }
        }
    }

    private final class Worker: Keeper {
        private unowned let service: Service

        init(_ service: Service) { self.service = service }

        func companion(of task: AgentTask) -> any Companion { Loop(task, service) }
    }

    /// The loop around the agent in its container.
    private final class Loop: AgentAlone {
        private unowned let service: Service

        init(_ task: AgentTask, _ service: Service) {
            self.service = service
            super.init(task)
        }

        override func agentSays(_ line: AgentLine) {
            guard case .waiting = line else { return }
            let number = task.agent.jobNumber
            world.after(SelfEndingPolicy.idlePeriod) { [self] in
                guard task.agent.state == .idle, task.agent.jobNumber == number,
                    task.isCounting, task.agent.signals == 0
                else { return }
                task.signalAgent()
            }
        }

        override func agentExited(code: Int32) {
            let isSingle = world.terms.isSingleJob
            guard task.isCounting, code == 0, !isSingle || task.agent.signals > 0 else {
                return task.containerEnded()
            }
            service.describe { [self] counts in
                // At the floor the task ends without lowering, and ECS replaces it.
                guard let counts, counts.desired > service.limits.desiredCount else {
                    return task.containerEnded()
                }
                service.update(counts.desired - 1) { [self] _ in task.containerEnded() }
            }
        }
    }
}
