/// A JSON document as it stands (RFC 8259), for what is read often and is large: a decoder, which goes
/// by types, takes several times as long.
package enum JSONTree: Hashable, Sendable {
    case null
    case bool(Bool)
    /// As it is written.
    case number(String)
    case string(String)
    case array([JSONTree])
    /// In their order. Names may repeat.
    case object([Member])

    package struct Member: Hashable, Sendable {
        package let name: String
        package let value: JSONTree
    }

    /// - Throws: what is not JSON in UTF-8, and what is nested deeper than
    ///   ``StrictJSON/maximumDepth``.
    package init(_ bytes: [UInt8]) throws(StrictJSON.Fault) {
        var reader = Reader(bytes)
        self = try reader.document()
    }

    /// The members of an object, by name; the last one of a name counts. Nil for anything else.
    package var members: [String: JSONTree]? {
        guard case .object(let members) = self else { return nil }
        return Dictionary(members.map { ($0.name, $0.value) }) { $1 }
    }
}

private struct Reader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(StrictJSON.Fault) -> JSONTree {
        let value = try value(depth: 0)
        skipSpace()
        guard place == bytes.count else { throw .malformed }
        return value
    }

    private mutating func value(depth: Int) throws(StrictJSON.Fault) -> JSONTree {
        skipSpace()
        switch next {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try members(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try elements(depth: depth + 1))
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func members(depth: Int) throws(StrictJSON.Fault) -> [JSONTree.Member] {
        guard depth <= StrictJSON.maximumDepth else { throw .tooDeep }
        var members: [JSONTree.Member] = []
        place += 1
        skipSpace()
        if take(UInt8(ascii: "}")) { return members }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw .malformed }
            let name = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw .malformed }
            members.append(JSONTree.Member(name: name, value: try value(depth: depth)))
            skipSpace()
            if take(UInt8(ascii: "}")) { return members }
            guard take(UInt8(ascii: ",")) else { throw .malformed }
        }
    }

    private mutating func elements(depth: Int) throws(StrictJSON.Fault) -> [JSONTree] {
        guard depth <= StrictJSON.maximumDepth else { throw .tooDeep }
        var elements: [JSONTree] = []
        place += 1
        skipSpace()
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value(depth: depth))
            skipSpace()
            if take(UInt8(ascii: "]")) { return elements }
            guard take(UInt8(ascii: ",")) else { throw .malformed }
        }
    }

    // MARK: Words and numbers

    private mutating func word(
        _ text: StaticString,
        _ value: JSONTree
    ) throws(StrictJSON.Fault) -> JSONTree {
        let end = place + text.utf8CodeUnitCount
        guard end <= bytes.count else { throw .malformed }
        for offset in 0..<text.utf8CodeUnitCount
        where bytes[place + offset] != text.utf8Start[offset] { throw .malformed }
        place = end
        return value
    }

    private mutating func number() throws(StrictJSON.Fault) -> String {
        let start = place
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
            try digits()
        }
        return String(decoding: bytes[start..<place], as: UTF8.self)
    }

    private mutating func digits() throws(StrictJSON.Fault) {
        let start = place
        while let byte = next, Self.isDigit(byte) { place += 1 }
        guard place > start else { throw .malformed }
    }

    // MARK: Strings

    private mutating func string() throws(StrictJSON.Fault) -> String {
        place += 1
        let start = place
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20
        {
            place += 1
        }
        if take(UInt8(ascii: "\"")) { return try text(bytes[start..<place - 1]) }
        var unescaped = Array(bytes[start..<place])
        while let byte = next, byte >= 0x20 {
            place += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(unescaped[...])
            case UInt8(ascii: "\\"): try escape(&unescaped)
            default: unescaped.append(byte)
            }
        }
        throw .malformed
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws(StrictJSON.Fault) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        return text
    }

    private mutating func escape(_ text: inout [UInt8]) throws(StrictJSON.Fault) {
        guard let byte = next else { throw .malformed }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var units = [try unit()]
            // The other half of a pair (section 7).
            if UTF16.isLeadSurrogate(units[0]) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw .malformed }
                units.append(try unit())
            }
            guard let character = String(validating: units, as: UTF16.self) else {
                throw .malformed
            }
            text += character.utf8
        default: throw .malformed
        }
    }

    private mutating func unit() throws(StrictJSON.Fault) -> UInt16 {
        guard place + 4 <= bytes.count else { throw .malformed }
        let digits = bytes[place..<place + 4]
        place += 4
        guard digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
            let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw .malformed }
        return unit
    }

    // MARK: Bytes

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        place += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
            place += 1
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
