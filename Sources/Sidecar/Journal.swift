import Decisions
import Logging
import Synchronization

/// What the sidecar says in its log: each step with its reason.
final class Journal: Sendable {
    private let logger: Logger
    private let saidOnce = Mutex<[String: Int]>([:])
    private let last = Mutex<Step?>(nil)

    /// Different faults that are remembered as said. A peer that invents new ones must not fill
    /// the memory; beyond this the log shows repeats.
    private static let saidLimit = 64

    init(_ logger: Logger) { self.logger = logger }

    func note(_ step: Step) {
        let reason: Logger.Metadata = ["reason": "\(step.reason)"]
        switch step.directive {
        case .wakeAt: break
        case .note: logger.info("the agent stays", metadata: reason)
        case .warn: logger.warning("something is not as it should be", metadata: reason)
        case .alarm: logger.error("this installation is faulty", metadata: reason)
        case .compare, .look, .watch, .ledger(.reserve):
            // Once a minute for each idle agent, and for each that leaves for a fresh one; what follows from it is said above debug.
            logger.debug("\(step.directive.words)", metadata: reason)
        default:
            let level: Logger.Level = isRepeat(step) ? .debug : .info
            logger.log(level: level, "\(step.directive.words)", metadata: reason)
        }
    }

    /// A task that may not be protected yet asks every few seconds, for hours if need be.
    private func isRepeat(_ step: Step) -> Bool {
        last.withLock { last in
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
    func once(_ kind: String, _ detail: String? = nil) {
        let count = saidOnce.withLock { said in
            if said[kind] == nil, said.count >= Self.saidLimit { said = [:] }
            said[kind, default: 0] += 1
            return said[kind] ?? 1
        }
        if count == 1 {
            logger.warning("\(detail.map { "\(kind): \($0)" } ?? kind)")
        } else if Self.isPowerOfTen(count) {
            logger.warning("\(kind)", metadata: ["times": "\(count)"])
        }
    }

    private static func isPowerOfTen(_ number: Int) -> Bool {
        var power = 1
        while power < number { power *= 10 }
        return power == number
    }

    func info(_ text: String) { logger.info("\(text)") }
    func warning(_ text: String) { logger.warning("\(text)") }
    func error(_ text: String) { logger.error("\(text)") }

    func stopped(by signal: Int32) {
        logger.info("asked to stop", metadata: ["signal": "\(signal)"])
    }
}

extension Directive {
    /// The directive as a person says it.
    var words: String {
        switch self {
        case .protect: "protect the task"
        case .unprotect: "give protection back"
        case .becomeHealthy: "healthy: the agent may start"
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
        case .note, .warn, .alarm: "note"
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
