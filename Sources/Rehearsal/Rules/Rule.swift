/// One rule of design section 3, checked against the facts as they happen.
protocol Rule: Sendable {
    /// The promise, in one sentence.
    var title: String { get }
    /// What broke it, one sentence each; empty while it holds.
    var violations: [String] { get }
    mutating func see(_ fact: Fact)
}

/// All rules of a rehearsal.
struct RuleBook: Sendable {
    private(set) var rules: [any Rule] = [
        ProtectionRule(), OneSignalRule(), NoLossRule(), SizeRule(), LoweringRule(),
        KnownStatusRule(), RestRule(), SecretsRule(),
    ]
    /// What the seed itself took.
    private(set) var losses = SeedLosses()

    /// Shows `fact` to every rule and returns the violations that it caused.
    mutating func see(_ fact: Fact) -> [String] {
        losses.see(fact)
        var caused: [String] = []
        for index in rules.indices {
            let before = rules[index].violations.count
            rules[index].see(fact)
            caused += rules[index].violations[before...]
        }
        return caused
    }

    var holds: Bool { rules.allSatisfy { $0.violations.isEmpty } }
}

/// A task's name in the timeline.
func short(_ task: TaskID) -> String { String(task.prefix(8)) }

/// Which tasks have an agent, and which agents live unprotected by the ledger's own word.
struct LiveAgents: Sendable {
    private(set) var registered: Set<TaskID> = []
    private(set) var exposed: Set<TaskID> = []

    mutating func see(_ fact: Fact) {
        switch fact {
        case .agentRegistered(let task, _, _, _): registered.insert(task)
        case .agentGone(let task), .taskStopped(let task): registered.remove(task)
        case .unprotected(let task, agentAlive: false, _): registered.remove(task)
        case .ledger(let change, _): exposed = change.new.exposed
        default: break
        }
    }
}
