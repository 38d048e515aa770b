package import AgentLink
import Decisions
package import Model

/// One service of many agents with short jobs under the real limits of DynamoDB and ECS: how many
/// units its ledger takes, and what a departure has to wait for.
package struct GrowthTrial: Sendable {
    package let agents: Int
    package let mode: AgentMode
    /// Jobs for each hundred that the agents could do, boots and polls not counted.
    package let load: Int
    package let jobLength: Milliseconds
    private let seed: UInt64

    /// Units a second of one partition of DynamoDB (DynamoDB developer guide, "Read/write capacity").
    package static let writeLimit = VirtualLedgerTable.writeLimit
    package static let readLimit = VirtualLedgerTable.readLimit

    /// Played, after the first quarter of an hour, in which the agents come.
    package static let length: Milliseconds = 30.minutes
    private static let warmUp: Milliseconds = 15.minutes

    package init(
        agents: Int,
        mode: AgentMode,
        load: Int = 100,
        jobLength: Milliseconds = 60.seconds,
        seed: UInt64 = 1
    ) {
        self.agents = agents
        self.mode = mode
        self.load = load
        self.jobLength = jobLength
        self.seed = seed
    }

    package struct Outcome: Sendable {
        package var jobsPerSecond = 0.0
        /// Known to the ledger, on average.
        package var jobsAtOnce = 0
        package var writesPerJob = 0.0
        package var writeUnitsPerSecond = 0.0
        package var readUnitsPerSecond = 0.0
        /// In the busiest second.
        package var mostWriteUnits = 0
        package var mostReadUnits = 0
        /// Calls that a partition had no units for.
        package var throttles = 0
        /// From an agent's exit until its container may end.
        package var departures = WaitHistogram()
        package var waits = WaitHistogram()
        /// Write units a second that one item for everything would have taken.
        package var ofOneItem: Double {
            let kilobytes = Double(300 + VirtualLedgerTable.jobBytes * jobsAtOnce) / 1_024
            return writesPerJob * jobsPerSecond * kilobytes.rounded(.up)
        }
    }

    package func play() -> Outcome {
        let limits = Limits(desiredCount: 0, maxCount: agents, spareCount: 0) ?? .fallback
        var setup = Setup(seed: seed, limits: limits)
        setup.mode = mode
        setup.endpoints = 4
        var mix = RandomWorkload.Mix()
        mix.plan = jobLength
        mix.apply = jobLength
        mix.approval = 1.seconds
        // Each run that is applied has two jobs; about half are.
        let perHour = agents * load / 100 * 1.hours / jobLength * 2 / 3
        let workload = RandomWorkload(
            seed: seed,
            hours: Array(repeating: max(1, perHour), count: 24),
            runs: perHour,
            mix: mix,
            startsAt: 1.seconds
        )
        let region = Region(setup, workload: workload, policy: OurPolicy())
        defer { region.close() }
        let world = region.world
        world.run(until: Self.warmUp)
        let before = world.tally.ledger
        let jobs = world.tally.jobs
        world.tally.ledger.forgetPeaks()
        var held = 0
        let minutes = Self.length / 1.minutes
        for minute in 1...minutes {
            world.run(until: Self.warmUp + minute.minutes)
            held += (region.pools[0].keeper as? OurKeeper)?.ledger.jobs.count ?? 0
        }
        return outcome(world, before, jobs: world.tally.jobs - jobs, held: held / minutes)
    }

    private func outcome(
        _ world: World,
        _ before: LedgerTally,
        jobs: Int,
        held: Int
    ) -> Outcome {
        let seconds = Double(Self.length) / 1_000
        let tally = world.tally.ledger
        var outcome = Outcome()
        outcome.jobsPerSecond = Double(jobs) / seconds
        outcome.jobsAtOnce = held
        outcome.writesPerJob = Double(tally.writes - before.writes) / Double(max(1, jobs))
        outcome.writeUnitsPerSecond = Double(tally.writeUnits - before.writeUnits) / seconds
        outcome.readUnitsPerSecond = Double(tally.readUnits - before.readUnits) / seconds
        outcome.mostWriteUnits = tally.mostWriteUnits
        outcome.mostReadUnits = tally.mostReadUnits
        outcome.throttles = tally.throttles - before.throttles
        outcome.departures = world.tally.departures
        outcome.waits = world.tally.planWaits.with(world.tally.applyWaits)
        return outcome
    }
}
