/// A line taken apart into its first word and what follows the first space. It works on bytes: in
/// Swift a space and a combining accent after it are one character, and so are CR and LF.
struct MessageWords {
    let word: String
    private let value: ArraySlice<UInt8>?

    init(_ line: [UInt8]) throws(MessageFault) {
        guard !line.isEmpty else { throw .empty }
        guard line.count < Link.messageLimitBytes else { throw .tooLong(bytes: line.count + 1) }
        guard String(validating: line, as: UTF8.self) != nil else { throw .notUTF8 }
        let space = line.firstIndex(of: UInt8(ascii: " "))
        word = MessageWords.decode(line[..<(space ?? line.endIndex)])
        value = space.map { line[($0 + 1)...] }
    }

    /// A word that stands for itself.
    func alone<Message>(_ message: Message) throws(MessageFault) -> Message {
        guard value == nil else { throw .surplusValue(word: word) }
        return message
    }

    /// The value as it is.
    func text() throws(MessageFault) -> String {
        guard let value, !value.isEmpty else { throw .missingValue(word: word) }
        guard !value.contains(where: MessageWords.isForbidden) else {
            throw .forbiddenByte(word: word)
        }
        return MessageWords.decode(value)
    }

    /// The value as a whole number, written in decimal digits only.
    func number(upTo limit: Int) throws(MessageFault) -> Int {
        guard let value, !value.isEmpty else { throw .missingValue(word: word) }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard value.allSatisfy({ digits.contains($0) }),
            let number = Int(MessageWords.decode(value)), number <= limit
        else {
            throw .badNumber(word: word, value: MessageFault.quotable(value))
        }
        return number
    }

    /// The value as one of the words that a type lists.
    func oneOf<Word: RawRepresentable<String>>(_: Word.Type) throws(MessageFault) -> Word {
        let text = try text()
        guard let found = Word(rawValue: text) else {
            throw .unknownValue(word: word, value: MessageFault.quotable(text.utf8))
        }
        return found
    }

    var unknown: MessageFault { .unknownWord(MessageFault.quotable(word.utf8)) }

    /// A message of one word.
    static func line(_ word: String) throws(MessageFault) -> [UInt8] {
        Array(word.utf8) + [newline]
    }

    /// A message of a word and its value.
    static func line(_ word: String, _ value: String) throws(MessageFault) -> [UInt8] {
        guard !value.isEmpty else { throw .missingValue(word: word) }
        guard !value.utf8.contains(where: isForbidden) else { throw .forbiddenByte(word: word) }
        let line = Array(word.utf8) + [UInt8(ascii: " ")] + Array(value.utf8) + [newline]
        guard line.count <= Link.messageLimitBytes else { throw .tooLong(bytes: line.count) }
        return line
    }

    private static let newline = UInt8(ascii: "\n")

    private static func isForbidden(_ byte: UInt8) -> Bool {
        byte == newline || byte == 0
    }

    private static func decode(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }
}
