import Decisions
import Model
import Simulation
import Testing

/// What the projects behind the policy hold their scaler and their agent to (buildkite/
/// buildkite-agent-scaler, scaler/scaler_test.go, of two versions; buildkite/agent,
/// agent/idle_monitor_test.go), as data. Left out is the "Elastic CI mode", which is off.
@Suite("Simulation, the self-ending pool by its own tests")
struct SelfEndingRuleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let seen: SelfEndingRule.Seen
        let desired: Int
        let running: Int
        let floor: Int
        let ceiling: Int
        let sinceOut: Milliseconds?
        let sinceIn: Milliseconds?
        let count: Int?
        var settings = SelfEndingRule.Settings()

        /// - Parameter set: changes the settings of its tests, which ask for nothing but jobs.
        init(
            _ name: String,
            queued: Int = 0,
            running jobs: Int = 0,
            blocked: Int = 0,
            agents: Int = 0,
            desired: Int,
            instances: Int? = nil,
            floor: Int = 0,
            ceiling: Int = 100,
            sinceOut: Milliseconds? = nil,
            sinceIn: Milliseconds? = nil,
            to count: Int?,
            _ set: (inout SelfEndingRule.Settings) -> Void = { _ in }
        ) {
            testDescription = name
            seen = .init(queued: queued, running: jobs, blocked: blocked, agents: agents)
            self.desired = desired
            running = instances ?? desired
            self.floor = floor
            self.ceiling = ceiling
            self.sinceOut = sinceOut
            self.sinceIn = sinceIn
            self.count = count
            settings.leastConnected = 0
            settings.outCooldown = 0
            settings.scalesIn = true
            settings.inCooldown = 0
            set(&settings)
        }
    }

    static let out = [
        Case("queued and running", queued: 10, running: 2, blocked: 2, desired: 2, to: 12),
        Case(
            "blocked ones in place of fewer that run",
            queued: 8,
            running: 2,
            blocked: 20,
            desired: 2,
            to: 28
        ) {
            $0.countsBlocked = true
        },
        Case("a buffer", queued: 10, running: 2, blocked: 2, desired: 12, to: 22) {
            $0.buffer = 10
        },
        Case("four agents each", queued: 10, running: 2, desired: 1, to: 3) {
            $0.agentsPerInstance = 4
        },
        Case("two agents each", queued: 10, running: 2, desired: 1, to: 6) {
            $0.agentsPerInstance = 2
        },
        Case("five each, rounded up", queued: 10, running: 2, desired: 1, to: 3) {
            $0.agentsPerInstance = 5
        },
        Case("more agents than jobs", queued: 10, running: 2, desired: 1, to: nil) {
            $0.agentsPerInstance = 20
        },
        Case("half of what is missing", queued: 10, running: 2, desired: 2, to: 7) {
            $0.outFactor = 0.5
        },
        Case("half of it from zero", queued: 10, running: 2, desired: 0, to: 6) {
            $0.outFactor = 0.5
        },
        Case("a tenth of it, rounded up", queued: 10, running: 2, desired: 11, to: 12) {
            $0.outFactor = 0.1
        },
        Case("five times as many", queued: 10, desired: 0, to: 50) { $0.outFactor = 5 },
        Case("the maximum after the factor", queued: 10, running: 2, desired: 0, ceiling: 2, to: 2)
        {
            $0.outFactor = 2
        },
        Case("within the cooldown", queued: 10, running: 2, desired: 4, sinceOut: 0, to: nil) {
            $0.outCooldown = 300.seconds
        },
        Case("after it", queued: 10, running: 2, desired: 4, sinceOut: 600.seconds, to: 12) {
            $0.outCooldown = 300.seconds
        },
        Case(
            "after it by a factor",
            queued: 10,
            running: 2,
            desired: 4,
            sinceOut: 600.seconds,
            to: 20
        ) {
            $0.outCooldown = 300.seconds
            $0.outFactor = 2
        },
        Case("never, where it may not", queued: 10, running: 2, desired: 1, to: nil) {
            $0.scalesOut = false
        },
        Case(
            "within the cooldown of the other direction only",
            queued: 3,
            desired: 2,
            instances: 5,
            sinceIn: 0,
            to: 3
        ) {
            $0.inCooldown = 3_600.seconds
        },
        Case(
            "soon after fewer",
            queued: 1,
            desired: 1,
            sinceOut: 600.seconds,
            sinceIn: 60.seconds,
            to: nil
        ) {
            $0.outCooldown = 120.seconds
            $0.inCooldown = 300.seconds
            $0.coolsAfterBoth = true
        },
    ]

    static let `in` = [
        Case("within the cooldown", desired: 10, sinceIn: 0, to: nil) {
            $0.inCooldown = 300.seconds
        },
        Case("after it a tenth", desired: 10, sinceIn: 600.seconds, to: 9) {
            $0.inCooldown = 300.seconds
            $0.inFactor = 0.1
        },
        Case("down to the buffer", queued: 10, running: 5, desired: 30, to: 25) { $0.buffer = 10 },
        Case("five times as many in spite of jobs", queued: 10, desired: 20, to: 0) {
            $0.inFactor = 5
        },
        Case("a tenth of one, rounded up", desired: 1, to: 0) { $0.inFactor = 0.1 },
        Case("the minimum after the factor", desired: 2, floor: 1, sinceIn: 600.seconds, to: 1) {
            $0.inCooldown = 300.seconds
            $0.inFactor = 10
        },
        Case("never, where it may not", desired: 1, to: nil) { $0.scalesIn = false },
        Case("soon after more", desired: 3, sinceOut: 60.seconds, sinceIn: 600.seconds, to: nil) {
            $0.outCooldown = 300.seconds
            $0.inCooldown = 120.seconds
            $0.coolsAfterBoth = true
        },
        Case("not again while instances go", queued: 3, desired: 3, instances: 5, to: nil),
        Case("nor while they come", queued: 3, desired: 3, instances: 2, to: nil),
        Case("though as many run as are wanted", queued: 3, desired: 5, instances: 3, to: 3),
    ]

    static let connected = [
        short("too few connected", queued: 5, running: 2, agents: 3, desired: 2, to: 3),
        short(
            "not while instances come",
            queued: 5,
            running: 2,
            agents: 3,
            desired: 2,
            instances: 1,
            to: nil
        ),
        short("enough connected", queued: 5, running: 2, agents: 7, desired: 2, to: nil),
        short(
            "too few, and nobody asks",
            queued: 5,
            running: 2,
            agents: 2,
            desired: 2,
            least: 0,
            to: nil
        ),
        short("no instance at all", queued: 5, agents: 0, desired: 0, to: 2),
        short("one more than the jobs need", queued: 2, agents: 2, desired: 3, to: 4),
        short("fewer than the jobs need anyway", queued: 20, agents: 2, desired: 2, to: 5),
    ]

    /// Four agents each.
    private static func short(
        _ name: String,
        queued: Int,
        running: Int = 0,
        agents: Int,
        desired: Int,
        instances: Int? = nil,
        least: Double = 0.5,
        to count: Int?
    ) -> Case {
        Case(
            name,
            queued: queued,
            running: running,
            agents: agents,
            desired: desired,
            instances: instances,
            to: count
        ) {
            $0.agentsPerInstance = 4
            $0.leastConnected = least
        }
    }

    @Test("it sets its group to what its own tests expect", arguments: out + `in` + connected)
    func sets(_ one: Case) throws {
        let limits = try #require(
            Limits(desiredCount: one.floor, maxCount: one.ceiling, spareCount: 0)
        )
        let count = SelfEndingRule.count(
            one.seen,
            desired: one.desired,
            running: one.running,
            limits: limits,
            one.settings,
            sinceOut: one.sinceOut,
            sinceIn: one.sinceIn
        )
        #expect(count == one.count)
    }

    struct Instance: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let agents: [SelfEndingRule.Agent]
        let isOver: Bool

        init(_ name: String, _ agents: [SelfEndingRule.Agent], isOver: Bool) {
            testDescription = name
            self.agents = agents
            self.isOver = isOver
        }
    }

    static let instances = [
        Instance("a busy one among others", [.busy, .idle(for: 100), .dead], isOver: false),
        Instance("idle, but not as long", [.idle(for: 99), .idle(for: 150), .dead], isOver: false),
        Instance("idle long enough", [.idle(for: 100), .idle(for: 150), .dead], isOver: true),
        Instance("all dead", [.dead, .dead, .dead], isOver: true),
        Instance("one busy beside dead ones", [.dead, .dead, .busy], isOver: false),
    ]

    @Test("an instance leaves when the agent's own tests expect it", arguments: instances)
    func leaves(_ one: Instance) {
        #expect(SelfEndingRule.isOver(one.agents, after: 100) == one.isOver)
    }

    @Test("by the stack's defaults it scales out once in 300 s and never in")
    func defaults() throws {
        let limits = try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
        let seen = SelfEndingRule.Seen(queued: 2, running: 1, agents: 1)
        let counts = [nil, 299.seconds, 300.seconds].map {
            SelfEndingRule.count(seen, desired: 1, running: 1, limits: limits, sinceOut: $0)
        }
        #expect(counts == [3, nil, 3])
        let idle = SelfEndingRule.Seen(queued: 0, running: 0, agents: 5)
        #expect(SelfEndingRule.count(idle, desired: 5, running: 5, limits: limits) == nil)
    }

    @Test("by its script an instance takes itself off the count, but for the floor's")
    func floor() {
        #expect(SelfEndingRule.left(of: 3, floor: 2) == 2)
        #expect(SelfEndingRule.left(of: 2, floor: 2) == nil)
    }
}
