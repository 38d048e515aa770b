/// What goes wrong, and how often. Chances are in millionths; those of tasks are for each hour of
/// a task's life.
package struct Faults: Sendable, Equatable {
    /// A call of AWS fails and changed nothing.
    package var failsBefore = 0
    /// A call of AWS takes effect and its answer is lost.
    package var failsAfter = 0
    /// How far ECS's counts and lists may lag.
    package var lag: Milliseconds = 0
    /// Each for a minute or several: ledger, protection endpoint, scale-up endpoint.
    package var ledgerOutages = 0
    package var protectionOutages = 0
    package var endpointOutages = 0
    /// The endpoint's process dies between ledger and service.
    package var endpointDies = 0

    package var sidecarDies = 0
    package var hostDies = 0
    package var agentDies = 0
    /// For a minute or several agents that start end at once: their token is not valid, say.
    package var failedStarts = 0
    /// A person stops a task, or Spot takes it.
    package var stoppedOutside = 0
    package var linkBreaks = 0
    /// A task never gets up, for one of ECS's reasons.
    package var bootFails = 0
    /// In each hour: for a minute or several no task gets up.
    package var startOutages = 0
    /// In each hour: a person deploys, now and then what cannot start.
    package var deployments = 0

    /// Of each status line: it cannot be read.
    package var unreadable = 0
    /// Of each signal to an idle agent while a job waits: its last request brings that job.
    package var catchesJob = 0
    /// Of each drain of an idle agent: something of its last job still runs.
    package var processesLinger = 0

    /// Of each try of a run task's call.
    package var webhookLost = 0
    package var webhookDoubled = 0
    /// Of each plan or assessment: no run task announces it.
    package var unannounced = 0
    /// In each hour: a person sets the service's desiredCount to something else.
    package var countEdited = 0
    /// In each hour: the ledger's item is gone.
    package var ledgerLost = 0
    /// Clocks of machines differ by up to this.
    package var clockSkew: Milliseconds = 0

    package init() {}

    /// None of them.
    package var isNone: Bool { self == Faults() }

    /// A choice for a seed: every fault is either off or drawn, so that some worlds have one fault
    /// and some have all.
    static func drawn(_ chance: inout Chance) -> Faults {
        var faults = Faults()
        func rate(_ most: Int) -> Int {
            chance.below(2) == 0 ? 0 : chance.within(most / 10...most)
        }
        faults.failsBefore = rate(100_000)
        faults.failsAfter = rate(100_000)
        faults.lag = chance.below(2) == 0 ? 0 : chance.within(1.seconds...60.seconds)
        faults.ledgerOutages = rate(800_000)
        faults.protectionOutages = rate(800_000)
        faults.endpointOutages = rate(800_000)
        faults.endpointDies = rate(50_000)
        faults.sidecarDies = rate(1_000_000)
        faults.hostDies = rate(100_000)
        faults.agentDies = rate(200_000)
        faults.stoppedOutside = rate(200_000)
        faults.linkBreaks = rate(1_000_000)
        faults.bootFails = rate(100_000)
        faults.unreadable = rate(50_000)
        faults.catchesJob = rate(1_000_000)
        faults.processesLinger = rate(200_000)
        faults.webhookLost = rate(200_000)
        faults.webhookDoubled = rate(200_000)
        faults.unannounced = rate(200_000)
        faults.countEdited = rate(500_000)
        // Both together end in what no rule can hold: see ../README.md, "What it does not play".
        if faults.unreadable > 0 { faults.countEdited = 0 }
        faults.clockSkew = chance.below(2) == 0 ? 0 : chance.within(100...5.seconds)
        return faults
    }

    /// Faults that came later. Drawn apart, so that the others stay what they were for a seed.
    ///
    /// - Parameter hasToken: runs that wait for an agent are found again without the ledger.
    mutating func drawMore(_ chance: inout Chance, hasToken: Bool) {
        func rate(_ most: Int) -> Int {
            chance.below(2) == 0 ? 0 : chance.within(most / 10...most)
        }
        failedStarts = rate(400_000)
        ledgerLost = rate(500_000)
        // What is exposed is known to the ledger alone, until it is said again.
        if !hasToken || protectionOutages > 0 { ledgerLost = 0 }
    }

    /// Faults of ECS itself that came later still.
    mutating func drawECS(_ chance: inout Chance) {
        func rate(_ most: Int) -> Int {
            chance.below(2) == 0 ? 0 : chance.within(most / 10...most)
        }
        startOutages = rate(500_000)
        deployments = rate(800_000)
    }

    /// The faults that are on, for the first line of a failure.
    package var description: String {
        let names = Mirror(reflecting: self).children.compactMap { child -> String? in
            guard let name = child.label, let value = child.value as? Int, value != 0 else {
                return nil
            }
            return "\(name) \(value)"
        }
        return names.isEmpty ? "none" : names.joined(separator: ", ")
    }
}
