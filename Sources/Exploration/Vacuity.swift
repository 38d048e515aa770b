import AgentLink
import Decisions
import Model

/// A scene in which something never happened has shown nothing of it. So each says which kinds of
/// transition, phase, report and reading do not occur in it, and every other one must.
extension Explorer {
    /// Everything that can occur in some scene.
    static let all: [String] =
        Transition.Kind.allCases.map { "\($0)" }
        + Retirement.Phase.Name.allCases.map { "phase \($0)" }
        + [
            "job", "no job", "granted surplus", "granted stray", "refused", "rejoined", "retired",
            "strayed", "recycles", "booked before", "exposed", "covered",
        ].map { "report \($0)" }
        + ["launcher waits", "launcher runs", "launcher holds", "launcher is held"]
        + ["launcher awaits a name", "next agent", "jobs done"]
        + readings

    private static let readings = [
        "newest untried", "newest starting", "newest runs", "newest fails", "newest stalled",
        "old replacement",
        "service ends", "failed start",
    ]

    var occurred: Set<String> {
        var occurred = Set(seen.kinds.map { "\($0)" })
        for mind in minds.minds.values { occurred.insert("phase \(mind.phase.name)") }
        for observation in minds.observations.values { insert(observation, into: &occurred) }
        for case .depart(_, failedStart: true) in minds.operations.values {
            occurred.insert("failed start")
        }
        for life in minds.lives.values {
            if life.isWaiting { occurred.insert("launcher waits") }
            if life.isRunning { occurred.insert("launcher runs") }
            if life.hasEnded { occurred.insert("launcher holds") }
            if life.isHeld { occurred.insert("launcher is held") }
            if life.awaitsNext { occurred.insert("launcher awaits a name") }
        }
        if seen.hasNamedNext { occurred.insert("next agent") }
        if minds.hasSeenJobsDone { occurred.insert("jobs done") }
        return occurred
    }

    private func insert(_ observation: Observation, into occurred: inout Set<String>) {
        switch observation {
        case .booked(let report, _): occurred.insert("report \(Self.word(report))")
        case .compared(let seen?):
            if seen.ending { occurred.insert("service ends") }
            insert(seen.rollout, into: &occurred)
        case .looked(let rollout?): insert(rollout, into: &occurred)
        default: break
        }
    }

    private func insert(_ rollout: Rollout, into occurred: inout Set<String>) {
        guard rollout.isOutdated else { return }
        occurred.insert("newest \(rollout.progress)")
        if rollout.isReplacement { occurred.insert("old replacement") }
    }

    private static func word(_ report: LedgerReport) -> String {
        switch report {
        case .reported(let job): job == nil ? "no job" : "job"
        case .reserve(.granted(let kind)): "granted \(kind)"
        case .reserve(.refused): "refused"
        case .rejoined: "rejoined"
        case .departure(.retired): "retired"
        case .departure(.strayed): "strayed"
        case .departure(.recycles): "recycles"
        case .departure(.bookedBefore): "booked before"
        case .exposed: "exposed"
        case .covered: "covered"
        }
    }

    /// What must occur in this scene and did not, and what did though the scene says otherwise.
    func missing() -> [String] {
        let occurred = occurred
        let absent = scene.absent
        return Self.all.filter { !occurred.contains($0) && !absent.contains($0) }
            + absent.filter { occurred.contains($0) }.map { "\($0) (it did)" }.sorted()
    }
}

extension Scene {
    /// Everything of which a scene must show that it occurs, or say that it does not.
    package static let occurrences = Explorer.all

    /// What occurs in it.
    package var present: Set<String> { Set(Self.occurrences).subtracting(absent) }

    /// What does not occur in it: what nothing in the scene can bring about, and what it names.
    package var absent: Set<String> {
        let named = (Self.absences[name] ?? "").split(separator: ",").map { words in
            words.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
        }
        return Set(named).union(impossible)
    }

    private var impossible: [String] {
        var words: [String] = []
        func unless(_ can: Bool, _ none: String...) { if !can { words += none } }
        unless(jobs > 0, "call", "endpoint", "follow", "receive", "finish", "byItself")
        unless(jobs > 0, "report job")
        unless(beginning != .jobsWait, "call", "endpoint", "follow")
        unless(budgets.stops > 0, "stopTask")
        unless(budgets.edits > 0, "edit")
        unless(budgets.breaks > 0, "breakLink", "connect")
        unless(budgets.crashes > 0, "crash")
        unless(budgets.crashes > 0 && !diesForGood, "restart")
        unless(budgets.crashes > 0 && diesForGood, "aloneLimit", "startLimit")
        unless(budgets.agentCrashes > 0 && !agentsFailToStart, "crashAgent")
        unless(agentsFailToStart, "startAgent", "failAgent", "failed start")
        unless(watches, "watch")
        unless(mode == .renewed, "renew", "spoil", "phase renewing", "launcher awaits a name")
        unless(mode == .renewed, "next agent")
        unless(mode == .renewed && maxJobs != nil, "jobs done")
        unless(budgets.deletions > 0, "delete", "service ends")
        unless(budgets.failedStarts > 0, "failBoot", "newest fails", "newest stalled")
        unless(deploys, "deploy", "boot", "phase handingOver", "launcher is held")
        unless(deploys, "newest untried", "newest starting", "newest runs")
        unless(deploys && replacement == .same, "old replacement")
        return words
    }
}
