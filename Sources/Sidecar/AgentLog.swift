import AgentLink
import Decisions
import FoundationEssentials
import StrictJSON

/// Reads the agent's own status lines, in both of its formats: text
/// (`<time> [INFO]  core: Job received: job_type=plan job_id=run-1`) and JSON (`@module`,
/// `@message`, `job_type`, `job_id`). HCP Terraform agents, "Logging".
///
/// The texts are no documented contract, so everything but an exact match is unreadable, and
/// unreadable is unknown, which is busy. Only lines of the agent's own logger `core` count: the
/// output of a user's job could hold the same words. Nor does a line count that begins with
/// something else: a hook writes into the same stream, and what it wrote without a newline is glued
/// before the agent's next line.
enum AgentLog {
    /// What a line says.
    enum Reading: Hashable {
        case event(AgentEvent)
        /// It is another logger's, which says nothing about the agent.
        case otherLogger
        case unreadable(Unreadable)
    }

    /// Why a line with the agent's words is not taken for its word.
    enum Unreadable: String, Hashable, CaseIterable {
        case form = "it has neither the text form of the agent's log nor its JSON form"
        case logger = "it does not name its logger"
        case message = "the agent's words have something before or after them"
        case job = "it names no job"
    }

    /// - Parameter line: one that holds one of the three phrases.
    static func read(_ line: String) -> Reading {
        let line = plain(line)
        guard let entry = line.utf8.first == UInt8(ascii: "{") ? json(line) : text(line) else {
            return .unreadable(.form)
        }
        guard entry.module == "core" else {
            return isLogger(entry.module) ? .otherLogger : .unreadable(.logger)
        }
        switch entry.message {
        case StatusPhrase.waiting.words: return .event(.waiting)
        case StatusPhrase.jobReceived.words:
            guard let id = entry.first("job_id", "job.id"),
                let type = entry.first("job_type", "job.type"), let job = Job(id: id, type: type)
            else { return .unreadable(.job) }
            return .event(.received(job))
        case let message where message.hasPrefix(StatusPhrase.registered.words):
            // Agents up to 0.4 call it `id`; some write their name only.
            return .event(.registered(id: entry.first("agent_id", "agent.id", "id")))
        default:
            return .unreadable(.message)
        }
    }

    private struct Entry {
        var module: String
        var message: String
        var fields: [String: String]

        func first(_ names: String...) -> String? {
            names.lazy.compactMap { fields[$0] }.first { !$0.isEmpty }
        }
    }

    /// The line without the colours that a logger gives to a terminal (ECMA-48, select graphic
    /// rendition) and without the carriage return of a line that ends in two characters.
    private static func plain(_ line: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(line.utf8.count)
        var rest = Array(line.utf8)[...]
        while let byte = rest.first {
            if let colour = colourLength(rest) {
                rest = rest.dropFirst(colour)
            } else {
                bytes.append(byte)
                rest = rest.dropFirst()
            }
        }
        while let last = bytes.last, last == UInt8(ascii: "\r") || last == UInt8(ascii: " ") {
            bytes.removeLast()
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// How long the colour is with which some bytes begin.
    private static func colourLength(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.starts(with: [0x1b, UInt8(ascii: "[")]) else { return nil }
        let end = bytes.dropFirst(2).firstIndex { byte in
            !(UInt8(ascii: "0")...UInt8(ascii: ";")).contains(byte)
        }
        guard let end, bytes[end] == UInt8(ascii: "m") else { return nil }
        return end - bytes.startIndex + 1
    }

    private static func isLogger(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
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
            isTime(line[..<open]), isLevel(line[open..<close].dropFirst())
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
        return Entry(module: String(parts[0]), message: String(parts[1]), fields: fields)
    }

    /// A time such as `2026-11-23T20:31:53.123Z`, a space, and nothing else: whatever stands beside
    /// it was written by somebody else.
    private static func isTime(_ text: Substring) -> Bool {
        let pattern = "dddd-dd-ddTdd:dd:dd"
        var rest = Array(text.utf8)[...]
        for expected in pattern.utf8 {
            guard let byte = rest.popFirst(),
                expected == UInt8(ascii: "d") ? isDigit(byte) : byte == expected
            else { return false }
        }
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix(while: isDigit)
            guard !fraction.isEmpty else { return false }
            rest = rest.dropFirst(1 + fraction.count)
        }
        // UTC, or an offset such as +01:00 or -0700.
        return switch rest.popFirst() {
        case UInt8(ascii: "Z"): rest.elementsEqual([UInt8(ascii: " ")])
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            rest.last == UInt8(ascii: " ") && rest.count <= 6
                && rest.dropLast().allSatisfy { isDigit($0) || $0 == UInt8(ascii: ":") }
        default: false
        }
    }

    private static func isLevel(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return String(text) }
        return String(text.dropFirst().dropLast())
    }
}
