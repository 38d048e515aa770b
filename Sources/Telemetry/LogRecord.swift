/// One line of a log before it is written.
package struct LogRecord: Sendable, Hashable {
    package var event: EventName
    /// What happened, for a person; the event says it to programs.
    package var message: String
    package var fields: LogFields
    /// The event's, but for what is said again and again, and for lines of libraries.
    package var level: LogLevel

    package init(
        _ event: EventName,
        _ message: String,
        _ fields: LogFields = [:],
        level: LogLevel? = nil
    ) {
        self.event = event
        self.message = message
        self.fields = fields
        self.level = level ?? event.level
    }

    /// The line as one JSON object with its newline: when, how bad, by whom, what; then the fields
    /// by name.
    package func line(at moment: LogMoment, by program: String) -> String {
        var line = "{\"time\":\"\(moment)\",\"level\":\"\(level.rawValue)\",\"program\":"
        line.appendJSONString(program)
        line += ",\"event\":\"\(event.rawValue)\",\"message\":"
        line.appendJSONString(message)
        for (field, value) in fields.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            line += ",\"\(field.rawValue)\":"
            value.append(to: &line)
        }
        return line + "}\n"
    }
}
