import Decisions
import Simulation
import Testing

/// What the project behind the policy holds its own scaler to (oulman/tfc-agent-autoscaler,
/// internal/scaler/scaler_test.go), as data.
@Suite("Simulation, the poller by its own tests")
struct PollerRuleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let waiting: Int
        let busy: Int
        let idle: Int
        let desired: Int
        var floor = 0
        var isCooling = false
        let count: Int?

        init(
            _ name: String,
            waiting: Int = 0,
            busy: Int = 0,
            idle: Int = 0,
            desired: Int,
            floor: Int = 0,
            isCooling: Bool = false,
            to count: Int?
        ) {
            testDescription = name
            self.waiting = waiting
            self.busy = busy
            self.idle = idle
            self.desired = desired
            self.floor = floor
            self.isCooling = isCooling
            self.count = count
        }
    }

    static let cases = [
        Case("waiting and busy together", waiting: 3, busy: 2, desired: 0, to: 5),
        Case("no more than the maximum", waiting: 20, busy: 5, desired: 0, to: 10),
        Case("no fewer than the minimum", desired: 0, floor: 2, to: 2),
        Case("no work and no minimum", desired: 0, to: nil),
        Case("busy agents alone", busy: 3, desired: 0, to: 3),
        Case("up from zero", waiting: 3, desired: 0, to: 3),
        Case("down with no work", idle: 5, desired: 5, to: 0),
        Case("as it is", busy: 3, desired: 3, to: nil),
        Case("not down within the cooldown", idle: 5, desired: 5, isCooling: true, to: nil),
        Case("up within it", waiting: 5, busy: 3, desired: 3, isCooling: true, to: 8),
        Case("down by the idle ones", busy: 3, idle: 2, desired: 5, to: 3),
        Case("up beside idle ones", waiting: 4, busy: 2, idle: 1, desired: 1, to: 6),
    ]

    @Test("it writes what its own tests expect", arguments: cases)
    func writes(_ one: Case) throws {
        let limits = try #require(Limits(desiredCount: one.floor, maxCount: 10, spareCount: 0))
        let seen = PollerRule.Seen(waiting: one.waiting, busy: one.busy, idle: one.idle)
        let count = PollerRule.count(
            seen,
            desired: one.desired,
            limits: limits,
            isCooling: one.isCooling
        )
        #expect(count == one.count)
    }
}
