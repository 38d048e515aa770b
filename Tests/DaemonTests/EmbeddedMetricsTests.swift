import Daemon
import FoundationEssentials
import Synchronization
import Telemetry
import Testing

@Suite("Embedded metrics")
struct EmbeddedMetricsTests {
    /// The member `_aws` as CloudWatch reads it.
    private struct Line: Decodable {
        let aws: Metadata?
        let cluster: String?
        let reasonName: String?
        let status: String?
        let departures: Double?

        enum CodingKeys: String, CodingKey {
            case aws = "_aws"
            case cluster
            case reasonName = "reason_name"
            case status
            case departures = "Departures"
        }
    }

    private struct Metadata: Decodable {
        let timestamp: Int64
        let directives: [Directive]

        enum CodingKeys: String, CodingKey {
            case timestamp = "Timestamp"
            case directives = "CloudWatchMetrics"
        }
    }

    private struct Directive: Decodable, Equatable {
        let namespace: String
        let dimensions: [[String]]
        let metrics: [Definition]

        enum CodingKeys: String, CodingKey {
            case namespace = "Namespace"
            case dimensions = "Dimensions"
            case metrics = "Metrics"
        }
    }

    private struct Definition: Decodable, Equatable {
        let name: String
        let unit: String

        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case unit = "Unit"
        }
    }

    private static let place: LogFields = [.cluster: "tfc", .service: "tfc-agents"]

    private func line(
        _ fields: LogFields,
        _ measured: Measurements,
        embedding: Bool = true
    ) throws -> Line {
        let record = LogRecord(.departed, "gone", fields, measuring: measured)
        let text = record.line(
            at: LogMoment(milliseconds: 1_772_323_199_007),
            by: "agent-sidecar",
            embedding: embedding
        )
        return try JSONDecoder().decode(Line.self, from: Data(text.utf8))
    }

    @Test("a line says which of its members are metrics, of which service, and in which unit")
    func directive() throws {
        let line = try line(Self.place, measured(.jobWait, .answerDuration))
        #expect(line.aws?.timestamp == 1_772_323_199_007)
        #expect(
            line.aws?.directives == [
                Directive(
                    namespace: "TerraformAgents",
                    dimensions: [["cluster", "service"]],
                    metrics: [
                        Definition(name: "AnswerDuration", unit: "Milliseconds"),
                        Definition(name: "JobWait", unit: "Seconds"),
                    ]
                )
            ]
        )
    }

    @Test("a metric with a dimension of its own has both sets, and the dimension's value is a text")
    func dimensions() throws {
        let fields = Self.place.merging([.reasonName: "retired", .status: "401"]) { $1 }
        let line = try line(fields, measured(.departures, .answers, .boot))
        #expect(
            line.aws?.directives.map(\.dimensions) == [
                [["cluster", "service"], ["cluster", "service", "status"]],
                [["cluster", "service"]],
                [["cluster", "service"], ["cluster", "service", "reason_name"]],
            ]
        )
        #expect(line.reasonName == "retired" && line.status == "401" && line.departures == 1)
    }

    @Test(
        "no line is a metric that is not of a service, that measures nothing, or where metrics are off"
    )
    func plain() throws {
        #expect(try line([:], measured(.departures)).aws == nil)
        #expect(try line(Self.place, [:]).aws == nil)
        let off = try line(Self.place, measured(.departures), embedding: false)
        #expect(off.aws == nil && off.departures == 1)
        #expect(try line(Self.place, [.departures: .nan]).aws == nil)
    }

    @Test("every line that could be keeps to CloudWatch's limits")
    func limits() throws {
        let all = Dictionary(uniqueKeysWithValues: Metric.allCases.map { ($0, 1.0) })
        let fields = Dictionary(
            uniqueKeysWithValues: LogField.allCases.map { ($0, LogValue.text("x")) }
        )
        let directives = try #require(try line(fields, all).aws?.directives)
        #expect(directives.flatMap(\.metrics).count == Metric.allCases.count)
        for directive in directives {
            #expect(directive.metrics.count <= 100)
            #expect(directive.dimensions.allSatisfy { $0.count <= 30 })
        }
        // No field and no metric may be called the same: both are members of the line.
        let names = Metric.allCases.map(\.rawValue) + LogField.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
    }

    @Test("what is to be counted is written whatever the log level")
    func threshold() {
        for (embedding, written) in [(true, 1), (false, 0)] {
            let count = Counter()
            let log = ProgramLog(threshold: .error, embedding: embedding) { _ in count.add() }
            log(.swept, "swept")
            log(.swept, "swept", measuring: [.sweeps: 1])
            #expect(count.value == written)
        }
    }

    private final class Counter: Sendable {
        private let state = Mutex(0)
        var value: Int { state.withLock { $0 } }
        func add() { state.withLock { $0 += 1 } }
    }

    private func measured(_ metrics: Metric...) -> Measurements {
        Dictionary(uniqueKeysWithValues: metrics.map { ($0, 1) })
    }
}
