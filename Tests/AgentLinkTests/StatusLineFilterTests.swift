import AgentLink
import Seeded
import Testing

@Suite("Status line filter")
struct StatusLineFilterTests {
    static let registered =
        "2025-01-01T00:00:00.000Z [INFO]  core: Agent registered successfully with HCP Terraform:"
    static let job = #"{"@level":"info","@message":"Job received","job_id":"run-x"}"#
    static let waiting = "2025-01-01T00:00:00.000Z [INFO]  core: Waiting for next job"

    /// Feeds a text in pieces of given sizes, over and over, and collects what is found.
    static func lines(of text: [UInt8], pieces: [Int]) -> [StatusLine] {
        var filter = StatusLineFilter()
        var found: [StatusLine] = []
        var start = 0
        var turn = 0
        while start < text.count {
            let end = min(start + max(1, pieces[turn % pieces.count]), text.count)
            Array(text[start..<end]).withUnsafeBytes { filter.feed($0) { found.append($0) } }
            start = end
            turn += 1
        }
        filter.finish { found.append($0) }
        return found
    }

    @Test("text and JSON lines are found among others, in order")
    func findsLines() {
        let text = "start\n\(Self.registered)\nnoise\n\(Self.waiting)\n\n\(Self.job)\nend\n"
        #expect(
            Self.lines(of: Array(text.utf8), pieces: [text.utf8.count])
                == [.readable(Self.registered), .readable(Self.waiting), .readable(Self.job)]
        )
    }

    @Test("what is found does not depend on where a write was cut")
    func cutsEverywhere() {
        let text = Array("a\n\(Self.job)\nnoise Job receive\n\(Self.waiting)\nJob received".utf8)
        let whole = Self.lines(of: text, pieces: [text.count])
        #expect(whole == [.readable(Self.job), .readable(Self.waiting), .readable("Job received")])
        for cut in 1..<text.count {
            #expect(Self.lines(of: text, pieces: [cut, text.count]) == whole, "cut at \(cut)")
            #expect(Self.lines(of: text, pieces: [cut]) == whole, "pieces of \(cut)")
        }
    }

    @Test("a last line without a newline counts at the end of the output")
    func endsWithoutNewline() {
        #expect(
            Self.lines(of: Array("x\n\(Self.waiting)".utf8), pieces: [7])
                == [.readable(Self.waiting)]
        )
    }

    @Test("a phrase that lies across a line break is none")
    func staysInTheLine() {
        #expect(Self.lines(of: Array("Job\nreceived Job \nreceived\n".utf8), pieces: [3]).isEmpty)
    }

    @Test("the longest line that fits is passed on; one byte more is unreadable")
    func limitsLines() {
        for (bytes, pieces) in [(0, [1 << 20]), (0, [4096]), (1, [1 << 20]), (1, [4096])] {
            let padding = StatusLineFilter.lineLimitBytes - 12 + bytes
            let line = String(repeating: "x", count: padding) + "Job received"
            let expected: StatusLine =
                bytes == 0 ? .readable(line) : .unreadable(bytes: line.utf8.count)
            #expect(Self.lines(of: Array((line + "\nx\n").utf8), pieces: pieces) == [expected])
        }
    }

    @Test(
        "a phrase is found anywhere in a line of 1 MiB, which is unreadable",
        arguments: [0, 1, 65_520, 65_536, 131_060, 524_288, 1_048_000],
        [[1000], [65536], [1 << 21]]
    )
    func findsInLongLines(_ offset: Int, _ pieces: [Int]) {
        var text = [UInt8](repeating: 120, count: 1 << 20)
        text.replaceSubrange(offset..<(offset + 12), with: "Job received".utf8)
        text += Array("\n\(Self.waiting)\n".utf8)
        #expect(
            Self.lines(of: text, pieces: pieces)
                == [.unreadable(bytes: 1 << 20), .readable(Self.waiting)]
        )
    }

    @Test(
        "bytes that are no UTF-8 are replaced, and a line that grows too long by it is unreadable"
    )
    func repairs() {
        let phrase = Array("Job received".utf8)
        #expect(
            Self.lines(of: [0xFF] + phrase + [10], pieces: [99])
                == [.readable("\u{FFFD}Job received")]
        )
        let broken = [UInt8](repeating: 0xFF, count: 30_000) + phrase
        #expect(Self.lines(of: broken + [10], pieces: [4096]) == [.unreadable(bytes: 30_012)])
        #expect(Self.lines(of: phrase + [0, 10], pieces: [4]) == [.unreadable(bytes: 13)])
    }

    @Test("for random output cut at random, the filter finds what reading line by line finds")
    func agreesWithReadingLines() {
        let seed = UInt64.random(in: .min ... .max)
        print("status line filter: seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<60 {
            let text = Self.randomOutput(&random)
            let pieces = (0..<7).map { _ in Int.random(in: 1...100_000, using: &random) }
            let small = (0..<7).map { _ in Int.random(in: 1...40, using: &random) }
            let expected = Self.linesReadSimply(text)
            #expect(Self.lines(of: text, pieces: pieces) == expected, "seed \(seed)")
            if text.count < 20_000 {
                #expect(Self.lines(of: text, pieces: small) == expected, "seed \(seed)")
            }
        }
    }

    private static func randomOutput(_ random: inout SeededRandom) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<Int.random(in: 1...30, using: &random) {
            switch Int.random(in: 0...9, using: &random) {
            case 0: text += Array("Agent registered successfully".utf8)
            case 1: text += Array("Job received".utf8)
            case 2: text += Array("Waiting for next job".utf8)
            case 3: text += Array("Job recei Waiting for next jo".utf8)
            case 4:
                let count = Int.random(in: 60_000...70_000, using: &random)
                text += [UInt8](repeating: 46, count: Bool.random(using: &random) ? count : 5)
            case 5...6: text.append(10)
            default:
                let count = Int.random(in: 0...50, using: &random)
                text += (0..<count).map { _ in UInt8.random(in: 32...126, using: &random) }
            }
        }
        return text
    }

    private static func linesReadSimply(_ text: [UInt8]) -> [StatusLine] {
        text.split(separator: 10).compactMap { bytes in
            let line = String(decoding: bytes, as: UTF8.self)
            guard StatusPhrase.allCases.contains(where: { $0.isSaid(in: line) }) else { return nil }
            return bytes.count <= StatusLineFilter.lineLimitBytes
                ? .readable(line) : .unreadable(bytes: bytes.count)
        }
    }
}
