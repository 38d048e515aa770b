import AgentLink
import Decisions
import Simulation
import Model
import Testing

@Suite("Simulation, policies")
struct PolicyTests {
    private func scenario(
        _ kind: WorkloadKind = .daily,
        runs: Int = 150,
        pools: Int = 1,
        max: Int = 10
    ) throws -> Scenario {
        let limits = try #require(Limits(desiredCount: 0, maxCount: max, spareCount: 0))
        var setup = Setup(seed: 1, limits: limits)
        setup.mode = .shared
        setup.pools = pools
        var scenario = Scenario(setup, .drawn(kind))
        scenario.runs = runs
        scenario.perHour = 30
        return scenario
    }

    private func play(
        _ policy: PolicyKind,
        _ scenario: Scenario,
        _ seeds: ClosedRange<UInt64> = 1...3
    ) throws -> Figures {
        try #require(scenario.play(policy, seeds: seeds))
    }

    @Test("every policy gets the same runs", arguments: PolicyKind.allCases)
    func sameRuns(_ policy: PolicyKind) throws {
        let figures = try play(policy, try scenario())
        #expect(figures.runs == 450)
        #expect(figures.unfinished == 0)
        #expect(figures.waits.count == figures.jobs)
        #expect(figures.busyTime > 0 && figures.busyTime < figures.agentTime)
    }

    @Test("ours ends no agent with a job and leaves none running")
    func ours() throws {
        let figures = try play(.ours, try scenario())
        #expect(figures.killedBusy == 0)
        #expect(figures.lostRuns == 0)
        #expect(figures.leftRunning == 0)
        // One boot for each job would be an agent that is never used again.
        #expect(figures.bootsPerJob < 0.9)
    }

    @Test("a renewed container saves the boot that a fresh one costs, and its jobs fetch as much")
    func modes() throws {
        var figures: [AgentMode: Figures] = [:]
        for mode in AgentMode.allCases {
            var scenario = try scenario()
            scenario.setup.mode = mode
            scenario.setup.coldJob = 60_000
            figures[mode] = try play(.ours, scenario)
        }
        let single = try #require(figures[.single])
        let renewed = try #require(figures[.renewed])
        let shared = try #require(figures[.shared])
        #expect(single.bootsPerJob >= 1)
        #expect(renewed.bootsPerJob < 0.9)
        #expect(renewed.renewals > renewed.jobs / 2 && single.renewals + shared.renewals == 0)
        for figures in [renewed, shared] {
            let wait = figures.applyWaits.quantile(thousandths: 500)
            #expect(wait < single.applyWaits.quantile(thousandths: 500))
        }
        // Each job of an agent that had none before takes a minute longer. A run that is canceled
        // while it waits has no job, so that not all have as many.
        #expect(abs(single.jobs - renewed.jobs) < single.jobs / 20)
        #expect(abs(single.busyTime - renewed.busyTime) < single.busyTime / 20)
        #expect(shared.busyTime < renewed.busyTime - 60_000 * shared.jobs / 4)
        #expect(single.killedBusy + renewed.killedBusy + shared.killedBusy == 0)
    }

    @Test("a task leaves after as many jobs as it may have")
    func maxJobs() throws {
        var scenario = try scenario()
        scenario.setup.mode = .renewed
        scenario.setup.maxJobs = 2
        let figures = try play(.ours, scenario)
        #expect(figures.boots * 2 >= figures.jobs)
        #expect(figures.renewals > 0 && figures.renewals <= figures.jobs)
    }

    @Test("a canceled run keeps an agent until its end is told of, and nobody else's")
    func notifications() throws {
        var scenario = try scenario()
        scenario.mix.canceled = 300
        let without = try play(.ours, scenario)
        scenario.setup.notifies = true
        let with = try play(.ours, scenario)
        #expect(with.runs == without.runs)
        #expect(with.agentTime < without.agentTime * 9 / 10)
        #expect(with.killedBusy + with.lostRuns + with.leftRunning == 0)
        #expect(with.unfinished == 0)
    }

    @Test("plans on Spot cost less, and Spot takes back none but plans")
    func spotPlans() throws {
        var scenario = try scenario()
        let quiet = try play(.spotPlans, scenario)
        #expect(quiet.killedBusy + quiet.lostRuns + quiet.leftRunning == 0)
        #expect(quiet.spotTime > 0 && quiet.spotTime < quiet.agentTime)
        var prices = Prices()
        let cost = quiet.cost(prices)
        prices.spotDiscount = 0
        let saved = Double(quiet.spotTime) / 3_600_000 * prices.agentHour * 0.5
        #expect(abs(quiet.cost(prices) - cost - saved) < 1e-9)
        // Nearly every task of an hour is taken back: a plan of more than two minutes is lost, an
        // apply never.
        scenario.setup.spotInterruptions = 1_000
        let taken = try play(.spotPlans, scenario)
        #expect(taken.lostRuns > 0)
        #expect(taken.killedBusy == 0)
        #expect(taken.unfinished == 0)
        scenario.mix.plan = 10_000
        let short = try play(.spotPlans, scenario)
        #expect(short.boots > short.lostRuns)
        #expect(short.lostRuns == 0)
    }

    @Test("an apply that is foreseen waits less, and one that never comes leaves the ledger")
    func foresight() throws {
        var scenario = try scenario(runs: 300)
        scenario.setup.mode = .single
        scenario.mix.autoApplied = 1_000
        scenario.mix.workspaces = 4
        scenario.mix.unasked = 30_000
        let without = try play(.ours, scenario)
        scenario.setup.foresees = true
        let with = try play(.ours, scenario)
        #expect(without.foreseen == 0)
        #expect(with.foreseenInTime > 100 && with.foreseenInTime < with.foreseen)
        let median = (
            without.applyWaits.quantile(thousandths: 500),
            with.applyWaits.quantile(thousandths: 500)
        )
        #expect(median.1 < median.0)
        #expect(with.agentTime > without.agentTime)
        #expect(with.killedBusy + with.lostRuns + with.leftRunning + with.unfinished == 0)
    }

    @Test("idle agents stay while jobs come often enough for each, and go afterwards")
    func idleWorth() throws {
        var scenario = try scenario()
        scenario.setup.idleTimeout = 60_000
        let short = try play(.ours, scenario)
        scenario.setup.idleWorth = [6, 24]
        let learned = try play(.ours, scenario)
        #expect(learned.boots * 10 < short.boots * 9)
        #expect(learned.agentTime > short.agentTime)
        #expect(learned.leftRunning + learned.killedBusy + learned.unfinished == 0)
        scenario.setup.idleWorth = [1_000_000]
        #expect(try play(.ours, scenario).boots == short.boots)
    }

    @Test("the counter leaks an agent for each run that ends early, up to its maximum")
    func counter() throws {
        let figures = try play(.counter, try scenario())
        #expect(figures.leftRunning == 30)
        #expect(figures.bootsPerJob > 1)
    }

    @Test("whoever lowers a count without protection ends agents with jobs")
    func peersKill() throws {
        for policy in [PolicyKind.counter, .poller, .selfEnding] {
            let figures = try play(policy, try scenario(), 1...12)
            #expect(figures.killedBusy > 0, "\(policy)")
            #expect(figures.lostRuns == figures.killedBusy, "\(policy)")
        }
    }

    @Test("a fixed pool never changes its size and waits least")
    func fixed() throws {
        let fixed = try play(.fixed, try scenario())
        let ours = try play(.ours, try scenario())
        #expect(fixed.killedBusy == 0)
        #expect(fixed.leftRunning == 30)
        #expect(fixed.waits.quantile(thousandths: 950) < ours.waits.quantile(thousandths: 950))
        #expect(fixed.cost(Prices()) > 3 * ours.cost(Prices()))
    }

    @Test("the run count's cooldown shows in the waits")
    func runCount() throws {
        let figures = try play(.runCount, try scenario())
        #expect(figures.waits.quantile(thousandths: 950) > 120_000)
        // 900 s to finish are enough for these jobs.
        #expect(figures.killedBusy == 0)
    }

    @Test("the 800-agent scale test finishes over 16 pools without exceeding their maximum")
    func scaleTest() throws {
        var scenario = try scenario(.scaleTest, runs: 320, pools: 16, max: 50)
        scenario.setup.mode = .single
        let figures = try play(.ours, scenario, 1...1)
        #expect(figures.runs == 320)
        #expect(figures.jobs == 640)
        #expect(figures.killedBusy == 0)
        #expect(figures.leftRunning == 0)
        #expect((figures.timeline.moments.map(\.agents).max() ?? 0) <= 800)
    }

    @Test("the same seed has the same figures, and another seed has others")
    func repeatable() throws {
        let first = try play(.ours, try scenario(), 5...5)
        let again = try play(.ours, try scenario(), 5...5)
        let other = try play(.ours, try scenario(), 6...6)
        #expect(first.events == again.events)
        #expect(first.waits == again.waits)
        #expect(first.agentTime == again.agentTime)
        #expect(first.timeline == again.timeline)
        #expect(first.events != other.events)
    }

    @Test("more runs need no more memory for the figures")
    func bounded() throws {
        let figures = try play(.ours, try scenario(.steady, runs: 3_000), 1...1)
        #expect(figures.timeline.moments.count < 720)
        #expect(figures.jobs > 3_000)
    }

    @Test("prices count tasks, requests and a central controller")
    func prices() throws {
        var figures = Figures(policy: .poller)
        figures.agentTime = 2 * 3_600_000
        figures.span = 10 * 3_600_000
        figures.writeUnits = 1_000_000
        figures.runs = 4
        var prices = Prices()
        prices.vcpuHour = 1
        prices.gigabyteHour = 0.5
        prices.vcpus = 2
        prices.gigabytes = 4
        prices.controllerHour = 0.1
        prices.millionWrites = 3
        #expect(abs(figures.cost(prices) - (2 * 4 + 10 * 0.1 + 3)) < 1e-9)
        #expect(abs(figures.costPerRun(prices) - 3) < 1e-9)
    }

    // MARK: Recommendation

    @Test("a tighter target is never cheaper, and a recommendation keeps its target")
    func recommendation() throws {
        let scenario = try scenario(runs: 80)
        var sweep = LimitsSweep(scenario, seeds: 1...1)
        let isDone = sweep.play(LimitsSweep.recommendationPoints(peak: 6))
        #expect(isDone)
        let prices = Prices()
        var last = 0.0
        for target in [120_000, 60_000, 20_000] {
            guard let choice = sweep.recommendation(target: target, prices) else { continue }
            #expect(choice.wait(thousandths: 950) <= target)
            #expect(choice.figures.cost(prices) >= last)
            last = choice.figures.cost(prices)
        }
        #expect(last > 0)
        #expect(sweep.recommendation(target: 1, prices) == nil)
    }
}
