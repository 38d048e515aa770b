package import Decisions
package import Model

/// The rule of HCP Terraform Operator's agent pools: every 30 s as many replicas as runs need an
/// agent, one cooldown for both directions. The platform picks who goes; an agent then has 900 s.
final class RunCountPolicy: Policy {
    let usesRunTasks = false
    private static let every: Milliseconds = 30.seconds

    private final class Memory: Keeper { var scaledAt: Milliseconds? }

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
                let count = RunCountRule.replicas(
                    for: RunCountRule.required(by: Self.seen(pool)),
                    now: pool.service.desired,
                    limits: world.setup.limits,
                    sinceLast: memory.scaledAt.map { world.now - $0 }
                )
                guard let count else { return }
                // One that fails begins no cooldown.
                pool.service.update(count) { answer in
                    if case .updated = answer { memory.scaledAt = world.now }
                }
            }
        }
    }

    /// Here no run waits for another one of its workspace, so each is as in a workspace of its own.
    private static func seen(_ pool: Pool) -> [RunCountRule.Run] {
        pool.runs.values.map {
            RunCountRule.Run(workspace: $0.number, status: $0.life.status.rawValue)
        }
    }
}

/// How many replicas the operator sets, as a value
/// (hashicorp/hcp-terraform-operator, internal/controller/agentpool_controller_autoscaling.go).
package enum RunCountRule {
    /// A run of the pool that is not over.
    package struct Run: Sendable {
        let workspace: Int
        let isPlanOnly: Bool
        let status: String

        /// - Parameter status: in HCP Terraform's words.
        package init(workspace: Int, isPlanOnly: Bool = false, status: String) {
            self.workspace = workspace
            self.isPlanOnly = isPlanOnly
            self.status = status
        }
    }

    package struct Cooldown: Sendable {
        /// The default of `cooldownPeriodSeconds`.
        package var period: Milliseconds = 300.seconds
        package var up: Milliseconds?
        package var down: Milliseconds?

        package init() {}

        /// The one for fewer, where it is set and the one for more is not, holds for both.
        func before(_ wanted: Int, from now: Int) -> Milliseconds {
            (wanted > now ? up : nil) ?? down ?? period
        }
    }

    /// A person has to do something first, or it is taken for that.
    private static let waitsForPerson: Set = [
        "cost_estimated", "planned", "planned_and_saved", "policy_override",
        "post_plan_awaiting_decision", "post_plan_completed",
    ]

    /// One agent for each workspace, since its runs wait for each other, and one for each run that
    /// only plans.
    package static func required(by runs: [Run]) -> Int {
        var workspaces: Set<Int> = []
        var plans = 0
        for run in runs where !waitsForPerson.contains(run.status) {
            if run.isPlanOnly { plans += 1 } else { workspaces.insert(run.workspace) }
        }
        return workspaces.count + plans
    }

    /// - Parameter sinceLast: since it has set replicas; nil where it never has.
    /// - Returns: nil where it sets nothing.
    package static func replicas(
        for required: Int,
        now: Int,
        limits: Limits,
        sinceLast: Milliseconds? = nil,
        cooldown: Cooldown = Cooldown()
    ) -> Int? {
        let wanted = max(limits.desiredCount, min(required, limits.maxCount))
        guard wanted != now else { return nil }
        if let sinceLast, sinceLast < cooldown.before(wanted, from: now) { return nil }
        return wanted
    }
}
