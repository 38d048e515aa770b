import FoundationEssentials
import Glibc
import Synchronization

/// Log lines in tfc-agent's two formats.
///
/// Text is `<RFC 3339 ms> [LEVEL]  <logger>: <message>: k=v ...`; JSON has `@level`, `@message`,
/// `@module`, `@timestamp` and, once registered, the agent's id and name (HCP Terraform agents
/// documentation, "logging").
final class Log: Sendable {
    enum Level: String, Sendable {
        case info
        case warn
        case error
    }

    private let isJSON: Bool
    /// What every JSON line carries after registration.
    private let identity = Mutex<[(String, String)]>([])

    init(isJSON: Bool) { self.isJSON = isJSON }

    func identify(id: String, name: String, pool: String) {
        identity.withLock {
            $0 = [
                ("agent_id", id), ("agent_name", name), ("agent_pool_id", pool),
                ("agent_version", StandInLife.version),
            ]
        }
    }

    func write(
        _ level: Level,
        _ module: String,
        _ message: String,
        _ details: [(String, String)] = []
    ) {
        let stamp = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let line =
            isJSON
            ? json(level, module, message, details, stamp)
            : Self.text(level, module, message, details, stamp)
        // One write per line: lines of two threads must not mix.
        let bytes = Array((line + "\n").utf8)
        _ = Glibc.write(1, bytes, bytes.count)
    }

    private static func text(
        _ level: Level,
        _ module: String,
        _ message: String,
        _ details: [(String, String)],
        _ stamp: String
    ) -> String {
        let name = "[\(level.rawValue.uppercased())]"
        let gap = level == .error ? " " : "  "
        let pairs = details.map { "\($0.0)=\($0.1)" }.joined(separator: " ")
        return "\(stamp) \(name)\(gap)\(module): \(message)" + (pairs.isEmpty ? "" : ": " + pairs)
    }

    private func json(
        _ level: Level,
        _ module: String,
        _ message: String,
        _ details: [(String, String)],
        _ stamp: String
    ) -> String {
        var members = [
            "@level": level.rawValue, "@message": message, "@module": module, "@timestamp": stamp,
        ]
        for (name, value) in identity.withLock({ $0 }) + details { members[name] = value }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data = (try? encoder.encode(members)) ?? Data("{}".utf8)
        return String(decoding: data, as: UTF8.self)
    }
}
