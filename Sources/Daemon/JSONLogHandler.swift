package import Logging

internal import Glibc

/// Writes one JSON object a line to standard error: `time`, `level`, `message`, then the
/// metadata. CloudWatch Logs Insights finds the fields of such lines by itself. It never waits for
/// whoever reads them (``LogWriter``).
package struct JSONLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]

    package init(level: Logger.Level = .info) { self.logLevel = level }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let fields = all.map { (key: $0.key, value: $0.value.description) }
        LogWriter.standardError.write(
            Self.line(event.level, event.message.description, fields.sorted { $0.key < $1.key })
        )
    }

    fileprivate static func line(
        _ level: Logger.Level,
        _ message: String,
        _ fields: [(key: String, value: String)]
    ) -> String {
        var line = "{\"time\":\"\(time())\",\"level\":\"\(level)\",\"message\":"
        line.appendJSONString(message)
        for (key, value) in fields {
            line += ","
            line.appendJSONString(key)
            line += ":"
            line.appendJSONString(value)
        }
        return line + "}\n"
    }

    /// The wall clock as RFC 3339 with milliseconds, without a date library.
    private static func time() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        var seconds = now.tv_sec
        gmtime_r(&seconds, &parts)
        func pad(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date =
            "\(pad(Int(parts.tm_year) + 1900, 4))-\(pad(Int(parts.tm_mon) + 1, 2))-"
            + pad(Int(parts.tm_mday), 2)
        let time =
            "\(pad(Int(parts.tm_hour), 2)):\(pad(Int(parts.tm_min), 2)):"
            + pad(Int(parts.tm_sec), 2)
        return "\(date)T\(time).\(pad(Int(now.tv_nsec) / 1_000_000, 3))Z"
    }
}

extension String {
    /// Appends a text as a JSON string, control characters escaped.
    package mutating func appendJSONString(_ text: String) {
        append("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                append("\\u" + String(repeating: "0", count: 4 - hex.count) + hex)
            default: unicodeScalars.append(scalar)
            }
        }
        append("\"")
    }
}

extension LogWriter {
    /// The program's log. What waits there when the program ends is brought out first, for two
    /// seconds at most: the last lines say why it ended.
    fileprivate static let standardError: LogWriter = {
        atexit { LogWriter.standardError.flush(within: .seconds(2)) }
        return LogWriter(STDERR_FILENO) { count in
            JSONLogHandler.line(
                .warning,
                "\(count) lines of this log were lost while nobody read it",
                []
            )
        }
    }()
}

extension Logger {
    /// The program's logger: JSON lines on standard error.
    package static func program(_ label: String, level: Level) -> Logger {
        Logger(label: label) { _ in JSONLogHandler(level: level) }
    }
}

extension SettingsReader {
    /// `LOG_LEVEL` (`info`), in letters of either case; `warn` is the agent's own word for
    /// `warning`.
    package mutating func logLevel() -> Logger.Level {
        guard let text = value("LOG_LEVEL") else { return .info }
        let word = text.lowercased()
        if let level = Logger.Level(rawValue: word == "warn" ? "warning" : word) { return level }
        fault(
            "LOG_LEVEL",
            value: text,
            expected: "trace, debug, info, notice, warning (or warn), error or critical"
        )
        return .info
    }
}
