import Decisions
import Seeded
import Testing

/// Exploration counts minds that were moved to another origin of time, and without what decides
/// nothing. They must go on as the others do.
@Suite("A mind moved in time")
struct RebasedMindTests {
    @Test("a mind that is moved in time after each observation decides like one that is not")
    func decidesAlike() throws {
        let plan = try #require(Job(key: "run-1/plan"))
        let apply = try #require(Job(key: "run-1/apply"))
        for seed in UInt64(1)...400 {
            var chance = SeededRandom(seed: seed)
            let settings = Self.settings(&chance)
            var plain = Retirement(settings)
            var moved = Retirement(settings)
            var (now, origin): (Instant, Instant) = (.origin, .origin)
            for step in 0..<150 {
                let observation = Self.observation(plan, apply, &chance)
                let said = Self.deciding(plain.observe(observation, at: now))
                let saidMoved = Self.deciding(
                    moved.observe(observation, at: .origin + (now - origin))
                )
                #expect(said == saidMoved, "seed \(seed), step \(step), \(observation)")
                guard said == saidMoved else { return }
                moved = moved.rebased(to: .origin + (now - origin))
                origin = now
                #expect(
                    plain.nextDecision(after: now).map { $0 - now }
                        == moved.nextDecision(after: .origin).map { $0 - .origin },
                    "seed \(seed), step \(step)"
                )
                now += .seconds([0, 0, 1, 1, 2, 5].randomElement(using: &chance) ?? 0)
            }
        }
    }

    @Test("a mind that is moved in time still knows that a renewal is under way")
    func renewal() throws {
        var story = Story.busy(try #require(Job(key: "run-1/plan")))
        while try story.sleepUntilTimer() != [.protect] {}
        story.tell(.agent(.exited(code: 0)))
        let departure = Departure.recycles(.needed(staying: 1, want: 1))
        story.tell(.booked(.departure(departure), sizeChanged: false))
        story.retirement = story.retirement.rebased(to: story.now)
        story.now = .origin
        #expect(story.tell(.looked(Rollout())) == [.hold])
        #expect(story.tell(.protection(.protected(for: .seconds(16)))) == [.unprotect])
    }

    private static func settings(_ chance: inout SeededRandom) -> Retirement.Settings {
        let restarted = chance.next() % 4 == 0
        return Retirement.Settings(
            idleTimeout: .seconds(4),
            firstJobTimeout: .seconds(6),
            maxLifetime: chance.next() % 3 == 0 ? .seconds(30) : nil,
            renewal: chance.next() % 3 == 0 ? .init(maxJobs: 3) : nil,
            watchesAgent: chance.next() % 3 == 0,
            restarted: restarted,
            hasPredecessor: restarted || chance.next() % 4 == 0,
            timing: .small
        )
    }

    /// Reasons only tell the story.
    private static func deciding(_ steps: [Step]) -> [Directive] {
        steps.map(\.directive).filter { directive in
            switch directive {
            case .wakeAt, .note, .warn, .alarm: false
            default: true
            }
        }
    }

    /// Anything, whether it was asked for or not.
    private static func observation(
        _ plan: Job,
        _ apply: Job,
        _ chance: inout SeededRandom
    ) -> Observation {
        let comparison = Comparison(
            size: 1,
            desired: 1 + Int(chance.next() % 2),
            running: 1 + Int(chance.next() % 2),
            rollout: chance.next() % 8 == 0 ? Rollout() : .settled
        )
        let all: [Observation] = [
            .woke, .woke, .woke, .woke, .linked, .linked, .unlinked, .projected,
            .protection(.protected(for: .seconds(16))), .protection(.protected(for: .seconds(16))),
            .protection(.blocked), .protection(.unclear("a fault")),
            .protection(.held(for: .seconds(5), "a fault")), .unprotected,
            .allowanceFailed("a fault"), .agent(.registered(id: "agent-1")), .agent(.waiting),
            .agent(.waiting), .agent(.received(plan)), .agent(.received(apply)),
            .agent(.unreadable), .agent(.working(processes: 1)), .agent(.renewed),
            .booked(.reported(plan), sizeChanged: false),
            .booked(.reported(nil), sizeChanged: true),
            .booked(.reserve(.granted(.surplus)), sizeChanged: false),
            .booked(.reserve(.refused(.holdsJob)), sizeChanged: false),
            .booked(.rejoined, sizeChanged: false), .booked(.exposed, sizeChanged: false),
            .booked(.covered, sizeChanged: false), .ledgerFailed("a fault"),
            .projectionFailed("a fault"), .compared(comparison), .compared(comparison),
            .compared(nil), .watched(.seen(.idle)), .watched(.seen(.busy)),
            .watched(.failed("a fault", wait: nil)),
            .looked(Rollout()), .looked(.settled), .looked(nil), .unprotectFailed("a fault"),
        ]
        let last: [Observation] = [
            .agent(.drained), .agent(.stopping), .agent(.exited(code: 0)), .agent(.exited(code: 0)),
            .agent(.spoiled("remains")), .stopRequested,
            .booked(.departure(.retired), sizeChanged: true),
            .booked(.departure(.strayed), sizeChanged: false),
        ]
        return (chance.next() % 40 == 0 ? last : all).randomElement(using: &chance) ?? .woke
    }
}
