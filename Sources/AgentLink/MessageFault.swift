/// Why a line is no message, or a message no line. Nothing of a log line is quoted at length: it
/// may be a stranger's, and the fault is written to a log.
package enum MessageFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The line holds nothing.
    case empty
    /// The line has this many bytes, its newline included; `Link.messageLimitBytes` are allowed.
    case tooLong(bytes: Int)
    /// The line is not UTF-8.
    case notUTF8
    /// The line's first word is none of the protocol's.
    case unknownWord(String)
    /// The word needs a value after one space and has none.
    case missingValue(word: String)
    /// The word stands alone in the protocol, and the line has more.
    case surplusValue(word: String)
    /// The value is not a whole decimal number between 0 and the largest allowed.
    case badNumber(word: String, value: String)
    /// The value is none of the words that are allowed there.
    case unknownValue(word: String, value: String)
    /// The value holds a line break or a NUL, which would end the message or the agent's name early.
    case forbiddenByte(word: String)

    package var description: String {
        switch self {
        case .empty: "an empty line"
        case .tooLong(let bytes):
            "a line of \(bytes) bytes, where \(Link.messageLimitBytes) are allowed"
        case .notUTF8: "a line that is not UTF-8"
        case .unknownWord(let word): "an unknown word, \"\(word)\""
        case .missingValue(let word): "\"\(word)\" without its value"
        case .surplusValue(let word): "\"\(word)\" with a value, where none is allowed"
        case .badNumber(let word, let value):
            "\"\(word)\" with \"\(value)\", where a whole number in range is expected"
        case .unknownValue(let word, let value): "\"\(word)\" with the unknown value \"\(value)\""
        case .forbiddenByte(let word): "\"\(word)\" with a line break or a NUL in its value"
        }
    }

    /// A stranger's text made fit to be quoted: printable ASCII, and short.
    static func quotable(_ bytes: some Collection<UInt8>) -> String {
        let shown = bytes.prefix(quotedLimitBytes).map { byte in
            (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "\"") ? byte : UInt8(ascii: "?")
        }
        let text = String(decoding: shown, as: UTF8.self)
        return bytes.count > quotedLimitBytes ? text + "..." : text
    }

    /// Enough to recognise a word of the protocol or a number, too little for a secret to matter.
    private static let quotedLimitBytes = 16
}
