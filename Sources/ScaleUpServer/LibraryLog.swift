import Daemon
import Logging
import Telemetry

/// What libraries say, as lines of the program's own log.
struct LibraryLog: LogHandler {
    private let lines: ProgramLog
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    init(_ log: ProgramLog) { lines = log }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let details = metadata.merging(event.metadata ?? [:]) { _, new in new }
            .sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        var fields: LogFields = [:]
        if !details.isEmpty { fields[.cause] = .text(details) }
        lines(.libraryLine, event.message.description, fields, level: Self.level(event.level))
    }

    private static func level(_ level: Logger.Level) -> LogLevel {
        switch level {
        case .trace, .debug: .debug
        case .info: .info
        case .notice, .warning: .warning
        case .error, .critical: .error
        }
    }
}
