package import AgentLink
import Decisions
package import Model

/// One choice of limits and what it comes to.
package struct Choice: Sendable {
    package let desiredCount: Int
    package let maxCount: Int
    package let mode: AgentMode
    package let idleTimeout: Milliseconds
    package let figures: Figures

    package func wait(thousandths: Int) -> Milliseconds {
        figures.waits.quantile(thousandths: thousandths)
    }
}

/// The same runs under many limits: cost against wait, and what to choose.
package struct LimitsSweep: Sendable {
    package let scenario: Scenario
    package let seeds: ClosedRange<UInt64>
    package private(set) var choices: [Choice] = []

    package init(_ scenario: Scenario, seeds: ClosedRange<UInt64>) {
        self.scenario = scenario
        self.seeds = seeds
    }

    package struct Point: Sendable, Hashable {
        package var desiredCount: Int
        package var maxCount: Int
        package var mode: AgentMode
        package var idleTimeout: Milliseconds

        package init(desiredCount: Int, maxCount: Int, mode: AgentMode, idleTimeout: Int) {
            self.desiredCount = desiredCount
            self.maxCount = maxCount
            self.mode = mode
            self.idleTimeout = idleTimeout
        }
    }

    /// Plays one point after the other.
    ///
    /// - Returns: false when `progress` ended it.
    package mutating func play(_ points: [Point], progress: (Int) -> Bool = { _ in true }) -> Bool {
        for (index, point) in points.enumerated() {
            guard
                let limits = Limits(
                    desiredCount: point.desiredCount,
                    maxCount: point.maxCount,
                    spareCount: scenario.setup.limits.spareCount
                )
            else { continue }
            var scenario = scenario
            scenario.setup.limits = limits
            scenario.setup.mode = point.mode
            scenario.setup.idleTimeout = point.idleTimeout
            scenario.setup.firstJobTimeout = max(300_000, point.idleTimeout)
            guard let figures = scenario.play(.ours, seeds: seeds) else { return false }
            choices.append(
                Choice(
                    desiredCount: point.desiredCount,
                    maxCount: point.maxCount,
                    mode: point.mode,
                    idleTimeout: point.idleTimeout,
                    figures: figures
                )
            )
            guard progress(index + 1) else { return false }
        }
        return true
    }

    /// The points of the chart of cost against wait.
    package static func chartPoints(maxCount: Int) -> [Point] {
        [0, 1, 2, 4].filter { $0 <= maxCount }.flatMap { floor in
            [30, 60, 120, 300, 600, 1_200].map { idle in
                Point(
                    desiredCount: floor,
                    maxCount: maxCount,
                    mode: .shared,
                    idleTimeout: idle * 1_000
                )
            }
        }
    }

    /// What a recommendation looks at.
    ///
    /// - Parameter peak: the most agents that the runs ever wanted at once.
    package static func recommendationPoints(peak: Int) -> [Point] {
        let peak = max(1, peak)
        let ceilings = unique([peak, peak * 3 / 4, peak / 2, peak / 4].map { max(1, $0) })
        let floors = unique([0, 1, 2, 3, 5, peak / 8, peak / 4, peak / 2])
        var points: [Point] = []
        for ceiling in ceilings {
            for floor in floors where floor <= ceiling {
                for idle in [60, 120, 300, 600, 1_200] {
                    points.append(
                        Point(
                            desiredCount: floor,
                            maxCount: ceiling,
                            mode: .shared,
                            idleTimeout: idle * 1_000
                        )
                    )
                }
                // An agent with one job never waits for a second one.
                points.append(
                    Point(
                        desiredCount: floor,
                        maxCount: ceiling,
                        mode: .single,
                        idleTimeout: 120_000
                    )
                )
            }
        }
        return points
    }

    private static func unique(_ numbers: [Int]) -> [Int] { Set(numbers).sorted() }

    /// The cheapest choice whose waits keep the target; among equals the one with fewer agents.
    ///
    /// - Parameter target: the wait that 95 of 100 jobs must not exceed.
    package func recommendation(target: Milliseconds, _ prices: Prices) -> Choice? {
        choices.filter { $0.figures.unfinished == 0 && $0.wait(thousandths: 950) <= target }
            .min { left, right in
                let costs = (left.figures.cost(prices), right.figures.cost(prices))
                if costs.0 != costs.1 { return costs.0 < costs.1 }
                return (left.maxCount, left.desiredCount) < (right.maxCount, right.desiredCount)
            }
    }

    /// The choice with the shortest wait, for when no choice keeps the target.
    package var fastest: Choice? {
        choices.filter { $0.figures.unfinished == 0 }
            .min { $0.wait(thousandths: 950) < $1.wait(thousandths: 950) }
    }
}
