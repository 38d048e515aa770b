import FoundationEssentials

/// Reads JSON that others wrote: calls, answers, log lines.
///
/// FoundationEssentials' decoder has a limit of 512 levels, and traps instead of throwing when a
/// document ends right after the bracket that is one too many (`[` 513 times; seen with Swift
/// 6.3.1). A single such body would end the process that reads it, so what is nested that deep
/// never gets to the decoder.
package enum StrictJSON {
    /// Documents in use have less than ten levels.
    package static let maximumDepth = 100

    package enum Fault: Error, Hashable, Sendable {
        case tooDeep
        /// UTF-16 or UTF-32, which the decoder would accept and RFC 8259 (section 8.1) does not.
        case notUTF8
        /// No JSON; only of a ``JSONTree``, the decoder has errors of its own.
        case malformed
    }

    /// - Throws: ``Fault``, or the decoder's own error, whose text may hold parts of the document.
    package static func decode<Value: Decodable>(
        _ type: Value.Type = Value.self,
        from bytes: some Collection<UInt8>
    ) throws -> Value {
        let data = Data(bytes)
        try data.withUnsafeBytes { try check($0) }
        return try JSONDecoder().decode(type, from: data)
    }

    private static func check(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
        // The decoder tells encodings by a byte order mark or by zeros among the first four bytes.
        let start = bytes.prefix(4)
        if start.contains(0) || start.first == 0xfe || start.first == 0xff { throw .notUTF8 }
        var depth = 0
        var isInString = false
        var isEscaped = false
        for byte in bytes {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                if depth > maximumDepth { throw .tooDeep }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
    }
}
