import AgentLink
import Decisions
import Model
import Simulation
import SimulationReport

extension Simulator {
    /// Plays the same runs under many limits and prints the cheapest that keep the wait target.
    func recommend(_ scenario: Scenario) throws {
        say(headline)
        var unbounded = scenario
        let most = Limits(desiredCount: 0, maxCount: 5_000, spareCount: 0) ?? limits
        unbounded.setup.limits = most
        guard let free = unbounded.play(.ours, seed: command.seedOptions.seed) else { return }
        let peak = free.timeline.moments.map(\.demand).max() ?? 1
        let bound = command.service.maxCount.map { min($0, peak) } ?? peak
        let points = LimitsSweep.recommendationPoints(peak: bound)
        let seed = command.seedOptions.seed
        let sweep = try play(LimitsSweep(scenario, seeds: seed...seed), points)
        let target = command.runs.waitTarget * 1_000
        print("\(points.count) choices; the runs never want more than \(peak) agents at once")
        guard let best = sweep.recommendation(target: target, prices) else {
            let fastest = sweep.fastest.map { Numbers.time($0.wait(thousandths: 950)) }
            throw SimulationFault(
                text: "no choice keeps 95 of 100 waits within \(command.runs.waitTarget) s; "
                    + "the fastest one needs \(fastest ?? "longer")",
                code: 1
            )
        }
        print(
            """

            DESIRED_COUNT=\(best.desiredCount)
            MAX_COUNT=\(best.maxCount)
            IDLE_TIMEOUT_SECONDS=\(best.idleTimeout / 1_000)
            AGENT_MODE=\(best.mode.rawValue)

            wait p50 \(Numbers.time(best.wait(thousandths: 500))), \
            p95 \(Numbers.time(best.wait(thousandths: 950))); \
            \(Numbers.dollars(best.figures.costPerRun(prices))) per run, \
            \(Numbers.dollars(monthly(best))) in 30 days
            """
        )
    }

    private func monthly(_ choice: Choice) -> Double {
        let hours = Double(choice.figures.span) / 3_600_000
        return hours > 0 ? choice.figures.cost(prices) / hours * 720 : 0
    }
}
