import AWS
import Decisions
import FoundationEssentials
import Ports

extension PoolStatus {
    /// One JSON object in one line. Names of states and reasons never change; the sentences beside
    /// them may.
    package var json: String { OperatorJSON.line(Written(self)) }

    private struct Written: Encodable {
        let cluster: String
        let service: String
        let at: String
        let limits: WrittenLimits?
        let ledger: WrittenLedger?
        let counts: WrittenCounts?
        let deployments: [WrittenDeployment]?
        let concerns: [WrittenReason]
        let agents: [WrittenAgent]
        let boots: [WrittenBoot]
        let waiting: [WrittenJob]
        let departures: [WrittenDeparture]
        let failedStarts: [WrittenStart]
        let cannotTell: [String]

        init(_ status: PoolStatus) {
            cluster = status.place.cluster
            service = status.place.service
            at = status.at.text
            limits = status.ledger.map { WrittenLimits($0.limits) }
            ledger = status.ledger.map {
                WrittenLedger(
                    size: $0.ledger.size,
                    wanted: $0.ledger.want($0.limits),
                    working: $0.ledger.busy,
                    leaving: $0.ledger.leaving.count
                )
            }
            counts = status.service.map {
                WrittenCounts(
                    status: $0.counts.status,
                    desired: $0.counts.desired,
                    running: $0.counts.running,
                    pending: $0.counts.pending
                )
            }
            deployments = status.service?.deployments.map(WrittenDeployment.init)
            concerns = status.concerns.map { WrittenReason(code: $0.code, text: "\($0)") }
            agents = status.agents.map(WrittenAgent.init)
            boots = status.boots.map(WrittenBoot.init)
            waiting = status.waiting.map {
                WrittenJob(
                    job: $0.job.key,
                    since: $0.since.text,
                    reason: WrittenReason(code: $0.reason.code, text: "\($0.reason)")
                )
            }
            departures = status.departures.map(WrittenDeparture.init)
            failedStarts = status.failedStarts.map {
                WrittenStart(task: $0.task?.text, at: $0.at?.text, reason: $0.reason)
            }
            cannotTell = status.unknown
        }
    }

    private struct WrittenLimits: Encodable {
        let desiredCount: Int
        let maxCount: Int
        let spareCount: Int

        init(_ limits: Limits) {
            desiredCount = limits.desiredCount
            maxCount = limits.maxCount
            spareCount = limits.spareCount
        }
    }

    private struct WrittenLedger: Encodable {
        let size: Int
        let wanted: Int
        let working: Int
        let leaving: Int
    }

    private struct WrittenCounts: Encodable {
        let status: String
        let desired: Int
        let running: Int
        let pending: Int
    }

    private struct WrittenDeployment: Encodable {
        let id: String?
        let isNewest: Bool
        let definition: String?
        let state: String?
        let reason: String?
        let running: Int
        let pending: Int
        let failed: Int

        init(_ deployment: DeploymentDescription) {
            id = deployment.view.id
            isNewest = deployment.view.isPrimary
            definition = deployment.definition
            state = deployment.view.state?.rawValue
            reason = deployment.reason
            running = deployment.view.running
            pending = deployment.view.pending
            failed = deployment.view.failed
        }
    }

    private struct WrittenReason: Encodable {
        let code: String
        let text: String
    }

    private struct WrittenAgent: Encodable {
        let task: String
        let state: String?
        let does: String
        let job: String?
        let since: String?
        let definition: String?
        let isExposed: Bool

        init(_ agent: PoolStatus.Agent) {
            task = agent.task.text
            state = agent.state
            does = agent.work.code
            job = agent.work.job?.key
            since = agent.since?.text
            definition = agent.definition
            isExposed = agent.isExposed
        }
    }

    /// Each part by itself.
    private struct WrittenBoot: Encodable {
        let task: String
        let connectedSeconds: Double?
        let pullBeganSeconds: Double?
        let pulledSeconds: Double?
        let ranSeconds: Double?

        init(_ boot: PoolStatus.Boot) {
            task = boot.task.text
            connectedSeconds = boot.connected.map { $0 / .seconds(1) }
            pullBeganSeconds = boot.asked.map { $0 / .seconds(1) }
            pulledSeconds = boot.pulled.map { $0 / .seconds(1) }
            ranSeconds = boot.ran.map { $0 / .seconds(1) }
        }
    }

    private struct WrittenJob: Encodable {
        let job: String
        let since: String
        let reason: WrittenReason
    }

    private struct WrittenDeparture: Encodable {
        let task: String
        let at: String?
        let kind: String?
        let stopCode: String?
        let exitCode: Int?
        let reason: String?

        init(_ departure: PoolStatus.Departure) {
            task = departure.task.text
            at = departure.at?.text
            kind = departure.kind?.rawValue
            stopCode = departure.stopCode
            exitCode = departure.exitCode
            reason = departure.reason
        }
    }

    private struct WrittenStart: Encodable {
        let task: String?
        let at: String?
        let reason: String
    }
}

extension PoolStatus.Work {
    fileprivate var code: String {
        switch self {
        case .starts: "starts"
        case .job: "works"
        case .noJob: "no_job"
        case .leaves(.surplus): "leaves_as_surplus"
        case .leaves(.stray): "leaves_as_stray"
        case .unknown: "unknown"
        }
    }
}

/// How operators' answers are written as JSON.
enum OperatorJSON {
    static func line(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        guard let data = try? encoder.encode(value) else {
            preconditionFailure("\(type(of: value)) holds something that JSON cannot say")
        }
        return String(decoding: data, as: UTF8.self)
    }
}

extension WallTime {
    /// Date and time of RFC 3339, to the second.
    var text: String {
        let date = Date(timeIntervalSince1970: Double(milliseconds) / 1_000)
        return Date.ISO8601FormatStyle().format(date)
    }
}
