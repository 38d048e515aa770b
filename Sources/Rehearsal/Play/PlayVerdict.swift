import Decisions
import Model
import Rules

/// The rule book and what it has found so far.
struct PlayVerdict: Sendable {
    private var book: RuleBook
    private(set) var violations: [Violation] = []
    /// One sentence for each job that was lost to the seed's own faults.
    private(set) var losses: [String] = []

    /// The service was deleted.
    private(set) var isDeleted = false
    /// It was, or its limits became 0 and 0: no agent comes any more, and runs wait for ever.
    private(set) var hasEnded = false

    /// The table is empty when a rehearsal begins.
    init(_ book: RuleBook) {
        self.book = book
        _ = self.book.see(.noLedger, at: 0)
    }

    var holds: Bool { violations.isEmpty }

    /// - Returns: the rules that this broke.
    mutating func see(_ event: Happening, at now: Milliseconds) -> [Violation] {
        switch event {
        case .serviceDeleted: (isDeleted, hasEnded) = (true, true)
        case .limitsEnded: hasEnded = true
        default: break
        }
        var found: [Violation] = []
        for fact in event.facts {
            let judgement = book.see(fact, at: now)
            found += judgement.violations
            for case .jobLost(let job, let task, let cause) in judgement.excuses {
                losses.append("\(job) on \(short(task)): \(cause)")
            }
        }
        violations += found
        return found
    }

    /// Whether the service would break no rule if it rested like this.
    func mayRest(_ rest: Rest, at now: Milliseconds) -> Bool {
        var trial = book
        return trial.see(.rest(rest), at: now).violations.isEmpty
    }
}
