import Decisions
import Model
import Rules

/// The table at the end.
struct Summary: Sendable {
    var runs: [RehearsedRun]
    var agents: [RegisteredAgent]
    var tally: PlayTally
    /// DynamoDB's units that were consumed.
    var units: (reads: Double, writes: Double)
    var verdict: PlayVerdict
    var seconds: Double
    var endedAt: Milliseconds
    /// Whether agents take several jobs, so that an apply can find the agent that planned it.
    var showsPlanners: Bool
    let paint: Paint

    var text: String {
        ([""] + runTable + [""] + totals + losses + [""] + rules).joined(separator: "\n")
    }

    private var runTable: [String] {
        let head = ["run", "meant as", "wait", "plan by", "wait", "apply by", "result"]
        let rows = runs.map { run in
            [
                run.id, run.life.outcome.rawValue, wait(run, .planQueued, .planning),
                agent(run.id, "plan"), wait(run, .applyQueued, .applying),
                agent(run.id, "apply"), run.life.status.rawValue,
            ]
        }
        let widths = head.indices.map { column in
            ([head] + rows).map { $0[column].count }.max() ?? 0
        }
        let lines = ([head] + rows).map { row in
            zip(row, widths).map { padded($0, $1) }.joined(separator: "  ")
        }
        return [paint.bold(lines[0])] + lines.dropFirst()
    }

    private func wait(_ run: RehearsedRun, _ from: RunStatus, _ to: RunStatus) -> String {
        guard let start = run.at(from) else { return "-" }
        guard let end = run.at(to) else { return "for ever" }
        return tenths(Double(end - start) / 1000) + " s"
    }

    private func agent(_ run: String, _ type: String) -> String {
        agents.first { $0.worked(at: Job(id: run, type: type)) }.map { short($0.task) } ?? "-"
    }

    private func perJob(_ count: Double) -> String { tenths(count / Double(max(tally.jobs, 1))) }

    private var totals: [String] {
        let alive = agents.reduce(0) { $0 + (($1.endedAt ?? endedAt) - $1.registeredAt) }
        let busy = agents.reduce(0) { $0 + $1.busyTime(until: endedAt) }
        let share = alive > 0 ? busy * 100 / alive : 0
        let calls = tally.calls.sorted { $0.key < $1.key }.map { service, count in
            "\(service) \(perJob(Double(count)))"
        }
        return [
            "\(runs.count) runs, \(tally.jobs) jobs, \(tally.boots) tasks started,"
                + " \(tally.restarts) containers restarted, \(tenths(seconds)) s",
            "agents lived \(tenths(Double(alive) / 1000)) s, \(share) % of it busy",
            "API calls per job: " + calls.joined(separator: ", ")
                + (tally.refusedCalls > 0 ? "; \(tally.refusedCalls) refused" : ""),
            "DynamoDB units per job: \(perJob(units.writes)) to write, \(perJob(units.reads)) to read",
        ] + (showsPlanners ? [Planners(runs: runs, agents: agents).text] : [])
    }

    /// Runs that the seed's own faults cost: no broken rule, and never passed over in silence.
    private var losses: [String] {
        let all = verdict.losses
        guard !all.isEmpty else { return [] }
        return ["\(all.count) job(s) lost to the seed's own faults, which nothing survives:"]
            + all.map { "        " + paint($0, .warning) }
    }

    private var rules: [String] {
        Rule.allCases.flatMap { rule in
            let violations = verdict.violations.filter { $0.rule == rule }
            let mark = violations.isEmpty ? paint("holds ", .good) : paint("BROKEN", .bad)
            return ["\(mark)  rule \(rule.number): \(rule.title)"]
                + violations.prefix(5).map { "        " + paint($0.told, .bad) }
        }
    }
}

/// A task's name in the timeline.
func short(_ task: TaskID) -> String { String(task.text.prefix(8)) }

/// Seconds with one decimal, without a formatter that would pull in ICU.
func tenths(_ seconds: Double) -> String {
    let whole = Int((seconds * 10).rounded())
    return "\(whole / 10).\(abs(whole % 10))"
}

/// `text` filled with spaces to `width`; longer text stays.
func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - text.count))
    return right ? space + text : text + space
}
