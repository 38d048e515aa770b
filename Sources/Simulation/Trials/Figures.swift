package import Model

/// One policy's figures in one world.
package struct Figures: Sendable {
    package let policy: PolicyKind
    package var runs = 0
    package var jobs = 0
    package var killedBusy = 0
    package var lostRuns = 0
    package var unfinished = 0
    package var waits = WaitHistogram()
    package var boots = 0
    package var agentTime: Milliseconds = 0
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
        return agentHours * prices.agentHour
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
        waits.add(other.waits)
        boots += other.boots
        agentTime += other.agentTime
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
