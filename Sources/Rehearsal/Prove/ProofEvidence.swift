import AWS
import Audit
import Decisions
import Rules

/// All that was written and seen in a proof, to be judged by the rule book.
struct ProofEvidence: Sendable {
    var agents: [LogGroupReader.Event]
    var endpoint: [LogGroupReader.Event]
    var tasks: [TaskDescription]
    /// Every item of the ledger that was seen.
    var items: [String] = []
    var noted: [ProofStage.Noted] = []
    /// What the service looked like when all was over.
    var rest: Rest?

    func audit() -> Audit {
        var auditor = Auditor()
        for event in agents + endpoint { auditor.read(event.text) }
        for (at, fact) in facts { auditor.state(fact, at: at.milliseconds) }
        return auditor.audit()
    }

    /// What no program's line tells.
    private var facts: [ProofStage.Noted] {
        var facts = noted + tasks.compactMap(stop)
        for event in agents {
            let (task, program) = Self.origin(event.stream)
            facts.append((event.at, .written(event.text, .log(task, program: program))))
            // Signals the launcher tells by itself.
            if program == PlayNames.agent,
                case .found(let job, _, let left) = Happening(of: task, told: event.text)
            {
                facts.append((event.at, .found(job, task, left: left)))
            }
        }
        facts += endpoint.map { ($0.at, .written($0.text, .endpointLog)) }
        let end = (facts.map(\.at) + tasks.compactMap(\.stoppedAt)).max()
        facts += items.map { (end ?? WallTime(milliseconds: 0), .written($0, .table)) }
        if let rest { facts.append((end ?? WallTime(milliseconds: 0), .rest(rest))) }
        return facts
    }

    /// ECS's scheduler stopped the task. A person did what follows from that person's count.
    private func stop(_ task: TaskDescription) -> ProofStage.Noted? {
        guard task.isStoppedByScheduler, let at = task.stoppingAt ?? task.stoppedAt else {
            return nil
        }
        let isPersons = noted.contains { noted in
            guard case .desiredCount(_, _, .person) = noted.fact else { return false }
            return noted.at <= at && at.since(noted.at) < .seconds(Self.editEffect)
        }
        return (at, .stopped(task.id, isPersons ? .personsScaleIn : .scaleIn))
    }

    /// So long after a person's count ECS may still follow it.
    private static let editEffect = 60

    /// `NAME/CONTAINER/TASK` (Amazon ECS developer guide, awslogs).
    static func origin(_ stream: String) -> (task: TaskID, program: String) {
        let parts = stream.split(separator: "/").map(String.init)
        return (TaskID(parts.last ?? stream), parts.count == 3 ? parts[1] : stream)
    }

    /// Whether ECS was seen to refuse protection, as it was meant to.
    var refusals: String {
        let tasks = agents.filter { $0.text.contains(#""event":"protection_refused""#) }
            .map { Self.origin($0.stream).task }
        return tasks.isEmpty
            ? "ECS was not seen to refuse protection: the rights came back too early, or late"
            : "ECS refused protection to \(Set(tasks).count) task(s), and their runs went on"
    }
}
