import Model

/// Runs in the order in which they are created.
package protocol Workload {
    mutating func next() -> RunPlan?
}

/// The workloads that need no file.
package enum WorkloadKind: String, Sendable, CaseIterable {
    case steady
    case daily
    case burst
    case scaleTest = "scale-test"

    package var title: String {
        switch self {
        case .steady: "runs come at the same rate all day"
        case .daily: "most runs come in working hours, few at night"
        case .burst: "runs come many at once"
        case .scaleTest: "1,600 workspaces over 16 pools of 50 agents, all started together"
        }
    }

    /// - Parameters:
    ///   - perHour: runs in an hour, on average over a day.
    ///   - clump: runs that come together in a burst.
    package func make(
        seed: UInt64,
        perHour: Int,
        runs: Int,
        pools: Int,
        clump: Int,
        mix: RandomWorkload.Mix = .init()
    ) -> any Workload {
        switch self {
        case .steady, .burst:
            RandomWorkload(
                seed: seed,
                hours: Array(repeating: perHour, count: 24),
                runs: runs,
                pools: pools,
                mix: mix,
                clump: self == .burst ? clump : 1
            )
        case .daily:
            RandomWorkload(
                seed: seed,
                hours: Self.day.map { perHour * $0 / 100 },
                runs: runs,
                pools: pools,
                mix: mix
            )
        case .scaleTest:
            ScaleTest(pools: pools, runs: runs)
        }
    }

    /// Hundredths of the day's average, from midnight on: a team in one or two time zones.
    private static let day = [
        10, 5, 5, 5, 5, 10, 30, 80, 170, 240, 260, 240, 170, 220, 250, 240, 200, 130, 80, 60, 50,
        40, 60, 40,
    ]
}

/// The shape of hashicorp-sa/demo-tfe-agent-scale-test-setup: every workspace of every pool is
/// started once, ten in a second, and its apply sleeps for 30 s.
package struct ScaleTest: Workload {
    private let pools: Int
    private let runs: Int
    private var made = 0

    package init(pools: Int, runs: Int) {
        self.pools = pools
        self.runs = runs
    }

    package mutating func next() -> RunPlan? {
        guard made < runs else { return nil }
        defer { made += 1 }
        return RunPlan(
            at: 1.minutes + made * 100,
            pool: made % pools,
            plan: 20.seconds,
            approval: 1.seconds,
            apply: 45.seconds,
            outcome: .applied
        )
    }
}
