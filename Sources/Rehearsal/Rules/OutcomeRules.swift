/// Rule 3: the run comes first; none is lost or fails because of this system. What the seed itself
/// took, such as a host, is counted apart.
struct NoLossRule: Rule {
    let title = "No run is lost or failed"
    private(set) var violations: [String] = []
    private var seed = SeedLosses()

    mutating func see(_ fact: Fact) {
        seed.see(fact)
        switch fact {
        case .jobLost(let job, let task, _) where !seed.took(task):
            violations.append("\(job) was lost with the agent of \(short(task))")
        case .runPhase(let run, .errored, let note)
        where !note.hasPrefix(Run.asScripted) && !(note == Run.agentGone && seed.cost(run)):
            violations.append("\(run) failed: \(note)")
        default: break
        }
    }
}

/// Rule 7: without jobs and faults the service is at `desired_count`, at rest, with nothing left in
/// the ledger.
struct RestRule: Rule {
    let title = "The service is back at desired_count, at rest, its ledger empty"
    private(set) var violations: [String] = []

    mutating func see(_ fact: Fact) {
        guard case .rest(let rest) = fact else { return }
        if rest.desired != rest.floor {
            violations.append("desiredCount is \(rest.desired), desired_count is \(rest.floor)")
        }
        if rest.running != rest.floor || rest.pending != 0 {
            violations.append("\(rest.running) tasks run and \(rest.pending) are starting")
        }
        if rest.outdated > 0 {
            violations.append("\(rest.outdated) tasks are left of an older revision")
        }
        if rest.quietSeconds < rest.watchedSeconds {
            violations.append(
                "a task started or stopped, or a container was restarted,"
                    + " \(tenths(rest.quietSeconds)) s before"
            )
        }
        guard let ledger = rest.ledger else { return }
        if !ledger.jobs.isEmpty {
            violations.append("the ledger holds \(ledger.jobs.sorted().joined(separator: ", "))")
        }
        if !ledger.leaving.isEmpty {
            let tasks = ledger.leaving.sorted().map(short).joined(separator: ", ")
            violations.append("the ledger says that \(tasks) is leaving")
        }
        if ledger.size != rest.floor {
            violations.append("the ledger's size is \(ledger.size)")
        }
    }
}

/// Rule 8: no secret appears in any line of output or in any item of the ledger's table.
struct SecretsRule: Rule {
    let title = "No secret shows in any log line or ledger item"
    private(set) var violations: [String] = []

    mutating func see(_ fact: Fact) {
        switch fact {
        case .line(let source, let text):
            guard let kind = SecretKind.found(in: text) else { return }
            let place =
                switch source {
                case .endpoint: "the endpoint"
                case .container(let task, let name): "\(name) of \(short(task))"
                }
            violations.append("a line of \(place) shows \(kind.rawValue)")
        case .itemWritten(let text):
            guard let kind = SecretKind.found(in: text) else { return }
            violations.append("an item was written that holds \(kind.rawValue)")
        default: break
        }
    }
}

/// Seconds with one decimal, without a formatter that would pull in ICU.
func tenths(_ seconds: Double) -> String {
    let whole = Int((seconds * 10).rounded())
    return "\(whole / 10).\(abs(whole % 10))"
}
