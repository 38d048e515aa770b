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
