import Decisions
import Model
import Rules

/// What the rule book is told of a happening. What the kernel says of an agent's process, which the
/// stand-ins ask, goes before what they were told: an end is told a moment late.
extension Happening {
    var facts: [Fact] { ecsFacts ?? terraformFacts ?? otherFacts }

    private var ecsFacts: [Fact]? {
        switch self {
        case .taskStarted(let task): [.taskStarted(task)]
        case .taskStopped(let task): [.taskStopped(task)]
        case .scaledIn(let task, let cause): [.stopped(task, cause)]
        case .protected(let task, _): [.protected(task, until: nil)]
        case .unprotected(let task, let agentAlive, _):
            (agentAlive ? [] : [.agentEnded(task)]) + [.unprotected(task)]
        case .desiredCount(let from, let to, let dead):
            dead.map { .agentEnded($0) } + [.desiredCount(from: from, to: to, by: .system)]
        case .desiredCountEdited(let from, let to): [.desiredCount(from: from, to: to, by: .person)]
        case .ledger(let write, let caller, let living): Self.facts(of: write, caller, living)
        case .itemWritten(let text): [.written(text, .table)]
        default: nil
        }
    }

    private static func facts(
        of write: LedgerRecord.Write,
        _ caller: TaskID?,
        _ living: Set<TaskID>
    ) -> [Fact] {
        let (old, new, departures) = (write.old, write.new, write.departures)
        // A job's item without the ledger's own says nothing of what is counted.
        guard new.version > 0 else { return [] }
        guard !write.leavesVersion else { return [.ledgerRaised(isAdopted: new.isAdopted)] }
        let fact = CountedWrite(
            by: caller,
            versions: .init(old?.version ?? 0, new.version),
            sizes: .init(old?.size ?? new.size, new.size),
            departures: departures,
            exposed: new.exposed,
            isAdopted: new.isAdopted,
            startsFail: new.startsFail
        )
        return departures.filter { !living.contains($0) }.map { .agentEnded($0) }
            + [.ledgerWritten(fact)]
    }

    private var terraformFacts: [Fact]? {
        switch self {
        case .agentRegistered(let task, _, _, _): [.agentStarted(task)]
        case .agentStatus(let task, _, let status):
            ServerStatus(rawValue: status.rawValue).map { [.agentStatus(task, $0)] }
        case .jobStarted(let job, let task, _): [.jobReceived(job, task)]
        case .jobEnded(let job, let task, _, _): [.jobEnded(job, task)]
        case .jobLost(let job, let task): [.jobLost(job, task)]
        case .runStatus(let run, _, let end): end.map { [.runEnded(run, Self.end($0))] } ?? []
        default: nil
        }
    }

    private static func end(_ end: RunLife.End) -> Fact.RunEnd {
        switch end {
        case .asMeant: .asMeant
        case .agentLost: .agentGone
        case .job: .failed(end.text)
        }
    }

    private var otherFacts: [Fact] {
        switch self {
        case .agentGone(let task): [.agentEnded(task)]
        case .renewed(let task): [.agentEnded(task), .renewed(task)]
        case .found(let job, let task, let left): [.found(job, task, left: left)]
        case .stopSignal(let task, let count): [.stopSignal(task, count: count)]
        case .line(.endpoint, let text): [.written(text, .endpointLog)]
        case .line(.container(let task, let name), let text):
            [.written(text, .log(task, program: name))]
        case .serviceDeleted(let from):
            [.desiredCount(from: from, to: 0, by: .person), .serviceEnds]
        case .limitsEnded: [.limitsEnd]
        case .doomed(let task, let cause): [.doomed(task, cause: cause)]
        case .rest(let rest): [.rest(rest)]
        default: []
        }
    }
}

extension RunLife.End {
    /// In a word or two, for the timeline and the rules.
    var text: String {
        switch self {
        case .asMeant: "as meant"
        case .agentLost: "the agent that ran it is gone"
        case .job(let result): "the agent reported \(result.rawValue)"
        }
    }
}
