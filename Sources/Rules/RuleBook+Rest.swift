import Decisions

/// Rule 7: with no jobs and no faults.
extension RuleBook {
    func judge(_ rest: Rest, _ bench: inout Bench) {
        for run in rest.openRuns.prefix(3) {
            bench.note(.runFirst, .run(run.id), "never ended; it is \(run.state)")
        }
        let unknown = unknownTasks
        if !(rest.floor...rest.floor + unknown).contains(rest.desired) {
            bench.note(.rest, .service, "wants \(rest.desired) tasks where \(rest.floor) should be")
        }
        if !rest.comesAndGoes { judgeQuiet(rest, &bench) }
        if rest.outdated > unknown {
            bench.note(.rest, .service, "has \(rest.outdated) tasks of an older revision")
        }
        guard let ledger = rest.ledger else { return }
        // The ledger of a service that ends moves nothing: what the last tasks took with them, lost
        // with their hosts, nobody is left to take off.
        if rest.isEnding ? ledger.size < rest.desired : ledger.size != rest.desired {
            bench.note(
                .rest,
                .service,
                "wants \(rest.desired), the ledger's size is \(ledger.size)"
            )
        }
        // Only an idle agent tidies.
        if unknown == 0, !ledger.jobs.isEmpty {
            let jobs = ledger.jobs.sorted().joined(separator: ", ")
            bench.note(.rest, .service, "has \(jobs) in its ledger")
        }
        for (tasks, word) in [(ledger.leaving, "leaving"), (ledger.exposed, "exposed")]
        where !tasks.isEmpty {
            let names = tasks.sorted().map(\.text).joined(separator: ", ")
            bench.note(.rest, .service, "has \(names) \(word) in its ledger")
        }
    }

    private func judgeQuiet(_ rest: Rest, _ bench: inout Bench) {
        if rest.running != rest.desired || rest.changing != 0 {
            bench.note(
                .rest,
                .service,
                "runs \(rest.running) tasks where it wants \(rest.desired), and \(rest.changing) "
                    + "start or stop"
            )
        }
        if rest.quiet < rest.watched {
            bench.note(
                .rest,
                .service,
                "started or stopped something \(rest.quiet / 1_000) s ago"
            )
        }
    }
}
