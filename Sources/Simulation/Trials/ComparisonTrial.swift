import Decisions
package import Model

/// Policies in the same world with the same runs.
package struct ComparisonTrial {
    package var setup: Setup
    private let workload: any Workload

    /// What is left running is counted so long after the last run.
    package static let aftermath: Milliseconds = 2.hours
    /// Runs that no agent came for in so long are given up.
    package static let patience: Milliseconds = 24.hours

    package init(_ setup: Setup, _ workload: any Workload) {
        self.setup = setup
        self.workload = workload
    }

    /// - Parameter progress: called now and then with the number of runs so far; false stops the
    ///   world where it is.
    package func play(
        _ policy: PolicyKind,
        progress: @escaping (Int) -> Bool = { _ in true }
    ) -> Figures? {
        let region = Region(setup, workload: workload, policy: policy.make())
        defer { region.close() }
        let world = region.world
        var figures = Figures(policy: policy)
        let sampler = Sampler(region)
        var goesOn = true
        var counter = 0
        var lastRuns = 0
        var lastProgress = 0
        while goesOn, !region.isWorkDone {
            let end = world.now + 10.minutes
            world.run(until: end) {
                counter &+= 1
                if counter & 0xffff == 0 { goesOn = progress(world.tally.runs) }
                return goesOn && !region.isWorkDone
            }
            let seen = world.tally.runs - world.openRuns
            if seen != lastRuns || !region.arrivalsEnded {
                lastRuns = seen
                lastProgress = world.now
            }
            if world.now - lastProgress > Self.patience { break }
        }
        guard goesOn else { return nil }
        sampler.stop()
        let end = region.isWorkDone ? world.lastRunEnded : world.now
        figures.agentTime = world.tally.agentTime(at: world.now) - region.extraTime(after: end)
        figures.spotTime = world.tally.spotTime + region.livingSpotTime(until: end)
        figures.boots = world.tally.boots
        figures.calls = world.tally.calls
        figures.writeUnits = world.tally.ledger.writeUnits
        figures.span = end
        figures.unfinished = world.openRuns
        world.run(until: world.now + Self.aftermath)
        let floor = setup.limits.want(jobs: 0)
        figures.leftRunning = region.pools.reduce(0) {
            $0 + max(0, $1.service.counting - floor)
        }
        figures.runs = world.tally.runs
        figures.jobs = world.tally.jobs
        figures.killedBusy = world.tally.killedBusy
        figures.lostRuns = world.tally.lostRuns
        figures.planWaits = world.tally.planWaits
        figures.applyWaits = world.tally.applyWaits
        figures.foreseen = world.tally.foreseen
        figures.foreseenInTime = world.tally.foreseenInTime
        figures.renewals = world.tally.renewals
        figures.busyTime = world.tally.busyTime
        figures.events = world.tally.events
        figures.worlds = 1
        figures.timeline = sampler.timeline
        return figures
    }

    /// Looks at a world at regular moments.
    private final class Sampler {
        private(set) var timeline = DemandTimeline()
        private unowned let region: Region
        private var isOn = true

        init(_ region: Region) {
            self.region = region
            look()
        }

        func stop() { isOn = false }

        private func look() {
            guard isOn else { return }
            let world = region.world
            var moment = DemandTimeline.Moment(at: world.now, demand: 0, agents: 0, busy: 0)
            for pool in region.pools {
                let busy = pool.busyAgents
                moment.busy += busy
                moment.demand += busy + pool.queued
                moment.agents += pool.service.counting
            }
            timeline.add(moment)
            world.after(timeline.every) { [self] in look() }
        }
    }
}

extension Region {
    /// Time on Spot of the tasks that there are.
    fileprivate func livingSpotTime(until end: Milliseconds) -> Milliseconds {
        let tasks = pools.flatMap(\.service.tasks).filter(\.isOnSpot)
        return tasks.reduce(0) { $0 + end - $1.startedAt }
    }

    /// Task time since a moment that lies a little back.
    fileprivate func extraTime(after end: Milliseconds) -> Milliseconds {
        let tasks = pools.reduce(0) { $0 + $1.service.tasks.count }
        return (world.now - end) * tasks
    }
}
