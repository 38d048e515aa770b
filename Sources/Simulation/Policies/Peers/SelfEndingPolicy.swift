package import Decisions
package import Model

/// Buildkite's pattern carried over to ECS: a poller that only scales out, and agents that end by
/// themselves when idle and lower the count by one. EC2 ends an instance and lowers the group with
/// one call, and protects instances from their birth on; ECS has no such call, and here nothing is
/// protected.
///
/// As the stack sets it up by default (buildkite/elastic-ci-stack-for-aws, templates/aws-stack.yml;
/// the same in buildkite/terraform-buildkite-elastic-ci-stack-for-aws, variables.tf).
final class SelfEndingPolicy: Policy {
    let usesRunTasks = false
    private static let every: Milliseconds = 10.seconds
    /// ScaleInIdlePeriod.
    private static let idlePeriod: Milliseconds = 600.seconds

    private final class Memory { var scaledOutAt: Milliseconds? }

    func containers(_ setup: Setup) -> [ContainerDefinition] {
        Self.agentAlone(stopTimeout: 120.seconds)
    }

    func keep(_ pool: Pool) -> any Keeper {
        plan(pool, Memory())
        return Worker(pool.service)
    }

    private func plan(_ pool: Pool, _ memory: Memory) {
        pool.world.after(Self.every) { [self] in look(pool, memory) }
    }

    private func look(_ pool: Pool, _ memory: Memory) {
        let world = pool.world
        world.tally.calls.hcpTerraform += 2
        world.after(150...600) { [self] in
            let seen = SelfEndingRule.Seen(
                queued: pool.queued,
                running: pool.busyAgents,
                agents: pool.registeredAgents
            )
            pool.service.describe { [self] counts in
                defer { plan(pool, memory) }
                guard let counts else { return }
                let count = SelfEndingRule.count(
                    seen,
                    desired: counts.desired,
                    running: counts.running,
                    limits: world.setup.limits,
                    sinceOut: memory.scaledOutAt.map { world.now - $0 }
                )
                guard let count else { return }
                pool.service.update(count) { answer in
                    if case .updated = answer { memory.scaledOutAt = world.now }
                }
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
                let isIdle = task.agent.state == .idle && task.agent.jobNumber == number
                let period = SelfEndingPolicy.idlePeriod
                guard SelfEndingRule.isOver([isIdle ? .idle(for: period) : .busy], after: period),
                    task.isCounting, task.agent.signals == 0
                else { return }
                task.signalAgent()
            }
        }

        /// Its service's `ExecStopPost` runs however it ended, after a job as well, and leaves the
        /// agent's last lines 10 s to be sent (packer/linux/stack/conf/buildkite-agent/scripts/
        /// terminate-instance).
        override func agentExited(code: Int32) {
            guard task.isCounting else { return task.containerEnded() }
            world.after(10.seconds) { [self] in
                guard task.isCounting else { return task.containerEnded() }
                lower()
            }
        }

        private func lower() {
            service.describe { [self] counts in
                // At the floor the task ends without lowering, and ECS replaces it.
                guard let counts,
                    let left = SelfEndingRule.left(
                        of: counts.desired,
                        floor: service.limits.desiredCount
                    )
                else { return task.containerEnded() }
                service.update(left) { [self] _ in task.containerEnded() }
            }
        }
    }
}

/// What Buildkite's scaler sets its group to, and when an instance leaves, as values
/// (buildkite/buildkite-agent-scaler, scaler/scaler.go and scaling_calculator.go; buildkite/agent,
/// agent/idle_monitor.go). Its "Elastic CI mode" is an experiment that is off.
package enum SelfEndingRule {
    /// With the stack's defaults.
    package struct Settings: Sendable {
        package var agentsPerInstance = 1
        /// Jobs behind others that have to end first count where they are more than those that run.
        package var countsBlocked = false
        package var buffer = 0
        /// With a smaller part of the agents connected there is one instance more; 0 asks for none.
        package var leastConnected = 0.5
        package var scalesOut = true
        package var outFactor = 1.0
        package var outCooldown: Milliseconds = 300.seconds
        /// Instances are expected to leave by themselves.
        package var scalesIn = false
        package var inFactor = 1.0
        package var inCooldown: Milliseconds = 3_600.seconds
        /// A cooldown counts from the last change in either direction.
        package var coolsAfterBoth = false

        package init() {}

        fileprivate func instances(for agents: Int) -> Int {
            (agents + agentsPerInstance - 1) / agentsPerInstance
        }
    }

    package struct Seen: Sendable {
        let queued: Int
        let running: Int
        let blocked: Int
        let agents: Int

        /// - Parameters:
        ///   - blocked: jobs that wait for others.
        ///   - agents: that are connected.
        package init(queued: Int, running: Int, blocked: Int = 0, agents: Int) {
            self.queued = queued
            self.running = running
            self.blocked = blocked
            self.agents = agents
        }
    }

    /// - Parameters:
    ///   - running: instances.
    ///   - sinceOut: since it has scaled out; nil where it never has.
    ///   - sinceIn: the same for fewer.
    /// - Returns: nil where it sets nothing.
    package static func count(
        _ seen: Seen,
        desired: Int,
        running: Int,
        limits: Limits,
        _ settings: Settings = Settings(),
        sinceOut: Milliseconds? = nil,
        sinceIn: Milliseconds? = nil
    ) -> Int? {
        let bounds = limits.desiredCount...limits.maxCount
        let wanted = bounds.nearest(to: wanted(seen, desired, running, settings))
        let change = Double(wanted - desired)
        if wanted > desired {
            let other = settings.coolsAfterBoth ? sinceIn : nil
            guard settings.scalesOut, !isCooling(settings.outCooldown, sinceOut, other)
            else { return nil }
            let step = Int((change * settings.outFactor).rounded(.up))
            return bounds.nearest(to: desired + step)
        }
        let other = settings.coolsAfterBoth ? sinceOut : nil
        guard wanted < desired, settings.scalesIn, !isCooling(settings.inCooldown, sinceIn, other)
        else { return nil }
        let step = Int((change * settings.inFactor).rounded(.down))
        return bounds.nearest(to: desired + step)
    }

    private static func wanted(
        _ seen: Seen,
        _ desired: Int,
        _ running: Int,
        _ settings: Settings
    ) -> Int {
        let unblocked = seen.queued + seen.running
        let jobs =
            settings.countsBlocked ? seen.queued + max(seen.running, seen.blocked) : unblocked
        var wanted = settings.instances(for: jobs)
        let expected = Double(running * settings.agentsPerInstance)
        // As long as instances come or go, fewer agents are no wonder.
        if jobs > 0, running == desired, Double(seen.agents) < settings.leastConnected * expected {
            wanted = max(wanted, desired + 1)
        }
        let buffered = unblocked + (settings.countsBlocked ? seen.blocked : 0)
        return wanted + min(settings.buffer, settings.instances(for: buffered))
    }

    /// The first change in a direction waits for none in the other.
    private static func isCooling(
        _ cooldown: Milliseconds,
        _ since: Milliseconds?,
        _ other: Milliseconds?
    ) -> Bool {
        guard let since else { return false }
        return min(since, other ?? since) < cooldown
    }

    /// An agent of an instance.
    package enum Agent: Sendable {
        case busy
        case idle(for: Milliseconds)
        case dead
    }

    /// All of an instance's agents leave together.
    package static func isOver(_ agents: [Agent], after period: Milliseconds) -> Bool {
        agents.allSatisfy { agent in
            switch agent {
            case .busy: false
            case .idle(let time): time >= period
            case .dead: true
            }
        }
    }

    /// - Returns: the count without the instance that leaves; nil where it would be below the floor.
    package static func left(of desired: Int, floor: Int) -> Int? {
        desired > floor ? desired - 1 : nil
    }
}

extension ClosedRange<Int> {
    fileprivate func nearest(to number: Int) -> Int {
        Swift.max(lowerBound, Swift.min(number, upperBound))
    }
}
