import AWS
import Decisions
import Model
import Simulation
import Telemetry

/// What a proof cost, in US dollars, at list prices of us-east-1. What nobody tells at once (DynamoDB's
/// readings) is estimated, and said to be.
struct ProofBill: Equatable, Sendable {
    /// Fargate bills a minute at the least (AWS Fargate pricing).
    private static let leastSeconds = 60.0
    /// A public IPv4 address (Amazon VPC pricing).
    private static let addressHour = 0.005
    /// A gigabyte-second, and a million requests, on x86 (AWS Lambda pricing).
    private static let lambdaGigabyteSecond = 0.0000166667
    private static let millionInvocations = 0.20
    /// A gigabyte taken in (Amazon CloudWatch pricing), and what each line has beside its text.
    private static let logGigabyte = 0.50
    private static let logLineBytes = 26
    /// DynamoDB's units that the readings of one job take, which no line tells (`rehearsal play --runs 8
    /// --max 5`).
    private static let readUnitsPerJob = 4.8

    private(set) var taskSeconds = 0.0
    private(set) var tasks = 0
    private(set) var invocations = 0
    private(set) var gigabyteSeconds = 0.0
    private(set) var logBytes = 0
    private(set) var jobs = 0
    /// As sidecars and endpoint tell them.
    private(set) var writeUnits = 0.0
    /// Of the tasks that examples/prove makes.
    private let prices: Prices = {
        var prices = Prices()
        (prices.vcpus, prices.gigabytes) = (0.25, 0.5)
        return prices
    }()

    init(
        tasks observed: [TaskDescription],
        functionLog: [LogGroupReader.Event],
        agentsLog: [LogGroupReader.Event],
        jobs: Int
    ) {
        self.jobs = jobs
        for task in observed {
            guard let start = task.pullStartedAt ?? task.createdAt, let end = task.stoppedAt else {
                continue
            }
            tasks += 1
            let seconds = Double(end.milliseconds - start.milliseconds) / 1_000
            taskSeconds += max(Self.leastSeconds, seconds)
        }
        for event in functionLog {
            guard let report = Self.report(event.text) else { continue }
            invocations += 1
            gigabyteSeconds += report
        }
        for event in functionLog + agentsLog {
            writeUnits += Self.writeUnits(event.text)
        }
        logBytes = (functionLog + agentsLog).reduce(0) {
            $0 + $1.text.utf8.count + Self.logLineBytes
        }
    }

    /// Gigabyte-seconds in a line with which Lambda reports an invocation (Lambda developer guide,
    /// "Log format"); nil for any other line.
    static func report(_ line: String) -> Double? {
        guard line.hasPrefix("REPORT RequestId:") else { return nil }
        func number(_ name: String) -> Double? {
            guard let range = line.firstRange(of: name + ": ") else { return nil }
            return Double(line[range.upperBound...].prefix { $0.isNumber || $0 == "." })
        }
        guard let milliseconds = number("Billed Duration"), let megabytes = number("Memory Size")
        else { return nil }
        return milliseconds / 1_000 * megabytes / 1_024
    }

    /// What a line tells of writes of the ledger since the line before.
    private static func writeUnits(_ line: String) -> Double {
        let metric = Metric.ledgerWriteUnits.rawValue
        guard line.contains(metric), case .number(let units)? = JSON(parsing: line.utf8)?[metric]
        else { return 0 }
        return units
    }

    private var parts: [(text: String, dollars: Double)] {
        let hours = taskSeconds / 3_600
        let reads = Self.readUnitsPerJob * Double(jobs)
        return [
            (
                "Fargate: \(tasks) tasks, \(tenths(taskSeconds)) s, each with a public address",
                hours * (prices.agentHour + Self.addressHour)
            ),
            (
                "Lambda: \(invocations) invocations, \(tenths(gigabyteSeconds)) GB-s",
                gigabyteSeconds * Self.lambdaGigabyteSecond
                    + Double(invocations) * Self.millionInvocations / 1_000_000
            ),
            (
                "DynamoDB: \(tenths(writeUnits)) units to write, and estimated \(tenths(reads)) to read",
                (writeUnits * prices.millionWrites + reads * prices.millionReads) / 1_000_000
            ),
            (
                "CloudWatch Logs: \(logBytes / 1_000) kB taken in",
                Double(logBytes) / 1_000_000_000 * Self.logGigabyte
            ),
        ]
    }

    var dollars: Double { parts.reduce(0) { $0 + $1.dollars } }

    var text: String {
        let rows = parts.map { "  \(Self.cents($0.dollars))  \($0.text)" }
        return (["It cost \(Self.cents(dollars)) cents, at list prices of us-east-1:"] + rows)
            .joined(separator: "\n")
    }

    /// In cents with three decimals, without a formatter that would pull in ICU.
    private static func cents(_ dollars: Double) -> String {
        let thousandths = Int((dollars * 100_000).rounded())
        let rest = "\(thousandths % 1_000)"
        return "\(thousandths / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}
