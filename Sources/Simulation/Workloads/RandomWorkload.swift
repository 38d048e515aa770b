package import Model

/// Runs that come by chance, more at some hours than at others.
package struct RandomWorkload: Workload {
    /// Lengths and outcomes of runs.
    package struct Mix: Sendable, Equatable {
        package var plan: Milliseconds = 90.seconds
        package var approval: Milliseconds = 5.minutes
        package var apply: Milliseconds = 150.seconds
        /// In thousandths; the rest are applied.
        package var planned = 400
        package var errored = 60
        package var applyErrored = 20
        package var discarded = 40
        package var canceled = 30
        /// Of as many workspaces, so many thousandths apply without asking.
        package var workspaces = 40
        package var autoApplied = 0
        /// From the end of a plan to its apply where nobody is asked: policies and a cost estimate.
        package var unasked: Milliseconds = 15.seconds

        /// As many may be canceled: the others' parts leave no more.
        package static let mostCanceled = 480

        package init() {}
    }

    private var chance: Chance
    /// Of its own, so that the same runs come whether or not somebody is asked.
    private var confirmation: Chance
    private let mix: Mix
    private let pools: Int
    private let runs: Int
    /// Runs in an hour, by hour of the day.
    private let hours: [Int]
    /// Runs that come together, as a push to many workspaces makes them.
    private let clump: Int
    private var made = 0
    private var at: Milliseconds

    /// - Parameters:
    ///   - hours: 24 numbers of runs in an hour; at least one is greater than 0.
    ///   - runs: how many there are in all.
    ///   - clump: how many come together; the hours' numbers count all of them.
    package init(
        seed: UInt64,
        hours: [Int],
        runs: Int,
        pools: Int = 1,
        mix: Mix = Mix(),
        clump: Int = 1,
        startsAt: Milliseconds = 5.minutes
    ) {
        precondition(hours.count == 24 && hours.contains { $0 > 0 })
        chance = Chance(seed: seed, stream: 2)
        confirmation = Chance(seed: seed, stream: 9)
        self.hours = hours
        self.runs = runs
        self.pools = pools
        self.mix = mix
        self.clump = clump
        at = startsAt
    }

    package mutating func next() -> RunPlan? {
        guard made < runs else { return nil }
        // Half a second between those of a clump, so that their jobs begin and end close together.
        at = made % clump == 0 ? nextArrival() : at + chance.below(500)
        made += 1
        let outcome = RunOutcome.drawn(mix, &chance)
        var run = RunPlan(
            at: at,
            pool: pools == 1 ? 0 : chance.below(pools),
            plan: chance.length(mean: mix.plan),
            approval: chance.length(mean: mix.approval),
            apply: chance.length(mean: mix.apply),
            outcome: outcome
        )
        run.workspace = confirmation.below(mix.workspaces)
        if run.workspace * 1_000 < mix.autoApplied * mix.workspaces {
            run.approval = confirmation.length(mean: mix.unasked)
            if outcome == .discarded { run.outcome = .applied }
        }
        return run
    }

    /// An hour's gap ends with the hour; the next one draws anew.
    private mutating func nextArrival() -> Milliseconds {
        var time = at
        while true {
            let hour = time / 1.hours
            let rate = hours[hour % 24]
            let end = (hour + 1) * 1.hours
            guard rate > 0 else {
                time = end
                continue
            }
            let arrival = time + chance.gap(mean: 1.hours * clump / rate)
            if arrival < end { return arrival }
            time = end
        }
    }
}

extension RunOutcome {
    fileprivate static func drawn(_ mix: RandomWorkload.Mix, _ chance: inout Chance) -> RunOutcome {
        var left = chance.below(1_000)
        let parts: [(RunOutcome, Int)] = [
            (.planned, mix.planned), (.errored, mix.errored), (.applyErrored, mix.applyErrored),
            (.discarded, mix.discarded), (.canceled, mix.canceled),
        ]
        for (outcome, part) in parts {
            if left < part { return outcome }
            left -= part
        }
        return .applied
    }
}
