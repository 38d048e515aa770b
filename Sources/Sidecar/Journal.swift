import Decisions
import Logging
import Synchronization

/// What the sidecar says in its log: each step with its reason, in the design's words.
final class Journal: Sendable {
    private let logger: Logger
    private let saidOnce = Mutex<Set<String>>([])
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
        case .compare, .watch, .ledger(.reserve):
            // Once a minute for each idle agent; what follows from it is said above debug.
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

    /// A fault of somebody else's message, reported once with its cause.
    func once(_ fault: String) {
        let isNew = saidOnce.withLock { said in
            if said.count >= Self.saidLimit { said = [] }
            return said.insert(fault).inserted
        }
        if isNew { logger.warning("\(fault)") }
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
        case .drain: "drain the agent"
        case .release: "release the container"
        case .project: "make the service follow the ledger"
        case .compare: "compare service and ledger"
        case .watch(let agent): "ask HCP Terraform for \(agent)"
        case .wakeAt: "sleep"
        case .end: "end"
        case .note, .warn, .alarm: "note"
        case .ledger(.report(let job?, _)): "report \(job)"
        case .ledger(.report(nil, _)): "report no job"
        case .ledger(.reserve): "ask to leave"
        case .ledger(.rejoin): "rejoin"
        case .ledger(.depart): "depart"
        case .ledger(.expose): "enter the task as exposed"
        case .ledger(.cover): "take the exposure back"
        }
    }
}
