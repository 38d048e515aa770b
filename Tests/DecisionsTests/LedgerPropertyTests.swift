import Decisions
import Seeded
import Testing

/// Random operations by random tasks against the promises of the ledger. The world keeps just
/// enough truth to say which operations a correct sidecar would send at all.
@Suite("Ledger, random operations")
struct LedgerPropertyTests {
    struct World {
        var ledger = Ledger()
        var limits: Limits
        /// True time; each task's own clock is up to five minutes off, which is as far as AWS
        /// accepts a signature.
        var time = WallTime(milliseconds: 1_000_000)
        var now = WallTime(milliseconds: 1_000_000)
        var generator: SeededRandom
        /// Tasks that have lowered the size, for ever: the ledger itself forgets.
        var retired: Set<TaskID> = []
        var bornCount = 0
        var alive: [TaskID] = []
        var holding: [TaskID: Job] = [:]
    }

    @Test(
        "no order of operations breaks the ledger's promises",
        arguments: [1, 2, 3, 5, 8, 13, 21, 34] as [UInt64]
    )
    func promises(_ seed: UInt64) async throws {
        print("ledger seed \(seed)")
        var generator = SeededRandom(seed: seed)
        let maxCount = Int.random(in: 1...12, using: &generator)
        let limits = try #require(
            Limits(
                desiredCount: Int.random(in: 0...min(3, maxCount), using: &generator),
                maxCount: maxCount,
                spareCount: Int.random(in: 0...2, using: &generator)
            )
        )
        var world = World(limits: limits, generator: generator)
        for number in 0..<20_000 {
            // The tests share two threads; those that watch a clock must get their turn.
            if number.isMultiple(of: 200) { await Task.yield() }
            let before = world.ledger
            let actor = step(&world)
            check(before, world.ledger, by: actor, &world)
        }
        try comesToRest(&world)
    }

    /// What was done, as far as the promises care.
    enum Act { case announce, leave(TaskID, Departure), other }

    private func step(_ world: inout World) -> Act {
        world.time = WallTime(
            milliseconds: world.time.milliseconds
                + Int.random(in: 0...40_000, using: &world.generator)
        )
        world.now = WallTime(
            milliseconds: world.time.milliseconds
                + Int.random(in: -300_000...300_000, using: &world.generator)
        )
        if world.alive.isEmpty || Int.random(in: 0..<8, using: &world.generator) == 0 {
            world.bornCount += 1
            world.alive.append(TaskID("t\(world.bornCount)"))
        }
        guard let task = world.alive.randomElement(using: &world.generator) else { return .other }
        let limits = world.limits
        switch Int.random(in: 0..<10, using: &world.generator) {
        case 0:
            announce(&world)
            return .announce
        case 1, 2:
            if let job = randomJob(&world) {
                world.holding[task] = job
                world.ledger.report(task, job, at: world.now, limits)
            }
        case 3:
            world.holding[task] = nil
            world.ledger.report(task, nil, at: world.now, limits)
        case 4:
            _ = world.ledger.reserve(
                task,
                live: listed(&world, with: task),
                aboveSize: .seconds(Int.random(in: 0...600, using: &world.generator)),
                at: world.now,
                limits
            )
        case 5:
            world.ledger.expose(task, at: world.now, limits)
        case 6:
            world.ledger.cover(task, at: world.now, limits)
        case 7:
            world.ledger.rejoin(task, at: world.now, limits)
        case 8:
            world.holding[task] = nil
            // A lost answer makes the sidecar ask again, so departures come in pairs.
            let first = world.ledger.depart(task, at: world.now, limits)
            if Bool.random(using: &world.generator) {
                let size = world.ledger.size
                let again = world.ledger.depart(task, at: world.now, limits)
                switch first {
                case .retired, .bookedBefore: #expect(again == .bookedBefore)
                case .strayed: #expect(again == .strayed)
                case .recycles: #expect(again == .recycles(.departedBefore))
                }
                #expect(world.ledger.size == size)
            }
            world.alive.removeAll { $0 == task }
            return .leave(task, first)
        default:
            world.ledger.tidy(
                live: Set(world.alive),
                finished: [],
                patience: .seconds(3_600),
                at: world.now,
                limits
            )
        }
        return .other
    }

    /// What ECS lists: those that live, and some that have ended.
    private func listed(_ world: inout World, with task: TaskID) -> Set<TaskID> {
        let ended = (0..<Int.random(in: 0...6, using: &world.generator)).map { _ in
            TaskID("t\(Int.random(in: 0...world.bornCount, using: &world.generator))")
        }
        return Set(world.alive + ended + [task])
    }

    /// Sometimes a late or early `pre_apply` that closes its run's plan, whoever holds that.
    private func announce(_ world: inout World) {
        guard let job = randomJob(&world) else { return }
        let closed = Job(id: job.id, type: "plan").map { job.type == "apply" ? [$0] : [] } ?? []
        let before = world.ledger
        world.ledger.close(closed)
        world.ledger.announce(job, at: world.now, world.limits)
        #expect(world.ledger.jobs[job] != nil)
        #expect(world.ledger.size >= before.size, "an announcement lowered the size")
        for (other, entry) in before.jobs where entry.task != nil {
            #expect(world.ledger.jobs[other] == entry, "an announcement took a job from its agent")
        }
        #expect(before.jobs.count - world.ledger.jobs.count <= 1)
        let once = world.ledger
        world.ledger.close(closed)
        world.ledger.announce(job, at: world.now, world.limits)
        #expect(world.ledger == once, "a repeated announcement changed something")
    }

    private func randomJob(_ world: inout World) -> Job? {
        let id = Int.random(in: 0..<40, using: &world.generator)
        return Job(id: "run-\(id)", type: Bool.random(using: &world.generator) ? "plan" : "apply")
    }

    private func check(_ before: Ledger, _ after: Ledger, by act: Act, _ world: inout World) {
        let want = after.want(world.limits)
        #expect(after.staying >= want, "an agent too few: \(after)")
        #expect(want <= world.limits.maxCount && want >= world.limits.desiredCount)
        #expect(after.size >= 0)
        for task in after.leaving.keys {
            #expect(!after.jobs.values.contains { $0.task == task }, "a leaving task holds a job")
        }
        guard after.size < before.size else { return }
        #expect(before.size - after.size == 1, "the size fell by more than one")
        guard case .leave(let task, let departure) = act else {
            Issue.record("the size fell by something else than a departure")
            return
        }
        #expect(departure == .retired)
        #expect(world.retired.insert(task).inserted, "task \(task) lowered the size twice")
        #expect(before.exposed.keys.allSatisfy { $0 == task }, "lowered while \(before.exposed)")
        #expect(after.departed[task] != nil)
    }

    /// Rule 7: with every job done and every fault mended, idle agents leave one by one until
    /// exactly the floor is left, and then nobody may.
    private func comesToRest(_ world: inout World) throws {
        let limits = world.limits
        world.now = WallTime(milliseconds: world.now.milliseconds + 100_000_000)
        world.alive = (0..<max(world.ledger.size, 1)).map { TaskID("calm\($0)") }
        world.ledger.tidy(
            live: Set(world.alive),
            finished: [],
            patience: .seconds(3_600),
            at: world.now,
            limits
        )
        #expect(world.ledger.jobs.isEmpty && world.ledger.leaving.isEmpty)
        var left = 0
        for task in world.alive {
            let answer = world.ledger.reserve(
                task,
                live: Set(world.alive),
                aboveSize: .zero,
                at: world.now,
                limits
            )
            guard case .granted = answer else { continue }
            #expect(world.ledger.depart(task, at: world.now, limits) == .retired)
            left += 1
        }
        let floor = min(limits.maxCount, max(limits.desiredCount, limits.spareCount))
        #expect(world.ledger.size == floor)
        #expect(world.alive.count - left == max(floor, left == 0 ? world.alive.count : floor))
    }
}
