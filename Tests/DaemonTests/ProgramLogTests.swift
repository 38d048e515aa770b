import Daemon
import FoundationEssentials
import Synchronization
import Telemetry
import Testing

@Suite("Lines of a log")
struct ProgramLogTests {
    private struct Line: Decodable, Equatable {
        let time: String
        let level: String
        let program: String
        let event: String
        let message: String
        var job: String?
        var seconds: Double?
        var restarted: Bool?
    }

    private final class Records: Sendable {
        private let state = Mutex<[LogRecord]>([])
        var all: [LogRecord] { state.withLock { $0 } }
        func add(_ record: LogRecord) { state.withLock { $0.append(record) } }
    }

    private func written(
        at threshold: LogLevel = .info,
        _ say: (ProgramLog) -> Void
    ) -> [LogRecord] {
        let records = Records()
        say(ProgramLog(threshold: threshold) { records.add($0) })
        return records.all
    }

    @Test("what has come together is counted by the next line that is written, once")
    func gathered() {
        let left = Mutex<[Measurements]>([[.ledgerConflicts: 2], [:], [.ledgerConflicts: 1]])
        let lines = written { log in
            let log = log.gathering { left.withLock { $0.isEmpty ? [:] : $0.removeFirst() } }
            log(.leaveAsked, "of level debug", measuring: [.answers: 1])
            log(.departed, "first", measuring: [.departures: 1])
            log(.departed, "second")
            log(.departed, "third")
        }
        #expect(
            lines.map(\.measured) == [
                [.answers: 1], [.departures: 1, .ledgerConflicts: 2], [:], [.ledgerConflicts: 1],
            ]
        )
    }

    @Test(
        "a line is one JSON object: when, how bad, by whom, what, and fields whose numbers are numbers"
    )
    func form() throws {
        let record = LogRecord(
            .drainRunsLong,
            "a \"quote\", a line\nand \u{1}",
            [.job: "run-1/plan", .seconds: .number(1.5), .restarted: .flag(true)]
        )
        let line = record.line(at: LogMoment(milliseconds: 1_772_323_199_007), by: "agent-sidecar")
        #expect(line.hasSuffix("}\n") && !line.dropLast().contains("\n"))
        let read = try JSONDecoder().decode(Line.self, from: Data(line.utf8))
        #expect(
            read
                == Line(
                    time: "2026-02-28T23:59:59.007Z",
                    level: "warning",
                    program: "agent-sidecar",
                    event: "drain_runs_long",
                    message: "a \"quote\", a line\nand \u{1}",
                    job: "run-1/plan",
                    seconds: 1.5,
                    restarted: true
                )
        )
    }

    @Test(
        "times are those of RFC 3339, in leap years too",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        ] as [(Int64, String)]
    )
    func times(_ milliseconds: Int64, _ text: String) {
        #expect("\(LogMoment(milliseconds: milliseconds))" == text)
    }

    @Test(
        "numbers have at most three decimals, and none that JSON does not know",
        arguments: [
            (0, "0"), (-2, "-2"), (1.5, "1.5"), (0.001, "0.001"), (0.0004, "0"), (-0.25, "-0.25"),
            (12_345.678_9, "12345.679"), (.infinity, "null"), (.nan, "null"),
        ] as [(Double, String)]
    )
    func numbers(_ number: Double, _ text: String) { #expect(JSONText.number(number) == text) }

    @Test("what a log says besides is in each line, and a line's own field wins")
    func context() {
        let records = written { log in
            let log = log.with([.run: "run-1", .stage: "pre_plan"])
            log(.jobAnnounced, "announced", [.stage: "pre_apply"])
        }
        #expect(records.map(\.fields) == [[.run: "run-1", .stage: "pre_apply"]])
    }

    @Test("below its threshold nothing is written, and the event decides how bad a line is")
    func threshold() {
        let records = written(at: .warning) { log in
            log(.swept, "swept")
            log(.requestRefused, "refused")
            log(.sweptInPart, "in part")
        }
        #expect(records.map(\.level) == [.warning, .error])
    }

    @Test("every event's name is of lower-case letters and underscores")
    func names() {
        for name in EventName.allCases.map(\.rawValue) + LogField.allCases.map(\.rawValue) {
            #expect(name.utf8.allSatisfy { (97...122).contains($0) || $0 == 95 }, "\(name)")
        }
    }
}
