import Model

/// A number for each kind of fault: how often it happens, which is a chance in millionths where
/// ``Fault`` says nothing else; or how often it was played.
package struct Faults: Sendable, Equatable {
    private var numbers = Array(repeating: 0, count: Fault.allCases.count)

    package init() {}

    package subscript(fault: Fault) -> Int {
        get { numbers[fault.rawValue] }
        set { numbers[fault.rawValue] = newValue }
    }

    package var isNone: Bool { numbers.allSatisfy { $0 == 0 } }

    package mutating func add(_ other: Faults) {
        for fault in Fault.allCases { self[fault] += other[fault] }
    }

    /// The faults that are on, for the first line of a failure.
    package var description: String {
        let on = Fault.allCases.filter { self[$0] != 0 }
        return on.isEmpty ? "none" : on.map { "\($0) \(self[$0])" }.joined(separator: ", ")
    }
}

// MARK: What a seed draws

extension Faults {
    /// Every fault is either off or drawn, so that some worlds have one fault and some have all.
    static func drawn(_ chance: inout Chance) -> Faults {
        var faults = Faults()
        faults.draw(.failsBefore, most: 100_000, &chance)
        faults.draw(.failsAfter, most: 100_000, &chance)
        faults[.lag] = chance.below(2) == 0 ? 0 : chance.within(1.seconds...60.seconds)
        faults.draw(.ledgerOutages, most: 800_000, &chance)
        faults.draw(.protectionOutages, most: 800_000, &chance)
        faults.draw(.endpointOutages, most: 800_000, &chance)
        faults.draw(.endpointDies, most: 50_000, &chance)
        faults.draw(.sidecarDies, most: 1_000_000, &chance)
        faults.draw(.hostDies, most: 100_000, &chance)
        faults.draw(.agentDies, most: 200_000, &chance)
        faults.draw(.stoppedOutside, most: 200_000, &chance)
        faults.draw(.linkBreaks, most: 1_000_000, &chance)
        faults.draw(.bootFails, most: 100_000, &chance)
        faults.draw(.unreadable, most: 50_000, &chance)
        faults.draw(.catchesJob, most: 1_000_000, &chance)
        faults.draw(.processesLinger, most: 200_000, &chance)
        faults.draw(.webhookLost, most: 200_000, &chance)
        faults.draw(.webhookDoubled, most: 200_000, &chance)
        faults.draw(.unannounced, most: 200_000, &chance)
        faults.draw(.countEdited, most: 500_000, &chance)
        // Both together end in what no rule can hold: see ../README.md, "What it does not play".
        if faults[.unreadable] > 0 { faults[.countEdited] = 0 }
        faults[.clockSkew] = chance.below(2) == 0 ? 0 : chance.within(100...5.seconds)
        return faults
    }

    /// Faults that came later. Drawn apart, so that the others stay what they were for a seed.
    ///
    /// - Parameter hasToken: runs that wait for an agent are found again without the ledger.
    mutating func drawMore(_ chance: inout Chance, hasToken: Bool) {
        draw(.failedStarts, most: 400_000, &chance)
        draw(.ledgerLost, most: 500_000, &chance)
        // What is exposed is known to the ledger alone, until it is said again.
        if !hasToken || self[.protectionOutages] > 0 { self[.ledgerLost] = 0 }
    }

    /// Faults of ECS itself that came later still.
    mutating func drawECS(_ chance: inout Chance) {
        draw(.startOutages, most: 500_000, &chance)
        draw(.deployments, most: 800_000, &chance)
    }

    /// A world has an end but once, and little to play after it: most have none.
    mutating func drawEnd(_ chance: inout Chance) {
        if chance.below(8) == 0 { self[.serviceEnds] = chance.within(100_000...800_000) }
    }

    /// Faults of containers that are renewed.
    mutating func drawRenewal(_ chance: inout Chance) {
        draw(.spoils, most: 200_000, &chance)
        draw(.strikesRenewal, most: 200_000, &chance)
    }

    private mutating func draw(_ fault: Fault, most: Int, _ chance: inout Chance) {
        self[fault] = chance.below(2) == 0 ? 0 : chance.within(most / 10...most)
    }
}
