import AWS
package import Decisions

extension PoolStatus {
    /// A start that came to nothing, in ECS's words.
    package struct FailedStart: Hashable, Sendable {
        /// Nil for one of which no task was made: a quota, no capacity.
        package let task: TaskID?
        package let at: WallTime?
        package let reason: String
    }

    /// A task that is gone.
    package struct Departure: Hashable, Sendable {
        package let task: TaskID
        package let at: WallTime?
        /// What was booked for it; nil where the ledger has nothing of it any more, or never had.
        package let kind: Ledger.Departed.Kind?
        /// ECS's word for who stopped it.
        package let stopCode: String?
        package let exitCode: Int?
        package let reason: String?
    }

    /// Starts of the last hour that failed, newest first. Of the same words only the newest: ECS
    /// repeats what it cannot do.
    package var failedStarts: [FailedStart] {
        let tasks = (stopped ?? []).filter(\.failedToStart).map {
            FailedStart(task: $0.id, at: $0.stoppedAt, reason: $0.reason ?? "ECS gives no reason")
        }
        let events = (service?.events ?? []).filter { isOfTheHour($0) && $0.tellsOfFailure }.map {
            FailedStart(task: nil, at: $0.at, reason: $0.words)
        }
        var told: Set<String> = []
        return (tasks + events).sorted(by: Self.isNewer).filter { told.insert($0.reason).inserted }
    }

    /// Newest first. Starts that failed are told apart.
    package var departures: [Departure] {
        (stopped ?? []).filter { $0.state == "STOPPED" && !$0.failedToStart }.map { task in
            Departure(
                task: task.id,
                at: task.stoppedAt ?? departed[task.id]?.at,
                kind: departed[task.id]?.kind,
                stopCode: task.stopCode,
                exitCode: task.agentExitCode,
                reason: task.reason
            )
        }.sorted { ($0.at ?? .distantPast, $0.task) > ($1.at ?? .distantPast, $1.task) }
    }

    /// The newest start that failed, if none has succeeded since.
    var failingStart: FailedStart? {
        guard let failed = failedStarts.first else { return nil }
        let started = ((live ?? []) + (stopped ?? [])).compactMap(\.startedAt).max()
        if let at = failed.at, let started, started >= at { return nil }
        return failed
    }

    private func isOfTheHour(_ event: ServiceMessage) -> Bool {
        event.at.map { at.since($0) < .seconds(3_600) } ?? true
    }

    private static func isNewer(_ left: FailedStart, than right: FailedStart) -> Bool {
        (left.at ?? .distantPast, left.task?.text ?? "")
            > (right.at ?? .distantPast, right.task?.text ?? "")
    }
}

extension WallTime {
    /// Before anything that happened here.
    static let distantPast = WallTime(milliseconds: 0)
}

extension TaskDescription {
    /// It ended before it ran, and nobody asked it to (Amazon ECS API reference, Task, `stopCode`).
    var failedToStart: Bool {
        state == "STOPPED" && startedAt == nil
            && (stopCode == "TaskFailedToStart" || stopCode == "EssentialContainerExited")
    }

    /// The exit code of the essential container.
    var agentExitCode: Int? { containers.first { $0.name == "tfc-agent" }?.exitCode }

    /// Why it stopped, with what ECS says of its containers.
    var reason: String? {
        let own = containers.compactMap { container in
            container.reason.map { "\(container.name): \($0)" }
        }
        let all = [stoppedReason].compactMap(\.self) + own
        return all.isEmpty ? nil : all.joined(separator: "; ")
    }
}

extension ServiceMessage {
    /// Of ECS's messages (ECS developer guide, "Service event messages") those of starts that fail.
    /// What they say of protected tasks is everyday.
    var tellsOfFailure: Bool {
        [
            "unable to place a task", "unable to consistently start tasks", "could not launch",
            "deployment failed", "operations are being throttled", "unable to assume",
        ].contains { text.contains($0) }
    }

    /// Without the service's name before them, `(service NAME) `.
    var words: String {
        guard text.hasPrefix("(service "), let end = text.firstIndex(of: ")") else { return text }
        return String(text[text.index(after: end)...].drop { $0 == " " })
    }
}
