/// A line of the agent's own logger `core`, read strictly: a line that anything else is glued to,
/// such as a hook's output without a newline, is none. Text is
/// `<time> [LEVEL]  core: <message>[: key=value ...]`, JSON one flat object with `@module` and
/// `@message` (HCP Terraform agents documentation, "Logging").
///
/// The launcher itself needs no more than this of the agent's state, and links no JSON decoder for
/// it: the raw line goes to the sidecar.
struct CoreLine {
    private let message: ArraySlice<UInt8>

    /// Nil unless the whole line is the logger's.
    init?(_ line: String) {
        var bytes = Array(line.utf8)[...]
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        let found =
            bytes.first == UInt8(ascii: "{") ? CoreLine.json(bytes) : CoreLine.text(bytes)
        guard let found else { return nil }
        message = found
    }

    /// The agent has an id. The message goes on with the name of whoever gave it.
    var saysRegistered: Bool {
        message.starts(with: CoreLine.bytes(.registered))
    }

    /// The agent has no job.
    var saysWaiting: Bool {
        message.elementsEqual(CoreLine.bytes(.waiting))
    }

    private static func bytes(_ phrase: StatusPhrase) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: phrase.text.utf8Start, count: phrase.text.utf8CodeUnitCount)
    }

    // MARK: Text

    private static func text(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard isTime(line.prefix { $0 != UInt8(ascii: " ") }) else { return nil }
        var rest = line.drop { $0 != UInt8(ascii: " ") }.drop { $0 == UInt8(ascii: " ") }
        guard rest.first == UInt8(ascii: "["), let end = rest.firstIndex(of: UInt8(ascii: "]"))
        else { return nil }
        rest = rest[(end + 1)...].drop { $0 == UInt8(ascii: " ") }
        let module = Array("core: ".utf8)
        guard rest.starts(with: module) else { return nil }
        let said = rest.dropFirst(module.count)
        let colon = said.indices.first { said[$0...].starts(with: Array(": ".utf8)) }
        return said[..<(colon ?? said.endIndex)]
    }

    /// Starts like `2026-11-23T20:31:53.123Z`.
    private static func isTime(_ word: ArraySlice<UInt8>) -> Bool {
        let pattern = Array("dddd-dd-ddTdd:dd:dd".utf8)
        guard word.count >= pattern.count else { return false }
        return zip(word, pattern).allSatisfy { byte, expected in
            expected == UInt8(ascii: "d")
                ? (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) : byte == expected
        }
    }

    // MARK: JSON

    private static func json(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let strings = FlatStrings(line)?.found,
            strings["@module"]?.elementsEqual("core".utf8) == true
        else { return nil }
        return strings["@message"]
    }
}

/// The strings of one JSON object, by their names and as they are written: enough to compare one
/// that holds no escape. What is not exactly one object is refused.
private struct FlatStrings {
    private(set) var found: [String: ArraySlice<UInt8>] = [:]
    private var rest: ArraySlice<UInt8>

    init?(_ line: ArraySlice<UInt8>) {
        rest = line
        guard takes("{") else { return nil }
        while true {
            guard let name = string(), takes(":") else { return nil }
            let key = String(decoding: name, as: UTF8.self)
            skipSpaces()
            if rest.first == UInt8(ascii: "\"") {
                guard let value = string(), found[key] == nil else { return nil }
                found[key] = value
            } else {
                guard skipValue() else { return nil }
            }
            if takes("}") { break }
            guard takes(",") else { return nil }
        }
        skipSpaces()
        guard rest.isEmpty else { return nil }
    }

    private mutating func skipSpaces() {
        rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    private mutating func takes(_ mark: Unicode.Scalar) -> Bool {
        skipSpaces()
        guard rest.first == UInt8(ascii: mark) else { return false }
        rest.removeFirst()
        return true
    }

    /// A string's bytes between its quotes.
    private mutating func string() -> ArraySlice<UInt8>? {
        guard takes("\"") else { return nil }
        var end = rest.startIndex
        while end < rest.endIndex, rest[end] != UInt8(ascii: "\"") {
            end += rest[end] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard end < rest.endIndex else { return nil }
        defer { rest = rest[(end + 1)...] }
        return rest[..<end]
    }

    /// A number, a word, or a list or object with all that it holds.
    private mutating func skipValue() -> Bool {
        var depth = 0
        while let byte = rest.first {
            switch byte {
            case UInt8(ascii: "\""):
                guard string() != nil else { return false }
                continue
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
            case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"):
                if depth == 0 { return true }
                if byte != UInt8(ascii: ",") { depth -= 1 }
            default:
                break
            }
            rest.removeFirst()
        }
        return false
    }
}
