import Decisions
import Testing

@testable import Sidecar

/// Some idle agents, one ledger, and hours of virtual time.
@Suite("A floor of idle agents")
struct FloorTests {
    private struct Agent {
        var task: TaskID
        var retirement: Retirement
        var wakeAt: Instant = .origin
        var drains = 0
        var isGone = false
    }

    private struct Fleet {
        let limits: Limits
        var ledger: Ledger
        var agents: [Agent]
        var now: Instant = .origin

        init(_ count: Int, floor: Int, lifetime: Duration? = nil) throws {
            limits = try #require(Limits(desiredCount: floor, maxCount: 10, spareCount: 0))
            ledger = Ledger(size: count)
            agents = (0..<count).map { number in
                Agent(
                    task: TaskID("t\(number)"),
                    retirement: Retirement(.init(maxLifetime: lifetime))
                )
            }
            for index in agents.indices {
                tell(.woke, index)
                tell(.linked, index)
                tell(.agent(.registered(id: "agent-\(index)")), index)
                tell(.agent(.waiting), index)
            }
        }

        mutating func live(until end: Duration) throws {
            while now < .origin + end {
                let next = agents.indices.filter { !agents[$0].isGone }.min {
                    agents[$0].wakeAt < agents[$1].wakeAt
                }
                guard let next else { return }
                now = max(now, agents[next].wakeAt)
                tell(.woke, next)
            }
        }

        mutating func tell(_ observation: Observation, _ index: Int) {
            var outcomes: [Observation] = []
            for step in agents[index].retirement.observe(observation, at: now) {
                outcomes += perform(step.directive, index)
            }
            for outcome in outcomes { tell(outcome, index) }
        }

        private mutating func perform(_ directive: Directive, _ index: Int) -> [Observation] {
            switch directive {
            case .wakeAt(let instant): agents[index].wakeAt = instant
            case .protect: return [.protection(.protected(for: .seconds(7_200)))]
            case .drain:
                agents[index].drains += 1
                return [.agent(.drained), .agent(.exited(code: 0))]
            case .unprotect: return [.unprotected]
            case .release: agents[index].isGone = true
            case .ledger(let operation):
                let size = ledger.size
                let running = agents.filter { !$0.isGone }
                let report = ledger.apply(
                    operation,
                    of: agents[index].task,
                    live: Set(running.map(\.task)),
                    finished: [],
                    patience: .seconds(3_600),
                    at: WallTime(milliseconds: Int(now.sinceOrigin.components.seconds) * 1_000),
                    limits
                )
                return [.booked(report, sizeChanged: ledger.size != size)]
            case .project: return [.projected]
            case .compare:
                let running = agents.count { !$0.isGone }
                return [
                    .compared(
                        Comparison(size: ledger.size, desired: ledger.size, running: running)
                    )
                ]
            case .look: return [.looked(.settled)]
            case .watch, .hold, .allowAgent, .nameAgent, .nameNext, .end, .note, .warn, .alarm:
                break
            }
            return []
        }
    }

    @Test("agents at the floor are idle for a day, and none is restarted")
    func rest() throws {
        var fleet = try Fleet(2, floor: 2)
        try fleet.live(until: .seconds(86_400))
        #expect(fleet.ledger.size == 2)
        #expect(fleet.agents.allSatisfy { $0.drains == 0 && !$0.isGone })
    }

    @Test("of five idle agents over a floor of two, three leave and two stay for good")
    func comesToRest() throws {
        var fleet = try Fleet(5, floor: 2)
        try fleet.live(until: .seconds(1_200))
        #expect(fleet.ledger.size == 2)
        #expect(fleet.agents.count { $0.isGone } == 3)
        let drains = fleet.agents.reduce(0) { $0 + $1.drains }
        try fleet.live(until: .seconds(86_400))
        #expect(fleet.agents.reduce(0) { $0 + $1.drains } == drains)
        #expect(fleet.agents.count { $0.isGone } == 3)
    }

    @Test("the last agent of a floor of one stays, and leaves once the floor is lowered")
    func lastOne() throws {
        var fleet = try Fleet(1, floor: 1)
        try fleet.live(until: .seconds(7_200))
        #expect(fleet.agents[0].drains == 0)
        var lowered = try Fleet(1, floor: 0)
        lowered.agents = fleet.agents
        lowered.now = fleet.now
        lowered.ledger = fleet.ledger
        try lowered.live(until: .seconds(7_300))
        #expect(lowered.ledger.size == 0)
        #expect(lowered.agents[0].isGone)
    }
}
