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
