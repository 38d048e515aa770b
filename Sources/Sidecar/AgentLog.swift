import Decisions
import FoundationEssentials
import StrictJSON

/// Reads the agent's own status lines, in both of its formats: text
/// (`<time> [INFO]  core: Job received: job_type=plan job_id=run-1`) and JSON (`@module`,
/// `@message`, `job_type`, `job_id`). HCP Terraform agents, "Logging".
///
/// The texts are no documented contract, so everything but an exact match is unreadable, and
/// unreadable is unknown, which is busy. Only lines of the agent's own logger `core` count: the
/// output of a user's job could hold the same words.
enum AgentLog {
    /// - Parameter line: one that holds one of the three phrases.
    /// - Returns: nil when the line is another logger's, which says nothing about the agent.
    static func event(_ line: String) -> AgentEvent? {
        guard let entry = line.utf8.first == UInt8(ascii: "{") ? json(line) : text(line) else {
            return .unreadable
        }
        guard entry.module == "core" else { return nil }
        let message = entry.message
        if message.hasPrefix("Agent registered successfully") {
            return .registered(id: entry.fields["agent_id"] ?? entry.fields["agent.id"])
        }
        if message == "Waiting for next job" { return .waiting }
        if message == "Job received" {
            let id = entry.fields["job_id"] ?? entry.fields["job.id"]
            let type = entry.fields["job_type"] ?? entry.fields["job.type"]
            guard let id, let type, let job = Job(id: id, type: type) else { return .unreadable }
            return .received(job)
        }
        return .unreadable
    }

    private struct Entry {
        var module: String
        var message: String
        var fields: [String: String]
    }

    // MARK: JSON

    private static func json(_ line: String) -> Entry? {
        guard
            let object = try? StrictJSON.decode([String: Value].self, from: line.utf8),
            let module = object["@module"]?.text, let message = object["@message"]?.text
        else {
            return nil
        }
        return Entry(module: module, message: message, fields: object.compactMapValues(\.text))
    }

    /// A value of any type, of which only strings matter.
    private struct Value: Decodable {
        let text: String?

        init(from decoder: any Decoder) throws {
            text = try? decoder.singleValueContainer().decode(String.self)
        }
    }

    // MARK: Text

    /// `<time> [LEVEL]  <logger>: <message>[: key=value ...]`.
    private static func text(_ line: String) -> Entry? {
        guard let open = line.firstIndex(of: "["), let close = line[open...].firstIndex(of: "]"),
            isTime(line[..<open])
        else {
            return nil
        }
        let rest = line[line.index(after: close)...].drop { $0 == " " }
        let parts = rest.split(separator: ": ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2 else { return nil }
        var fields: [String: String] = [:]
        if parts.count == 3 {
            for word in parts[2].split(separator: " ") {
                guard let equals = word.firstIndex(of: "=") else { continue }
                let value = word[word.index(after: equals)...]
                fields[String(word[..<equals])] = unquoted(value)
            }
        }
        return Entry(module: String(parts[0]), message: trimmed(parts[1]), fields: fields)
    }

    /// Starts like `2026-11-23T20:31:53.123Z`. A user's output would have to forge that too.
    private static func isTime(_ text: Substring) -> Bool {
        let pattern = "dddd-dd-ddTdd:dd:dd"
        guard text.utf8.count >= pattern.utf8.count else { return false }
        return zip(text.utf8, pattern.utf8).allSatisfy { character, expected in
            expected == UInt8(ascii: "d")
                ? (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
                : character == expected
        }
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return String(text) }
        return String(text.dropFirst().dropLast())
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while let last = text.last, last == " " || last == "\r" { text.removeLast() }
        return String(text)
    }
}
