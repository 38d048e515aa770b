package import Model

/// One policy's figures in one world.
package struct Figures: Sendable {
    package let policy: PolicyKind
    package var runs = 0
    package var jobs = 0
    package var killedBusy = 0
    package var lostRuns = 0
    package var unfinished = 0
    package var planWaits = WaitHistogram()
    package var applyWaits = WaitHistogram()
    /// Containers that were renewed.
    package var renewals = 0
    /// Applies that were foreseen, and those of them that came in time.
    package var foreseen = 0
    package var foreseenInTime = 0
    package var boots = 0
    package var agentTime: Milliseconds = 0
    /// That part of it which was on Spot.
    package var spotTime: Milliseconds = 0
    package var busyTime: Milliseconds = 0
    /// From the beginning to the end of the last run, all worlds together.
    package var span: Milliseconds = 0
    package var calls = WorldTally.Calls()
    package var writeUnits = 0
    /// Agents above the floor that still run two hours after the last run.
    package var leftRunning = 0
    package var events = 0
    package var worlds = 0
    package var timeline = DemandTimeline()

    package init(policy: PolicyKind) { self.policy = policy }

    package var waits: WaitHistogram { planWaits.with(applyWaits) }
    package var bootsPerJob: Double { jobs == 0 ? 0 : Double(boots) / Double(jobs) }
    package var agentHours: Double { Double(agentTime) / 3_600_000 }
    package var idleShare: Double {
        agentTime == 0 ? 0 : 1 - Double(busyTime) / Double(agentTime)
    }
    package var callsPerJob: Double { jobs == 0 ? 0 : Double(calls.total) / Double(jobs) }

    package func cost(_ prices: Prices) -> Double {
        // The others' controllers live in a function or in a cluster that is there anyway.
        let hasController = policy == .poller
        let reads = Double(calls.dynamoDB) / 2
        let spotHours = Double(spotTime) / 3_600_000
        return (agentHours - spotHours * prices.spotDiscount) * prices.agentHour
            + (hasController ? Double(span) / 3_600_000 * prices.controllerHour : 0)
            + Double(writeUnits) / 1_000_000 * prices.millionWrites
            + reads / 1_000_000 * prices.millionReads
    }

    package func costPerRun(_ prices: Prices) -> Double {
        runs == 0 ? 0 : cost(prices) / Double(runs)
    }

    package mutating func add(_ other: Figures) {
        runs += other.runs
        jobs += other.jobs
        killedBusy += other.killedBusy
        lostRuns += other.lostRuns
        unfinished += other.unfinished
        planWaits.add(other.planWaits)
        applyWaits.add(other.applyWaits)
        renewals += other.renewals
        foreseen += other.foreseen
        foreseenInTime += other.foreseenInTime
        boots += other.boots
        agentTime += other.agentTime
        spotTime += other.spotTime
        busyTime += other.busyTime
        span += other.span
        calls.ecs += other.calls.ecs
        calls.dynamoDB += other.calls.dynamoDB
        calls.hcpTerraform += other.calls.hcpTerraform
        calls.ssm += other.calls.ssm
        writeUnits += other.writeUnits
        leftRunning += other.leftRunning
        events += other.events
        worlds += other.worlds
        if timeline.moments.isEmpty { timeline = other.timeline }
    }
}

/// What things cost, in US dollars. List prices of Fargate and DynamoDB in us-east-1.
package struct Prices: Sendable, Equatable {
    package var vcpuHour = 0.04048
    package var gigabyteHour = 0.004445
    /// The part of a task's price that Spot saves. AWS says up to 0.7 and moves it with supply and demand
    /// ("AWS Fargate Pricing", 2026).
    package var spotDiscount = 0.5
    /// Of one task, as in the task definition.
    package var vcpus = 1.0
    package var gigabytes = 2.0
    /// A million write units and a million reads of DynamoDB on demand.
    package var millionWrites = 0.625
    package var millionReads = 0.125
    /// A central controller that always runs (0.25 vCPU and 0.5 GB on Fargate).
    package var controllerHour = 0.01234

    package init() {}

    package var agentHour: Double { vcpuHour * vcpus + gigabyteHour * gigabytes }
}

/// Demand and agents at regular moments. Where a world runs long the moments move apart, so the
/// size is bounded.
package struct DemandTimeline: Sendable, Equatable {
    package struct Moment: Sendable, Equatable {
        package var at: Milliseconds
        /// Jobs that wait for an agent or have one.
        package var demand: Int
        /// Tasks that exist, those that start included.
        package var agents: Int
        /// Agents that hold a job.
        package var busy: Int
    }

    package private(set) var moments: [Moment] = []
    package private(set) var every: Milliseconds = 10.seconds
    private static let most = 720

    package init() {}

    mutating func add(_ moment: Moment) {
        moments.append(moment)
        guard moments.count >= Self.most else { return }
        every *= 2
        moments = moments.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    }
}
