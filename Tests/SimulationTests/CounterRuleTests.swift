import Model
import Simulation
import Testing

/// The project behind the policy (assareh/tfc-agent) has no tests. So this is what its handler does by
/// its code (tfc-agent-ecs/producer/files/function/main.py), with a maximum of 4, its default.
@Suite("Simulation, the counter by its code")
struct CounterRuleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let value: Int
        let stage: TaskStage
        let next: Int
        let desired: Int

        init(_ name: String, _ value: Int, _ stage: TaskStage, to next: Int, desired: Int) {
            testDescription = name
            self.value = value
            self.stage = stage
            self.next = next
            self.desired = desired
        }
    }

    static let cases = [
        Case("one more before a plan", 0, .prePlan, to: 1, desired: 1),
        Case("one fewer after a plan", 1, .postPlan, to: 0, desired: 0),
        Case("one more before an apply", 2, .preApply, to: 3, desired: 3),
        Case("one fewer after an apply", 3, .postApply, to: 2, desired: 2),
        Case("never below zero after a plan", 0, .postPlan, to: 0, desired: 0),
        Case("never below zero after an apply", 0, .postApply, to: 0, desired: 0),
        Case("up to the maximum", 3, .prePlan, to: 4, desired: 4),
        Case("above it only the number", 4, .preApply, to: 5, desired: 4),
        Case("still above it", 6, .postPlan, to: 5, desired: 4),
        Case("from above it to the maximum", 5, .postApply, to: 4, desired: 4),
    ]

    @Test(
        "it adds before a job, subtracts after it, and bounds only what the service gets",
        arguments: cases
    )
    func counts(_ one: Case) {
        let next = CounterRule.count(one.value, at: one.stage, maxCount: 4)
        #expect(next.value == one.next)
        #expect(next.desired == one.desired)
    }
}
