/// A line of output as the timeline shows it.
struct LogLine: Equatable, Sendable {
    enum Level: Int, Sendable, Comparable {
        case debug
        case info
        case warning
        case error
        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    var level: Level
    var message: String
    /// What the line adds to its message, in order of the names.
    var details: [(name: String, value: String)]

    static func == (left: LogLine, right: LogLine) -> Bool {
        left.level == right.level && left.message == right.message
            && left.details.elementsEqual(right.details, by: ==)
    }

    var text: String {
        guard !details.isEmpty else { return message }
        return message + " (" + details.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
            + ")"
    }

    /// The message with its reason; the other details only of a line that tells of trouble.
    var sentence: String {
        guard level < .warning else { return text }
        return value("reason").map { "\(message): \($0)" } ?? message
    }

    func value(_ name: String) -> String? { details.first { $0.name == name }?.value }
}

extension LogLine {
    /// A line of sidecar, endpoint or launcher: one JSON object with `message` and `level`. A line
    /// that is none is shown as it is, as a warning, since those programs print nothing else.
    init(program line: String) {
        self = LogLine(launcher: line) ?? LogLine(level: .warning, message: line, details: [])
    }

    /// The same in the agent's log, where it is the launcher's; `nil` for any other line.
    init?(launcher line: String) {
        guard let members = JSON(parsing: line.utf8)?.object,
            let message = members["message"]?.string
        else { return nil }
        self.init(
            level: Self.level(members["level"]?.string),
            message: message,
            details: Self.details(members, without: Self.shownOtherwise)
        )
    }

    /// The timeline has these in columns of its own, or needs no second word for them.
    private static let shownOtherwise: Set<String> = [
        "time", "level", "message", "program", "event", "cluster", "service", "task", "reason_name",
        "_aws",
    ]

    /// A line of tfc-agent, in its text or its JSON form; `nil` for any other line.
    init?(agent line: String) {
        if let members = JSON(parsing: line.utf8)?.object {
            guard let message = members["@message"]?.string else { return nil }
            self.init(
                level: Self.level(members["@level"]?.string),
                message: message,
                details: Self.details(
                    members,
                    without: [
                        "@message", "@level", "@timestamp", "@module", "agent_id", "agent_name",
                        "agent_pool_id", "agent_version",
                    ]
                )
            )
            return
        }
        // 2026-01-31T12:00:00.000Z [INFO]  core: Job received: job_type=plan job_id=run-1
        guard let open = line.firstIndex(of: "["),
            let close = line[open...].firstIndex(of: "]"),
            line.distance(from: line.startIndex, to: open) == 25
        else { return nil }
        let level = Self.level(String(line[line.index(after: open)..<close]).lowercased())
        let parts = line[line.index(after: close)...].split(separator: ":", maxSplits: 2)
            .map { String($0.drop { $0 == " " }) }
        guard parts.count >= 2 else { return nil }
        let pairs = (parts.count > 2 ? parts[2] : "").split(separator: " ").compactMap { word in
            let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
            return pair.count == 2 ? (name: pair[0], value: pair[1]) : nil
        }
        self.init(level: level, message: parts[1], details: pairs)
    }

    private static func level(_ name: String?) -> Level {
        switch name {
        case "trace", "debug": .debug
        case "warn", "warning": .warning
        case "error", "critical": .error
        default: .info
        }
    }

    private static func details(
        _ members: [String: JSON],
        without hidden: Set<String>
    ) -> [(name: String, value: String)] {
        members.filter { !hidden.contains($0.key) }.sorted { $0.key < $1.key }.map {
            ($0.key, $0.value.string ?? $0.value.text)
        }
    }
}
