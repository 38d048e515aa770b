import AgentLink
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
    var mode: AgentMode
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
        let lines = columns([head] + rows)
        return [paint.bold(lines[0])] + lines.dropFirst()
    }

    private func wait(_ run: RehearsedRun, _ from: RunStatus, _ to: RunStatus) -> String {
        guard run.at(from) != nil else { return "-" }
        return time(run, from, to).map { tenths(Double($0) / 1000) + " s" } ?? "for ever"
    }

    private func time(
        _ run: RehearsedRun,
        _ from: RunStatus,
        _ to: RunStatus
    ) -> Milliseconds? {
        guard let start = run.at(from), let end = run.at(to) else { return nil }
        return end - start
    }

    var figures: PlayFigures {
        PlayFigures(
            mode: mode,
            boots: tally.boots,
            planWaits: runs.compactMap { time($0, .planQueued, .planning) },
            applyWaits: runs.compactMap { time($0, .applyQueued, .applying) },
            alive: agents.reduce(0) { $0 + (($1.endedAt ?? endedAt) - $1.registeredAt) },
            busy: agents.reduce(0) { $0 + $1.busyTime(until: endedAt) },
            renewals: tally.renewals,
            spoiled: tally.spoiled,
            finds: tally.finds,
            holds: verdict.holds
        )
    }

    private func agent(_ run: String, _ type: String) -> String {
        agents.first { $0.worked(at: Job(id: run, type: type)) }.map { short($0.task) } ?? "-"
    }

    private func perJob(_ count: Double) -> String { tenths(count / Double(max(tally.jobs, 1))) }

    private var totals: [String] {
        let figures = figures
        let calls = tally.calls.sorted { $0.key < $1.key }.map { service, count in
            "\(service) \(perJob(Double(count)))"
        }
        return [
            "\(runs.count) runs, \(tally.jobs) jobs, \(tally.boots) tasks started,"
                + " \(tally.restarts) containers restarted, \(tenths(seconds)) s",
            "agents lived \(tenths(Double(figures.alive) / 1000)) s, \(figures.busyShare) % of it busy",
            "plans waited \(PlayFigures.told(figures.planWaits)), applies"
                + " \(PlayFigures.told(figures.applyWaits)) (half of them no longer, and the longest)",
            "from a task's first container to its agent \(PlayFigures.told(tally.starts))",
            "API calls per job: " + calls.joined(separator: ", ")
                + (tally.refusedCalls > 0 ? "; \(tally.refusedCalls) refused" : ""),
            "DynamoDB units per job: \(perJob(units.writes)) to write, \(perJob(units.reads)) to read",
        ] + sharing + (mode == .shared ? [Planners(runs: runs, agents: agents).text] : [])
    }

    /// What became of what jobs left behind.
    private var sharing: [String] {
        let renewals = "\(tally.renewals) containers renewed, \(tally.spoiled) spoiled"
        return (mode == .renewed ? [renewals] : [])
            + ["\(tally.finds) jobs found what an earlier one of their container had left"]
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
