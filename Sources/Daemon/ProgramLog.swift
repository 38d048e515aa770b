package import AWS
internal import Glibc
internal import Synchronization
package import Telemetry

/// What a program says. There is no way to write a line without its event.
package struct ProgramLog: Sendable {
    /// What each line of this log says besides its own fields.
    private var context: LogFields = [:]
    private var gathered: (@Sendable () -> Measurements)?
    private let threshold: LogLevel
    private let embedding: Bool
    private let sink: @Sendable (LogRecord) -> Void

    /// - Parameters:
    ///   - embedding: whether CloudWatch is to count what lines measure.
    ///   - sink: gets every line that is to be written.
    package init(
        threshold: LogLevel = .info,
        embedding: Bool = true,
        sink: @escaping @Sendable (LogRecord) -> Void
    ) {
        self.threshold = threshold
        self.embedding = embedding
        self.sink = sink
    }

    /// A program's log: lines of JSON on standard error. It never waits for whoever reads there
    /// (``LogWriter``).
    ///
    /// - Parameter embedding: whether CloudWatch is to count what lines measure.
    package init(of program: String, threshold: LogLevel, embedding: Bool) {
        let writer = LogWriter.standardError(of: program)
        self.init(threshold: threshold, embedding: embedding) {
            writer.write($0.line(at: .now(), by: program, embedding: embedding))
        }
    }

    /// The same log, whose lines say this as well.
    package func with(_ fields: LogFields) -> ProgramLog {
        var log = self
        log.context.merge(fields) { _, new in new }
        return log
    }

    /// The same log, whose lines also count what has come together since the one before: it needs no
    /// line of its own. Lines of level debug do not, since most are not written.
    package func gathering(_ source: @escaping @Sendable () -> Measurements) -> ProgramLog {
        var log = self
        log.gathered = source
        return log
    }

    package func callAsFunction(
        _ event: EventName,
        _ message: String,
        _ fields: LogFields = [:],
        level: LogLevel? = nil,
        measuring measured: Measurements = [:]
    ) {
        self(LogRecord(event, message, fields, level: level, measuring: measured))
    }

    /// A line that CloudWatch is to count is written whatever the threshold: what is not written is
    /// not counted.
    package func callAsFunction(_ record: LogRecord) {
        var record = record
        if record.level >= .info, let gathered {
            record.measured.merge(gathered()) { own, _ in own }
        }
        guard record.level >= threshold || embedding && !record.measured.isEmpty else { return }
        record.fields = context.merging(record.fields) { _, new in new }
        sink(record)
    }
}

extension LedgerMeter {
    /// What has come together, for a line; nothing where nothing has.
    package var measured: Measurements {
        let reading = take()
        let all: Measurements = [
            .ledgerConflicts: Double(reading.conflicts), .ledgerWriteUnits: reading.writeUnits,
        ]
        return all.filter { $0.value > 0 }
    }
}

extension LogMoment {
    package static func now() -> LogMoment {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return LogMoment(milliseconds: Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000)
    }
}

extension LogWriter {
    /// The log of the process. What waits there when the program ends is brought out first, for two
    /// seconds at most: the last lines say why it ended.
    fileprivate static func standardError(of program: String) -> LogWriter {
        processName.withLock { $0 = program }
        return standardError
    }

    private static let processName = Mutex("")

    private static let standardError: LogWriter = {
        atexit { LogWriter.standardError.flush(within: .seconds(2)) }
        return LogWriter(STDERR_FILENO) { count in
            LogRecord(
                .linesLost,
                "\(count) lines of this log were lost while nobody read it",
                [.times: .count(count)]
            ).line(at: .now(), by: processName.withLock { $0 })
        }
    }()
}

extension SettingsReader {
    /// `METRICS` (`on`).
    package mutating func metrics() -> Bool {
        let text = value("METRICS") ?? "on"
        if text != "on" && text != "off" {
            fault("METRICS", value: text, expected: "on or off")
        }
        return text == "on"
    }

    /// `LOG_LEVEL` (`info`), in letters of either case. Besides the four levels that there are it
    /// takes the words of others: `warn` is the agent's own.
    package mutating func logLevel() -> LogLevel {
        guard let text = value("LOG_LEVEL") else { return .info }
        switch text.lowercased() {
        case "trace", "debug": return .debug
        case "info": return .info
        case "notice", "warning", "warn": return .warning
        case "error", "critical": return .error
        default:
            fault(
                "LOG_LEVEL",
                value: text,
                expected: "trace, debug, info, notice, warning (or warn), error or critical"
            )
            return .info
        }
    }
}
