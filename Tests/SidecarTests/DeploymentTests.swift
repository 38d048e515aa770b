import Decisions
import Testing

@testable import Sidecar

/// Whole deployments, under both readings of what ECS starts in place of a task that ends by itself.
@Suite("Deployments")
struct DeploymentTests {
    typealias World = DeploymentWorld

    /// A service at rest in its first revision.
    private func rested(_ setup: World.Setup, seed: UInt64) throws -> World {
        var world = try World(setup, seed: seed)
        world.live(until: 600)
        if setup.runEvery == 0, setup.crashEvery == 0 { #expect(world.isComplete) }
        return world
    }

    private func expectRules(_ world: World, seed: UInt64) {
        #expect(world.broken.isEmpty, "seed \(seed)")
        // At most one restart for each task that was there when the newest revision came.
        for (at, index, revision) in world.roomMade {
            let task = world.tasks[index]
            #expect(
                task.createdAt < world.revisions[revision].createdAt,
                "seed \(seed): \(task.id), a replacement, made room at \(at)"
            )
        }
    }

    /// Nobody leaves any more.
    private func expectRest(_ world: World, seed: UInt64) {
        var later = world
        later.live(until: world.now + 3_600)
        #expect(later.signals == world.signals, "seed \(seed): agents go at rest")
        #expect(later.tasks.count == world.tasks.count, "seed \(seed): tasks start at rest")
        #expect(later.ledger.size == world.setup.floor, "seed \(seed)")
        #expect(later.desired == world.setup.floor, "seed \(seed)")
        expectRules(later, seed: seed)
    }

    @Test("idle agents make room, each once, until the deployment is complete", arguments: [1, 4])
    func idle(floor: Int) throws {
        for replacement in World.Replacement.allCases {
            for seed in 1...6 as ClosedRange<UInt64> {
                var setup = World.Setup()
                setup.replacement = replacement
                setup.floor = floor
                var world = try rested(setup, seed: seed)
                world.deploy(.starts)
                world.live(until: 1_800)
                #expect(world.isComplete, "seed \(seed)")
                #expect(world.signals == floor, "seed \(seed)")
                #expect(world.tasks.count == 2 * floor, "seed \(seed)")
                expectRest(world, seed: seed)
            }
        }
    }

    /// Runs, crashes, lost calls and sidecars that die, until 4,000 s.
    private func busy(_ replacement: World.Replacement, isSingle: Bool) -> World.Setup {
        var setup = World.Setup()
        setup.replacement = replacement
        setup.isSingle = isSingle
        setup.runEvery = 60
        setup.runsUntil = 4_000
        setup.crashEvery = 1_500
        setup.deathEvery = 400
        setup.failEvery = 15
        setup.faultsUntil = 4_000
        return setup
    }

    @Test(
        "with runs, crashes, lost calls and dying sidecars every deployment comes to its end",
        arguments: World.Replacement.allCases,
        [true, false]
    )
    func everything(replacement: World.Replacement, isSingle: Bool) async throws {
        var handedOver = 0
        for seed in 1...6 as ClosedRange<UInt64> {
            await Task.yield()
            var world = try rested(busy(replacement, isSingle: isSingle), seed: seed)
            for end in [1_400, 2_600, 4_000, 7_200] {
                if end < 7_200 { world.deploy(.starts) }
                world.live(until: end)
            }
            handedOver += world.tasks.count { $0.isStoppedByECS }
            #expect(world.isComplete, "seed \(seed)")
            expectRest(world, seed: seed)
        }
        #expect(handedOver > 20)
    }

    @Test(
        "tasks of both revisions that a deployment starts: the service comes to rest all the same"
    )
    func scalesBoth() async throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            await Task.yield()
            var setup = busy(.same, isSingle: seed.isMultiple(of: 2))
            setup.scalesBoth = true
            var world = try rested(setup, seed: seed)
            world.deploy(.starts)
            world.live(until: 7_200)
            expectRest(world, seed: seed)
            // Whatever is left of the old revision was started beside the new one.
            for task in world.livingTasks where task.revision != world.primary {
                #expect(task.createdAt >= world.revisions[world.primary].createdAt)
            }
        }
    }

    /// Those that made room before anything could be known of the newest revision: what the first
    /// of them has booked, the next one sees.
    private func expectOneMoment(_ world: World, seed: UInt64) {
        let first = world.roomMade.first?.at ?? 0
        #expect(world.roomMade.allSatisfy { $0.at - first <= 2 }, "seed \(seed)")
    }

    @Test("a revision that cannot start costs the idle agents of one moment, and is rolled back")
    func rolledBack() throws {
        for replacement in World.Replacement.allCases {
            for seed in 1...6 as ClosedRange<UInt64> {
                var setup = World.Setup()
                setup.replacement = replacement
                setup.floor = 4
                var world = try rested(setup, seed: seed)
                world.deploy(.neverRuns)
                world.live(until: 3_600)
                #expect(world.primary == 0)
                #expect(world.isComplete, "seed \(seed)")
                expectOneMoment(world, seed: seed)
                expectRest(world, seed: seed)
            }
        }
    }

    @Test(
        "a revision that nobody rolls back leaves the other idle agents in place, and can be mended"
    )
    func stuck() throws {
        for health in [World.Health.neverRuns, .agentFails] {
            for seed in 1...6 as ClosedRange<UInt64> {
                var setup = World.Setup()
                setup.replacement = .same
                setup.floor = 4
                setup.rollsBack = false
                var world = try rested(setup, seed: seed)
                world.deploy(health)
                world.live(until: 9_000)
                if health == .neverRuns { expectOneMoment(world, seed: seed) }
                #expect(world.roomMade.count < setup.floor, "seed \(seed)")
                expectRules(world, seed: seed)
                #expect(world.livingTasks.count { $0.isIdle } >= 1, "seed \(seed)")
                world.deploy(.starts)
                world.live(until: 16_000)
                #expect(world.isComplete, "seed \(seed): \(health)")
                expectRest(world, seed: seed)
            }
        }
    }

    @Test("without the hand-over ECS answers with the old revision, and no deployment completes")
    func withoutHandOver() throws {
        var setup = World.Setup()
        setup.replacement = .same
        setup.handsOver = false
        var world = try rested(setup, seed: 1)
        world.deploy(.starts)
        world.live(until: 9_000)
        #expect(!world.isComplete)
        #expect(world.livingTasks.allSatisfy { $0.revision != world.primary })
    }

    @Test("ECS that never stops what is handed over restarts each idle task once, and no more")
    func deaf() throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            var setup = World.Setup()
            setup.replacement = .same
            setup.isDeaf = true
            var world = try rested(setup, seed: seed)
            world.deploy(.starts)
            world.live(until: 20_000)
            #expect(world.signals <= setup.floor, "seed \(seed)")
            expectRest(world, seed: seed)
        }
    }
}
