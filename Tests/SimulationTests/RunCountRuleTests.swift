import Decisions
import Model
import Simulation
import Testing

/// What the project behind the policy holds its autoscaling to (hashicorp/hcp-terraform-operator,
/// internal/controller/agentpool_controller_autoscaling_test.go), as data. Bounds and cooldowns have no
/// test there that tells a count: those are by the code beside it.
@Suite("Simulation, the run count by its own tests")
struct RunCountRuleTests {
    struct Runs: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var runs: [RunCountRule.Run] = []
        let required: Int

        /// - Parameters:
        ///   - plans: the workspaces of runs that only plan.
        ///   - applies: those of the others.
        init(
            _ name: String,
            plans: [Int] = [],
            applies: [Int] = [],
            _ status: String = "planning",
            required: Int
        ) {
            testDescription = name
            runs += plans.map { .init(workspace: $0, isPlanOnly: true, status: status) }
            runs += applies.map { .init(workspace: $0, status: status) }
            self.required = required
        }
    }

    static let lists = [
        Runs("plans alone", plans: [1, 2], required: 2),
        Runs("a plan that waits for its confirmation", applies: [1], "planned", required: 0),
        Runs("a policy that waits for a person", applies: [2], "policy_override", required: 0),
        Runs("runs of two workspaces", applies: [1, 2], required: 2),
        Runs("one of each kind", plans: [1], applies: [2], required: 2),
        Runs("plans of one workspace", plans: [1, 1, 1, 1], required: 4),
        Runs("plans beside one apply", plans: [1, 1, 1, 1], applies: [1], required: 5),
        Runs(
            "plans beside two applies that wait for each other",
            plans: [1, 1, 1],
            applies: [1, 1],
            required: 4
        ),
        Runs("three workspaces", plans: [1, 3, 1], applies: [2, 1], required: 5),
        Runs("two workspaces", plans: [1, 2, 2], applies: [2, 2], required: 4),
    ]

    @Test("it counts as many agents as its own tests expect", arguments: lists)
    func requires(_ one: Runs) {
        #expect(RunCountRule.required(by: one.runs) == one.required)
    }

    @Test("by its code it leaves out what it takes for a person's turn, and nothing else")
    func statuses() {
        let counted = RunStatus.allCases.filter { status in
            RunCountRule.required(by: [.init(workspace: 1, status: status.rawValue)]) == 1
        }
        #expect(RunStatus.allCases.filter { !counted.contains($0) } == [.planned])
        let others = [
            "cost_estimated", "planned_and_saved", "post_plan_awaiting_decision",
            "post_plan_completed",
        ]
        #expect(RunCountRule.required(by: others.map { .init(workspace: 1, status: $0) }) == 0)
    }

    struct Scale: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let required: Int
        let now: Int
        let floor: Int
        let ceiling: Int
        let sinceLast: Milliseconds?
        var cooldown = RunCountRule.Cooldown()
        let replicas: Int?

        init(
            _ name: String,
            _ required: Int,
            from now: Int,
            in bounds: ClosedRange<Int> = 3...5,
            after sinceLast: Milliseconds? = nil,
            up: Milliseconds? = nil,
            down: Milliseconds? = nil,
            to replicas: Int?
        ) {
            testDescription = name
            self.required = required
            self.now = now
            floor = bounds.lowerBound
            ceiling = bounds.upperBound
            self.sinceLast = sinceLast
            cooldown.up = up
            cooldown.down = down
            self.replicas = replicas
        }
    }

    static let scales = [
        // Its tests in an organization play the first two.
        Scale("up for a run", 1, from: 0, in: 0...1, to: 1),
        Scale("up for a plan alone", 1, from: 0, in: 0...1, to: 1),
        Scale("no fewer than the minimum", 0, from: 5, to: 3),
        Scale("at the minimum", 2, from: 3, to: nil),
        Scale("as many as are required", 4, from: 3, to: 4),
        Scale("no more than the maximum", 9, from: 3, to: 5),
        Scale("not up within the cooldown", 5, from: 3, after: 299.seconds, to: nil),
        Scale("up at its end", 5, from: 3, after: 300.seconds, to: 5),
        Scale("not down within it", 3, from: 5, after: 299.seconds, to: nil),
        Scale("down at its end", 3, from: 5, after: 300.seconds, to: 3),
        Scale(
            "up by its own",
            5,
            from: 3,
            after: 30.seconds,
            up: 30.seconds,
            down: 600.seconds,
            to: 5
        ),
        Scale(
            "not down by its own",
            3,
            from: 5,
            after: 599.seconds,
            up: 30.seconds,
            down: 600.seconds,
            to: nil
        ),
        Scale(
            "down by its own",
            3,
            from: 5,
            after: 600.seconds,
            up: 30.seconds,
            down: 600.seconds,
            to: 3
        ),
        Scale("down by the common one", 3, from: 5, after: 300.seconds, up: 30.seconds, to: 3),
        Scale(
            "not up by the one for fewer",
            5,
            from: 3,
            after: 300.seconds,
            down: 600.seconds,
            to: nil
        ),
    ]

    @Test("it sets as many replicas as its code does", arguments: scales)
    func sets(_ one: Scale) throws {
        let limits = try #require(
            Limits(desiredCount: one.floor, maxCount: one.ceiling, spareCount: 0)
        )
        let replicas = RunCountRule.replicas(
            for: one.required,
            now: one.now,
            limits: limits,
            sinceLast: one.sinceLast,
            cooldown: one.cooldown
        )
        #expect(replicas == one.replicas)
    }
}
