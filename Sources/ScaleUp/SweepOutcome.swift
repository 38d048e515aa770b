package import Decisions
package import Ports
internal import Telemetry

/// What a sweep came to.
package struct SweepOutcome: Hashable, Sendable, CustomStringConvertible {
    package enum Repair: Hashable, Sendable {
        case agreed(size: Int)
        case repaired(from: Int, to: Int)
        /// The service stays larger than the ledger.
        case held(HoldReason, desired: Int, size: Int)
        /// Nothing is written to the service.
        case still(StillReason)
        case failed(String)
    }

    package enum Search: Hashable, Sendable {
        /// Without `TFE_TOKEN`.
        case notMade
        /// - Parameter missing: why not every page was read or every job announced.
        case made(runs: Int, announced: [Job], missing: String?)
        case failed(String)
    }

    package let repair: Repair
    package let search: Search
    /// Said with each sweep until it is mended.
    package let limitsFault: LimitsFault?
    /// Nil where ledger or service could not be read.
    let gauges: PoolGauges?
    /// Each told once.
    package let failedStarts: [FailedStart]

    package init(repair: Repair, search: Search, limitsFault: LimitsFault? = nil) {
        self.init(
            repair: repair,
            search: search,
            limitsFault: limitsFault,
            gauges: nil,
            failedStarts: []
        )
    }

    init(
        repair: Repair,
        search: Search,
        limitsFault: LimitsFault?,
        gauges: PoolGauges?,
        failedStarts: [FailedStart]
    ) {
        self.gauges = gauges
        self.failedStarts = failedStarts
        self.repair = repair
        self.search = search
        self.limitsFault = limitsFault
    }

    /// True when a part of it could not be done, or a person has to act. The next sweep tries
    /// again.
    package var hasFailed: Bool {
        if limitsFault != nil { return true }
        if case .failed = repair { return true }
        if case .failed = search { return true }
        return false
    }

    /// True when it changed something.
    package var hasActed: Bool {
        if case .repaired = repair { return true }
        if case .made(_, let announced, _) = search { return !announced.isEmpty }
        return false
    }

    /// The sweep's line. At rest it counts that there was a sweep and nothing else: a pool that rests
    /// costs one metric and not twenty.
    func record(after time: Duration) -> LogRecord {
        var record = LogRecord(
            hasFailed ? .sweptInPart : .swept,
            hasFailed ? "swept in part" : "swept",
            fields,
            level: hasFailed || hasActed ? nil : .debug
        )
        record.measured[hasFailed ? .sweepsFailed : .sweeps] = 1
        guard hasFailed || hasActed || gauges?.isAtRest == false else { return record }
        record.measured[.sweepDuration] = Double(time.milliseconds)
        if case .repaired = repair { record.measured[.projectionRepairs] = 1 }
        record.measured.merge(gauges?.measured ?? [:]) { _, new in new }
        return record
    }

    private var fields: LogFields {
        var fields: LogFields = [.outcome: .text(description)]
        if let gauges {
            fields[.size] = .count(gauges.wanted)
            fields[.wanted] = .count(gauges.asked)
        }
        return fields
    }

    package var description: String {
        let repair =
            switch self.repair {
            case .agreed(let size): "the service follows the ledger (size \(size))"
            case .repaired(let from, let to): "the service was at \(from) and is now at \(to)"
            case .held(let reason, let desired, let size):
                "the service stays at \(desired) while \(reason), though the ledger says \(size)"
            case .still(let reason): "the service is left alone, since \(reason)"
            case .failed(let cause): "the service could not be compared: \(cause)"
            }
        let search =
            switch self.search {
            case .notMade: ""
            case .made(let runs, let announced, let missing):
                "; \(announced.count) jobs of \(runs) runs were announced"
                    + (missing.map { ", more at the next sweep: \($0)" } ?? "")
            case .failed(let cause): "; waiting runs could not be announced: \(cause)"
            }
        return repair + search + (limitsFault.map { "; \($0)" } ?? "")
    }
}

/// What a sweep of one of the pools came to.
package struct SweptPool: Hashable, Sendable {
    package let name: String
    package let outcome: SweepOutcome

    package init(name: String, outcome: SweepOutcome) {
        self.name = name
        self.outcome = outcome
    }
}

/// What a sweep of every pool came to.
package struct SweepReport: Hashable, Sendable, CustomStringConvertible {
    /// In the order of the table.
    package let pools: [SweptPool]

    package init(_ pools: [SweptPool]) { self.pools = pools }

    /// True when that is so of any of them.
    package var hasFailed: Bool { pools.contains { $0.outcome.hasFailed } }
    package var hasActed: Bool { pools.contains { $0.outcome.hasActed } }

    /// Without a name where there is but one.
    package var description: String {
        if pools.count == 1 { return "\(pools[0].outcome)" }
        return pools.map { "\($0.name): \($0.outcome)" }.joined(separator: " | ")
    }
}
