/// Cuts what arrives on the link into lines, wherever the reads fall. Holds one message at most:
/// of a longer line only the length is kept.
package struct LineBuffer: Sendable {
    /// A line that has ended.
    package enum Line: Sendable, Equatable {
        /// The bytes before the newline.
        case whole([UInt8])
        /// A line of this many bytes, its newline included, more than a message may have.
        case tooLong(bytes: Int)
    }

    private var held: [UInt8] = []
    private var lineBytes = 0

    /// An empty buffer, at the start of a line.
    package init() {}

    /// Takes what was read and hands out the lines that it ends, in order. What follows the last
    /// newline is kept for the next call.
    package mutating func take(_ bytes: some Collection<UInt8>) -> [Line] {
        var lines: [Line] = []
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            hold(rest[..<newline])
            lineBytes += 1
            lines.append(
                lineBytes <= Link.messageLimitBytes ? .whole(held) : .tooLong(bytes: lineBytes)
            )
            held.removeAll(keepingCapacity: true)
            lineBytes = 0
            rest = rest[rest.index(after: newline)...]
        }
        hold(rest)
        return lines
    }

    private mutating func hold(_ piece: some Collection<UInt8>) {
        lineBytes += piece.count
        if lineBytes < Link.messageLimitBytes {
            held.append(contentsOf: piece)
        } else {
            held.removeAll()
        }
    }
}
