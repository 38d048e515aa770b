/// One line of a log before it is written.
package struct LogRecord: Sendable, Hashable {
    package var event: EventName
    /// What happened, for a person; the event says it to programs.
    package var message: String
    package var fields: LogFields
    /// The event's, but for what is said again and again, and for lines of libraries.
    package var level: LogLevel
    /// What CloudWatch counts.
    package var measured: Measurements

    package init(
        _ event: EventName,
        _ message: String,
        _ fields: LogFields = [:],
        level: LogLevel? = nil,
        measuring measured: Measurements = [:]
    ) {
        self.event = event
        self.message = message
        self.fields = fields
        self.level = level ?? event.level
        self.measured = measured
    }

    /// The same record, which also counts one of this.
    package func measuring(_ metric: Metric) -> LogRecord {
        var record = self
        record.measured[metric] = 1
        return record
    }

    /// The line as one JSON object with its newline: when, how bad, by whom, what; then the fields
    /// by name, and the metrics by theirs.
    ///
    /// - Parameter embedding: whether the line says which of its members CloudWatch is to count.
    package func line(
        at moment: LogMoment,
        by program: String,
        embedding: Bool = false
    ) -> String {
        var line = "{\"time\":\"\(moment)\",\"level\":\"\(level.rawValue)\",\"program\":"
        line.appendJSONString(program)
        line += ",\"event\":\"\(event.rawValue)\",\"message\":"
        line.appendJSONString(message)
        for (field, value) in fields.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            line += ",\"\(field.rawValue)\":"
            value.append(to: &line)
        }
        let measured = measured.filter(\.value.isFinite)
            .sorted { $0.key.rawValue < $1.key.rawValue }
            .map { (metric: $0.key, value: $0.value) }
        for (metric, value) in measured {
            line += ",\"\(metric.rawValue)\":" + JSONText.number(value)
        }
        if embedding, let member = EmbeddedMetrics.member(measured, fields, at: moment) {
            line += "," + member
        }
        return line + "}\n"
    }
}
