import Daemon
import Glibc
import Synchronization
import Testing

/// A log whose reader stops reading, as a pipe of this process.
@Suite("Log writer")
struct LogWriterTests {
    private final class Pipe: Sendable {
        let reader: Int32
        let writer: Int32

        init() {
            var ends: [Int32] = [-1, -1]
            #expect(pipe(&ends) == 0)
            (reader, writer) = (ends[0], ends[1])
        }

        deinit {
            close(reader)
            close(writer)
        }

        /// Until nothing more fits.
        func fill() {
            let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 4_096)
            var entry = pollfd(fd: writer, events: Int16(POLLOUT), revents: 0)
            while poll(&entry, 1, 0) > 0 { _ = write(writer, piece, piece.count) }
        }

        /// Everything up to a line, which must come.
        func read(upTo last: String) -> [String] {
            var bytes: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 65_536)
            while !bytes.ends(with: Array((last + "\n").utf8)) {
                let count = Glibc.read(reader, &piece, piece.count)
                guard count > 0 else { break }
                bytes += piece[..<count]
            }
            return bytes.split(separator: UInt8(ascii: "\n")).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
    }

    private func writer(_ pipe: Pipe, limitBytes: Int = LogWriter.limitBytes) -> LogWriter {
        LogWriter(pipe.writer, limitBytes: limitBytes) { "\($0) lost\n" }
    }

    @Test("a line is out when the call returns, where somebody reads")
    func atOnce() {
        let pipe = Pipe()
        writer(pipe).write("one\n")
        var entry = pollfd(fd: pipe.reader, events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 0) == 1)
        #expect(pipe.read(upTo: "one") == ["one"])
    }

    @Test("nobody waits for a reader who stopped; the lines come in order once he reads again")
    func stopped() {
        let pipe = Pipe()
        pipe.fill()
        let writer = writer(pipe)
        let long = String(repeating: "y", count: 10_000)
        for number in 0..<20 { writer.write("\(number) \(long)\n") }
        writer.write("last\n")
        let lines = pipe.read(upTo: "last")
        #expect(lines.count == 21)
        #expect(lines.first?.drop { $0 == "x" } == "0 \(long)")
        #expect(lines.dropFirst().dropLast() == (1..<20).map { "\($0) \(long)" }[...])
    }

    @Test("what there is no room for is counted, and the count is said after what was kept")
    func lost() {
        let pipe = Pipe()
        pipe.fill()
        let writer = writer(pipe, limitBytes: 20)
        for number in 10..<100 { writer.write("line \(number)\n") }
        let lines = pipe.read(upTo: "88 lost")
        #expect(lines.map { $0.drop { $0 == "x" } } == ["line 10", "line 11", "88 lost"])
        writer.write("after\n")
        #expect(pipe.read(upTo: "after") == ["after"])
    }

    @Test("a program that ends brings out what waits, but waits for nobody for long")
    func flush() {
        let pipe = Pipe()
        pipe.fill()
        let writer = writer(pipe)
        writer.write("one\n")
        let before = ContinuousClock.now
        writer.flush(within: .milliseconds(50))
        #expect(before.duration(to: .now) < .seconds(10))
        _ = pipe.read(upTo: "one")
        writer.flush(within: .seconds(60))
        writer.write("two\n")
        #expect(pipe.read(upTo: "two") == ["two"])
    }

    @Test("a log that nobody can ever read again costs nothing")
    func closed() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        let writer = LogWriter(ends[1]) { "\($0) lost\n" }
        for _ in 0..<3 { writer.write("one\n") }
        writer.flush(within: .seconds(60))
        close(ends[1])
    }
}

extension [UInt8] {
    fileprivate func ends(with other: [UInt8]) -> Bool { suffix(other.count).elementsEqual(other) }
}
