import Daemon
import Decisions
import Synchronization
import Telemetry
import Testing

@testable import Sidecar

@Suite("Journal")
struct JournalTests {
    private final class Lines: Sendable {
        private let written = Mutex<[LogRecord]>([])
        var records: [LogRecord] { written.withLock { $0 } }
        var all: [String] {
            records.map { record in
                let times = record.fields[.times].map { " \($0.text)" } ?? ""
                return "\(record.level) \(record.message)\(times)"
            }
        }
        var log: ProgramLog {
            ProgramLog { record in self.written.withLock { $0.append(record) } }
        }
    }

    private let lines = Lines()
    private var journal: Journal { Journal(lines.log) }

    @Test("a fault of one kind is said once and counted, whatever differs each time")
    func counted() {
        let journal = journal
        for number in 1...1_000 {
            journal.once(.statusLineTooLong, "a line is too long", "\(number) bytes")
        }
        #expect(
            lines.all == [
                "warning a line is too long: 1 bytes", "warning a line is too long 10",
                "warning a line is too long 100", "warning a line is too long 1000",
            ]
        )
    }

    @Test("each kind is counted by itself, and inventing kinds does not fill the memory")
    func kinds() {
        let journal = journal
        for number in 1...200 { journal.once(.messageMalformed, "kind \(number)") }
        for _ in 1...5 { journal.once(.messageMalformed, "kind 200") }
        #expect(lines.all.count == 200)
    }
}
