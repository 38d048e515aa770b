import Decisions
import Model
import Rules

/// What the timeline says about something that happened.
struct TimelineEntry: Equatable, Sendable {
    enum Weight: Sendable {
        case plain
        case good
        case warning
        case bad
    }

    var who: String
    var what: String
    var weight = Weight.plain
}

extension TimelineEntry {
    /// The entry for it, or `nil` where it would only repeat another one.
    init?(_ event: Happening) {
        guard let entry = Self.cloud(event) ?? Self.terraform(event) ?? Self.other(event) else {
            return nil
        }
        self = entry
    }

    private static func cloud(_ event: Happening) -> TimelineEntry? {
        switch event {
        case .taskStarted(let task):
            TimelineEntry(who: "service", what: "ECS starts task \(short(task))")
        case .taskState(let task, .running):
            TimelineEntry(who: "task \(short(task))", what: "RUNNING")
        case .taskStopping(let task, let reason):
            TimelineEntry(who: "task \(short(task))", what: "stopping: \(reason)")
        case .taskStopped(let task): TimelineEntry(who: "task \(short(task))", what: "STOPPED")
        case .scaledIn(let task, _):
            TimelineEntry(
                who: "service",
                what: "scale-in picks task \(short(task))",
                weight: .warning
            )
        case .containerStarted(let task, let name, let pid, let restart):
            TimelineEntry(
                who: "task \(short(task))",
                what: "\(name) \(restart ? "restarted" : "started"), pid \(pid)",
                weight: restart ? .warning : .plain
            )
        case .containerExited(let task, let name, let code):
            TimelineEntry(
                who: "task \(short(task))",
                what: "\(name) exited with code \(code)",
                weight: code == 0 ? .plain : .warning
            )
        case .containerHealthy(let task, let name):
            TimelineEntry(who: "task \(short(task))", what: "\(name) is healthy")
        case .protected(let task, let minutes):
            TimelineEntry(
                who: "task \(short(task))",
                what: "protected from scale-in for \(minutes) min"
            )
        case .protectionRefused(let task, let reason):
            TimelineEntry(
                who: "task \(short(task))",
                what: "protection refused: \(reason)",
                weight: .warning
            )
        case .unprotected(let task, _, let expired):
            TimelineEntry(
                who: "task \(short(task))",
                what: expired ? "protection ran out" : "unprotected",
                weight: expired ? .warning : .plain
            )
        case .desiredCountEdited(let from, let to):
            TimelineEntry(who: "service", what: "desiredCount \(from) -> \(to), edited by someone")
        case .desiredCount(let from, let to, _) where from != to:
            TimelineEntry(who: "service", what: "desiredCount \(from) -> \(to)")
        case .serviceDeleted(let from):
            TimelineEntry(who: "service", what: "deleted; desiredCount \(from) -> 0")
        case .limitsEnded: TimelineEntry(who: "service", what: "its limits are 0 and 0")
        case .ledger(let change, _, _): ledger(change)
        default: nil
        }
    }

    private static func ledger(_ change: LedgerRecord.Write) -> TimelineEntry? {
        let old = change.old ?? LedgerRecord()
        let new = change.new
        var parts: [String] = []
        if old.size != new.size || old.version == 0 && new.version > 0 {
            parts.append("size \(old.size) -> \(new.size)")
        }
        parts += new.jobs.subtracting(old.jobs).sorted().map { "+ \($0)" }
        parts += old.jobs.subtracting(new.jobs).sorted().map { "- \($0)" }
        parts += new.leaving.subtracting(old.leaving).sorted().map { "\(short($0)) is leaving" }
        parts += new.exposed.subtracting(old.exposed).sorted().map { "\(short($0)) is exposed" }
        parts += change.departures.map { "\(short($0)) departed" }
        guard !parts.isEmpty else { return nil }
        return TimelineEntry(who: "ledger", what: parts.joined(separator: ", "))
    }

    private static func terraform(_ event: Happening) -> TimelineEntry? {
        switch event {
        case .runCreated(let run, let workspace, let outcome):
            TimelineEntry(who: run, what: "created in \(workspace), to end as \(outcome.rawValue)")
        case .runStatus(let run, let status, let end):
            TimelineEntry(
                who: run,
                what: status.rawValue
                    + (status == .errored ? end.map { ": \($0.text)" } ?? "" : ""),
                weight: status == .errored ? .bad : end == nil ? .plain : .good
            )
        case .runTask(let run, let stage, let attempt, let result) where result != "200":
            TimelineEntry(
                who: run,
                what: "run task \(stage), attempt \(attempt): \(result)",
                weight: .warning
            )
        case .notified(let run, let status, let result):
            TimelineEntry(
                who: run,
                what: "notification of \(status): \(result)",
                weight: result == "200" ? .plain : .warning
            )
        case .runTaskResult(let run, let stage, let status, let message):
            TimelineEntry(
                who: run,
                what: "run task \(stage) \(status): \(message)",
                weight: status == "passed" || status == "running" ? .plain : .warning
            )
        case .agentRegistered(let task, let agent, let pid, _):
            TimelineEntry(who: "task \(short(task))", what: "\(agent) registered, pid \(pid)")
        case .agentStatus(let task, let agent, let status)
        where status != .idle && status != .busy:
            TimelineEntry(
                who: "task \(short(task))",
                what: "\(agent) is \(status.rawValue)",
                weight: status == .exited ? .plain : .warning
            )
        case .jobStarted(let job, let task, let agent):
            TimelineEntry(who: "task \(short(task))", what: "\(agent) received \(job)")
        case .jobEnded(let job, let task, let agent, let result):
            TimelineEntry(who: "task \(short(task))", what: "\(agent) \(result.rawValue) \(job)")
        case .jobLost(let job, let task):
            TimelineEntry(who: "task \(short(task))", what: "\(job) was lost", weight: .bad)
        default: nil
        }
    }

    private static func other(_ event: Happening) -> TimelineEntry? {
        switch event {
        case .stopSignal(let task, let count):
            TimelineEntry(
                who: "task \(short(task))",
                what: "the agent got stop signal number \(count)",
                weight: count > 1 ? .bad : .plain
            )
        case .line(let source, let text): line(source, text)
        case .found(let job, let task, let left):
            TimelineEntry(who: "task \(short(task))", what: "\(job) found \(left)")
        case .refusedCall(let service, let message):
            TimelineEntry(who: "API", what: "\(service) refused: \(message)", weight: .warning)
        case .fault(let number, let text):
            TimelineEntry(who: "fault \(number)", what: text, weight: .warning)
        case .note(let text): TimelineEntry(who: "rehearsal", what: text, weight: .warning)
        default: nil
        }
    }

    private static func line(_ source: Happening.Source, _ text: String) -> TimelineEntry? {
        var who = "endpoint"
        if case .container(let task, let name) = source {
            who = "task \(short(task))"
            if name != PlayNames.sidecar { return agentLine(who, text) }
        }
        if let kind = SecretKind.found(in: text) {
            return TimelineEntry(who: who, what: "(a line with \(kind.rawValue))", weight: .bad)
        }
        let line = LogLine(program: text)
        guard line.level > .debug else { return nil }
        return TimelineEntry(
            who: who,
            what: (who == "endpoint" ? "" : "sidecar: ") + line.sentence,
            weight: line.level == .error ? .bad : line.level == .warning ? .warning : .plain
        )
    }

    /// Of the agent's own lines only trouble is shown: its jobs are already in the timeline. Any
    /// other line comes from the launcher.
    private static func agentLine(_ who: String, _ text: String) -> TimelineEntry? {
        if let kind = SecretKind.found(in: text) {
            return TimelineEntry(who: who, what: "(a line with \(kind.rawValue))", weight: .bad)
        }
        guard let line = LogLine(agent: text) else {
            return TimelineEntry(
                who: who,
                what: "launcher: " + (LogLine(launcher: text)?.message ?? text)
            )
        }
        guard line.level > .info else { return nil }
        return TimelineEntry(who: who, what: "agent: " + line.text, weight: .warning)
    }
}

/// Names that this rehearsal expects in the task definition.
enum PlayNames {
    static let sidecar = "agent-sidecar"
    static let agent = "tfc-agent"
}

/// Colours for a terminal, none for a file.
struct Paint: Sendable {
    let isOn: Bool

    func callAsFunction(_ text: String, _ weight: TimelineEntry.Weight) -> String {
        switch weight {
        case .plain: text
        case .good: wrap(text, "32")
        case .warning: wrap(text, "33")
        case .bad: wrap(text, "1;31")
        }
    }

    func dim(_ text: String) -> String { wrap(text, "2") }
    func bold(_ text: String) -> String { wrap(text, "1") }

    private func wrap(_ text: String, _ code: String) -> String {
        isOn ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
}

extension TimelineEntry {
    /// The entry for a broken rule.
    init(_ violation: Violation) {
        who = "RULE BROKEN"
        what = "rule \(violation.rule.number): \(violation.told)"
        weight = .bad
    }
}

extension Violation {
    /// As a sentence, with the task's name as the timeline has it.
    var told: String {
        guard case .task(let id) = party else { return "\(party) \(text)" }
        return "task \(short(id)) \(text)"
    }
}
