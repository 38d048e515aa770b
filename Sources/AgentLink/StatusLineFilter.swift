import Glibc

/// A line of the agent's output that holds one of the phrases.
package enum StatusLine: Sendable, Equatable {
    /// The line without its newline. Bytes that are not UTF-8 are replaced.
    case readable(String)
    /// A line of this many bytes, without its newline, that fits no message.
    case unreadable(bytes: Int)

    /// How the launcher passes it on.
    package var message: LauncherMessage {
        switch self {
        case .readable(let line): .status(line)
        case .unreadable(let bytes): .unreadable(bytes: bytes)
        }
    }
}

/// Picks the status lines out of a stream of output, fed in pieces cut anywhere.
///
/// Whole pieces are searched for the phrases at the speed of memory; lines are looked at one by
/// one only where a phrase was found. Of an unfinished line it holds what fits a message, and of a
/// longer one just enough to see a phrase that lies across a cut.
package struct StatusLineFilter: Sendable {
    /// What of the unfinished line is held: all of it, or its last bytes once it is too long.
    private var held: [UInt8] = []
    private var lineBytes = 0
    private var saysPhrase = false

    /// The longest line that fits a `status` message: what remains beside the word, its space and
    /// the newline.
    package static let lineLimitBytes = Link.messageLimitBytes - "status \n".utf8.count

    /// A filter at the start of a line.
    package init() {}

    /// Takes the next piece of output and hands out the status lines that end in it, in order.
    package mutating func feed(_ piece: UnsafeRawBufferPointer, _ found: (StatusLine) -> Void) {
        var rest = piece
        if lineBytes > 0 {
            guard let newline = rest.firstNewline else { return extend(by: rest) }
            extend(by: rest.part(0, newline))
            endLine(found)
            rest = rest.part(newline + 1, rest.count)
        }
        if let newline = rest.lastNewline {
            scan(rest.part(0, newline + 1), found)
            rest = rest.part(newline + 1, rest.count)
        }
        extend(by: rest)
    }

    /// Takes the end of the output: a last line may lack its newline.
    package mutating func finish(_ found: (StatusLine) -> Void) {
        endLine(found)
    }

    /// Whole lines only, the last one's newline included: goes from phrase to phrase. A phrase
    /// further on stays where it is: searching for it again after each line would read the whole
    /// piece once for each line.
    private func scan(_ lines: UnsafeRawBufferPointer, _ found: (StatusLine) -> Void) {
        var start = 0
        var places = StatusPhrase.allCases.map { $0.offset(in: lines) ?? lines.count }
        while let place = places.min(), place < lines.count {
            let lineStart = lines.part(start, place).lastNewline.map { start + $0 + 1 } ?? start
            let lineEnd = lines.part(place, lines.count).firstNewline.map { place + $0 }
            start = (lineEnd ?? lines.count - 1) + 1
            found(StatusLineFilter.line(lines.part(lineStart, lineEnd ?? lines.count)))
            for (number, phrase) in StatusPhrase.allCases.enumerated() where places[number] < start
            {
                let next = phrase.offset(in: lines.part(start, lines.count))
                places[number] = next.map { start + $0 } ?? lines.count
            }
        }
    }

    private mutating func extend(by piece: UnsafeRawBufferPointer) {
        guard !piece.isEmpty else { return }
        if !saysPhrase {
            let seam = Array(held.suffix(overlap)) + Array(piece.part(0, min(overlap, piece.count)))
            saysPhrase =
                seam.withUnsafeBytes(StatusLineFilter.saysPhrase)
                || StatusLineFilter.saysPhrase(piece)
        }
        lineBytes += piece.count
        if lineBytes <= StatusLineFilter.lineLimitBytes {
            held.append(contentsOf: piece)
        } else {
            held = held.suffix(overlap) + piece.part(max(0, piece.count - overlap), piece.count)
            held.removeFirst(max(0, held.count - overlap))
        }
    }

    private mutating func endLine(_ found: (StatusLine) -> Void) {
        if saysPhrase {
            let fits = lineBytes <= StatusLineFilter.lineLimitBytes
            found(
                fits
                    ? held.withUnsafeBytes(StatusLineFilter.line) : .unreadable(bytes: lineBytes)
            )
        }
        held.removeAll(keepingCapacity: true)
        lineBytes = 0
        saysPhrase = false
    }

    /// How much of a phrase may lie before a cut.
    private var overlap: Int { StatusPhrase.longestBytes - 1 }

    /// A finished line. Replacing what is not UTF-8 can make it too long after all, and a NUL
    /// cannot be told from a broken log: both leave the status unknown.
    private static func line(_ bytes: UnsafeRawBufferPointer) -> StatusLine {
        guard bytes.count <= lineLimitBytes, !bytes.contains(0) else {
            return .unreadable(bytes: bytes.count)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.utf8.count <= lineLimitBytes ? .readable(text) : .unreadable(bytes: bytes.count)
    }

    private static func saysPhrase(_ bytes: UnsafeRawBufferPointer) -> Bool {
        StatusPhrase.allCases.contains { $0.offset(in: bytes) != nil }
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes from one offset up to another.
    fileprivate func part(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[start..<end])
    }

    fileprivate var firstNewline: Int? {
        baseAddress.flatMap { start in
            memchr(start, newline, count).map { UnsafeRawPointer($0) - start }
        }
    }

    fileprivate var lastNewline: Int? {
        baseAddress.flatMap { start in
            memrchr(start, newline, count).map { UnsafeRawPointer($0) - start }
        }
    }
}

private let newline = Int32(UInt8(ascii: "\n"))

/// The last place of a byte (memrchr(3)), which Swift's Glibc module leaves out: it shows only what is
/// declared without `_GNU_SOURCE`.
@_silgen_name("memrchr")
private func memrchr(
    _ bytes: UnsafeRawPointer,
    _ byte: Int32,
    _ count: Int
) -> UnsafeMutableRawPointer?
