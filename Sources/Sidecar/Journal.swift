import Daemon
import Decisions
import Synchronization
import Telemetry

/// What the sidecar says in its log: each step with its reason.
final class Journal: Sendable {
    private let log: ProgramLog
    private let saidOnce = Mutex<[String: Int]>([:])
    private let last = Mutex<Step?>(nil)

    /// Different faults that are remembered as said. A peer that invents new ones must not fill
    /// the memory; beyond this the log shows repeats.
    private static let saidLimit = 64

    init(_ log: ProgramLog) { self.log = log }

    func note(_ step: Step) {
        guard let event = step.event else { return }
        // A task that may not be protected yet asks every few seconds, for hours if need be.
        let level: LogLevel? = isRepeat(step) && event.level == .info ? .debug : nil
        log(
            event,
            step.directive.words,
            step.reason.fields,
            level: level,
            measuring: step.measured
        )
    }

    private func isRepeat(_ step: Step) -> Bool {
        switch step.directive {
        case .note, .warn, .alarm: return false
        default: break
        }
        return last.withLock { last in
            defer { last = step }
            return last == step
        }
    }

    /// A fault of somebody else's message, said once for each kind and counted from then on: its
    /// tenth time is said again, its hundredth, and so on.
    ///
    /// - Parameters:
    ///   - kind: what is wrong; faults of the same words are the same fault.
    ///   - detail: what may differ each time. That of the first time is said.
    func once(_ event: EventName, _ kind: String, _ detail: String? = nil) {
        let key = event.rawValue + kind
        let count = saidOnce.withLock { said in
            if said[key] == nil, said.count >= Self.saidLimit { said = [:] }
            said[key, default: 0] += 1
            return said[key] ?? 1
        }
        if count == 1 {
            log(event, detail.map { "\(kind): \($0)" } ?? kind)
        } else if Self.isPowerOfTen(count) {
            log(event, kind, [.times: .count(count)])
        }
    }

    private static func isPowerOfTen(_ number: Int) -> Bool {
        var power = 1
        while power < number { power *= 10 }
        return power == number
    }

    func say(
        _ event: EventName,
        _ text: String,
        _ fields: LogFields = [:],
        measuring measured: Measurements = [:]
    ) {
        log(event, text, fields, measuring: measured)
    }

    func say(_ record: LogRecord) { log(record) }
}

extension Step {
    /// The event by which the step is told; nil for one that is not.
    var event: EventName? {
        switch directive {
        case .wakeAt: nil
        case .note, .warn, .alarm: reason.event
        case .protect: .protectionAsked
        case .unprotect: .protectionReturned
        case .allowAgent: .agentAllowed
        case .nameAgent, .nameNext: .agentNamed
        case .drain: .agentDrained
        case .release: .containerReleased
        case .hold: .containerHeld
        case .project: .projectionAsked
        case .compare: .comparisonAsked
        case .look: .deploymentsAsked
        case .watch: .agentStatusAsked
        case .end: .sidecarEnded
        case .ledger(.report(nil, _, _, _)): .noJobReported
        case .ledger(.report): .jobReported
        // Once a minute for each idle agent; what follows from it is said above debug.
        case .ledger(.reserve): .leaveAsked
        case .ledger(.rejoin): .leaveWithdrawn
        case .ledger(.depart): .departureReported
        case .ledger(.expose): .exposureReported
        case .ledger(.cover): .exposureWithdrawn
        }
    }
}

extension Directive {
    /// The directive as a person says it.
    var words: String {
        switch self {
        case .protect: "protect the task"
        case .unprotect: "give protection back"
        case .allowAgent: "the agent may start"
        case .nameAgent: "name the agent"
        case .nameNext(let number): "name agent \(number)"
        case .drain: "drain the agent"
        case .release: "release the container"
        case .hold: "hold the container open"
        case .project: "make the service follow the ledger"
        case .compare: "compare service and ledger"
        case .look: "ask ECS for the service's deployments"
        case .watch(let agent): "ask HCP Terraform for \(agent)"
        case .wakeAt: "sleep"
        case .end: "end"
        case .note: "the agent stays"
        case .warn: "something is not as it should be"
        case .alarm: "this installation is faulty"
        case .ledger(.report(let job?, _, _, _)): "report \(job)"
        case .ledger(.report(nil, _, _, _)): "report no job"
        case .ledger(.reserve): "ask to leave"
        case .ledger(.rejoin): "rejoin"
        case .ledger(.depart): "depart"
        case .ledger(.expose): "enter the task as exposed"
        case .ledger(.cover): "take the exposure back"
        }
    }
}
