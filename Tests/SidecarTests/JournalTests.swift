import Decisions
import Logging
import Synchronization
import Testing

@testable import Sidecar

@Suite("Journal")
struct JournalTests {
    private final class Lines: LogHandler, Sendable {
        private let written = Mutex<[String]>([])
        var all: [String] { written.withLock { $0 } }
        var logLevel: Logger.Level {
            get { .info }
            set {}
        }
        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) {
            let times = event.metadata?["times"].map { " \($0)" } ?? ""
            written.withLock { $0.append("\(event.level) \(event.message)\(times)") }
        }
    }

    private let lines = Lines()
    private var journal: Journal { Journal(Logger(label: "test") { _ in lines }) }

    @Test("a fault of one kind is said once and counted, whatever differs each time")
    func counted() {
        let journal = journal
        for number in 1...1_000 { journal.once("a line is too long", "\(number) bytes") }
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
        for number in 1...200 { journal.once("kind \(number)") }
        for _ in 1...5 { journal.once("kind 200") }
        #expect(lines.all.count == 200)
    }
}
