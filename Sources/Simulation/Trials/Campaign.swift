package import Model
package import Rules

/// Many seeds, one after the other.
package struct SafetyCampaign: Sendable {
    package private(set) var tally = SafetyTally()
    /// Seeds with a broken rule, in order, with what was broken first.
    package private(set) var failures: [Failure] = []

    package struct Failure: Sendable, Equatable {
        package let seed: UInt64
        package let violations: [Violation]
    }

    package var seeds: Int { tally.worlds }

    package init() {}

    /// - Parameters:
    ///   - replacement: as for ``SafetyTrial``.
    ///   - stopsAtFailure: with a broken safeguard the first seed that shows it is enough.
    ///   - progress: called after each seed; false ends the campaign.
    /// - Returns: false when it was ended by `progress`.
    package mutating func play(
        _ range: ClosedRange<UInt64>,
        broken: Safeguard? = nil,
        replacement: Replacement? = nil,
        stopsAtFailure: Bool = false,
        progress: (SafetyCampaign) -> Bool = { _ in true }
    ) -> Bool {
        for seed in range {
            let outcome = SafetyTrial(seed: seed, broken: broken, replacement: replacement).play()
            tally.add(outcome.tally)
            if !outcome.violations.isEmpty {
                failures.append(Failure(seed: seed, violations: outcome.violations))
                if stopsAtFailure { return true }
            }
            guard progress(self) else { return false }
        }
        return true
    }
}

/// What the worlds of a comparison have in common.
package struct Scenario: Sendable {
    package enum Source: Sendable {
        case drawn(WorkloadKind)
        case trace(Trace)
    }

    package var setup: Setup
    package var source: Source
    package var perHour = 10
    package var runs = 160
    package var clump = 20
    package var mix = RandomWorkload.Mix()

    package init(_ setup: Setup, _ source: Source) {
        self.setup = setup
        self.source = source
    }

    /// Runs of one policy in the world of a seed.
    ///
    /// - Returns: nil when `progress` ended it.
    package func play(
        _ policy: PolicyKind,
        seed: UInt64,
        progress: @escaping (Int) -> Bool = { _ in true }
    ) -> Figures? {
        var setup = setup
        setup.seed = seed
        let workload: any Workload =
            switch source {
            case .trace(let trace): trace.workload
            case .drawn(let kind):
                kind.make(
                    seed: seed,
                    perHour: perHour,
                    runs: runs,
                    pools: setup.pools,
                    clump: clump,
                    mix: mix
                )
            }
        return ComparisonTrial(setup, workload).play(policy, progress: progress)
    }

    /// All worlds of a row of seeds together.
    package func play(
        _ policy: PolicyKind,
        seeds: ClosedRange<UInt64>,
        progress: (UInt64) -> Bool = { _ in true }
    ) -> Figures? {
        var sum = Figures(policy: policy)
        for seed in seeds {
            guard let figures = play(policy, seed: seed) else { return nil }
            sum.add(figures)
            guard progress(seed) else { return nil }
        }
        return sum
    }
}
