package import AgentLink
import Decisions
package import Model
package import Rules

/// One world drawn from a seed: some hours with faults, then calm, in which it must come to rest.
package struct SafetyTrial: Sendable {
    package let setup: Setup
    /// How long faults happen.
    package let trouble: Milliseconds
    private let mix: RandomWorkload.Mix
    private let runs: Int
    private let perHour: Int
    private let clump: Int

    /// Long enough for what is slowest to be forgotten: an announced job that nobody wants any
    /// more (an hour), a protection that nobody gives back (two hours at most), and the pauses
    /// in between.
    package static let calm: Milliseconds = 5.hours
    /// For the runs that are still open when the trouble ends.
    package static let patience: Milliseconds = 48.hours
    /// For so long nothing may start or stop at the end.
    package static let rest: Milliseconds = 45.minutes

    /// - Parameters:
    ///   - replacement: nil leaves it to the seed.
    ///   - mode: nil leaves it to the seed.
    package init(
        seed: UInt64,
        broken: Safeguard? = nil,
        replacement: Replacement? = nil,
        mode: AgentMode? = nil
    ) {
        var chance = Chance(seed: seed, stream: 3)
        let floor = chance.pick([0, 0, 0, 1, 1, 2])
        let most = max(1, floor) + chance.within(0...6)
        let spare = chance.pick([0, 0, 0, 1])
        let limits =
            Limits(desiredCount: floor, maxCount: most, spareCount: spare) ?? Limits.fallback
        var setup = Setup(seed: seed, limits: limits)
        setup.mode = chance.pick([.single, .shared])
        setup.idleTimeout = chance.pick([30, 60, 120, 300]).seconds
        setup.firstJobTimeout = chance.pick([60, 300]).seconds
        setup.maxLifetime = chance.pick([nil, nil, 30.minutes])
        setup.protection = chance.pick([30, 120]).minutes
        setup.hasToken = chance.below(2) == 0
        setup.broken = broken
        setup.faults = Faults.drawn(&chance)
        var more = Chance(seed: seed, stream: 4)
        setup.faults.drawMore(&more, hasToken: setup.hasToken)
        var late = Chance(seed: seed, stream: 5)
        setup.endpoints = late.pick([1, 1, 2, 4])
        var ecs = Chance(seed: seed, stream: 6)
        let drawn = ecs.pick(Replacement.allCases)
        setup.replacement = replacement ?? drawn
        setup.faults.drawECS(&ecs)
        var end = Chance(seed: seed, stream: 7)
        setup.faults.drawEnd(&end)
        var renewal = Chance(seed: seed, stream: 8)
        let isRenewed = renewal.below(3) == 0
        let maxJobs = renewal.pick([nil, nil, 2, 5])
        setup.mode = mode ?? (isRenewed ? .renewed : setup.mode)
        if setup.mode == .renewed {
            setup.maxJobs = maxJobs
            setup.faults.drawRenewal(&renewal)
        }
        // A job that nobody announces gets an agent only from the sweep, or from the floor.
        if floor == 0, !setup.hasToken { setup.faults[.unannounced] = 0 }
        self.setup = setup
        trouble = chance.within(1...4).hours
        clump = chance.pick([1, 1, 3, 8])
        var mix = RandomWorkload.Mix()
        mix.plan = chance.within(10...400).seconds
        mix.approval = chance.within(1...600).seconds
        mix.apply = chance.within(10...600).seconds
        mix.canceled = chance.pick([0, 30, 200])
        self.mix = mix
        // Two thirds of what max_count can serve, each job with the start of an agent.
        let effort = mix.plan + mix.apply + 2 * 90.seconds
        perHour = min(chance.within(4...60), max(1, most * 1.hours * 2 / 3 / effort))
        runs = max(1, perHour * trouble / 1.hours)
    }

    /// What was drawn, for the first line of a story.
    package var description: String {
        "desired_count \(setup.limits.desiredCount), max_count \(setup.limits.maxCount), "
            + "spare_count \(setup.limits.spareCount), \(setup.mode.rawValue), "
            + (setup.maxJobs.map { "\($0) jobs a task at most, " } ?? "") + "idle limit "
            + "\(setup.idleTimeout / 1_000) s, "
            + (setup.hasToken ? "API token, " : "no API token, ")
            + "\(setup.endpoints) endpoints, "
            + "replacement \(setup.replacement.rawValue), "
            + "\(runs) runs in \(trouble / 3_600_000) h of faults: \(setup.faults.description)"
    }

    package struct Outcome: Sendable {
        package internal(set) var violations: [Violation] = []
        package internal(set) var tally = SafetyTally()
    }

    /// Plays it.
    ///
    /// - Parameter story: gets a line for each thing that happens; nil says nothing.
    package func play(story: ((String) -> Void)? = nil) -> Outcome {
        let workload = RandomWorkload(
            seed: setup.seed,
            hours: Array(repeating: perHour, count: 24),
            runs: runs,
            mix: mix,
            clump: clump,
            startsAt: 1.minutes
        )
        let region = Region(
            setup,
            workload: workload,
            policy: PolicyKind.ours.make(),
            story: story
        )
        defer { region.close() }
        let recorder = Recorder(region)
        let world = region.world
        world.run(until: trouble)
        region.calmDown()
        // A queue that grew in the trouble takes its time; one that nobody serves never ends.
        world.run(until: world.now + Self.patience) { !region.isWorkDone && !region.hasEnded }
        world.run(until: world.now + Self.calm)
        let before = world.tally.boots
        let stopped = world.tally.stops
        world.run(until: world.now + Self.rest)
        let isQuiet = world.tally.boots == before && world.tally.stops == stopped
        return outcome(of: region, recorder, isAtRest: isQuiet)
    }

    private func outcome(of region: Region, _ recorder: Recorder, isAtRest: Bool) -> Outcome {
        let world = region.world
        var tally = SafetyTally()
        tally.worlds = 1
        tally.runs = world.tally.runs
        tally.jobs = world.tally.jobs
        tally.events = world.tally.events
        tally.played = world.tally.played
        for pool in region.pools {
            // A maximum lifetime replaces idle agents for ever.
            let mayRest = setup.maxLifetime == nil
            recorder.checkRest(pool, watched: Self.rest, isAtRest: isAtRest, mayRest: mayRest)
            let left = max(0, pool.service.counting - pool.floor)
            let kept = min(left, recorder.unknownAgents(in: pool))
            tally.starved += pool.starvedRuns
            tally.kept += kept
            tally.leftOver += left - kept
        }
        tally.lostToOutside = recorder.jobsLost
        tally.bothAway = recorder.bothAway
        tally.takenBare = recorder.takenBare
        return Outcome(violations: recorder.violations, tally: tally)
    }
}
