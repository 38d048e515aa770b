import Decisions
import Rules

/// What the rule book is told of a happening. What the kernel says of an agent's process, which the
/// stand-ins ask, goes before what they were told: an end is told a moment late.
extension Happening {
    var facts: [Fact] { ecsFacts ?? terraformFacts ?? otherFacts }

    private var ecsFacts: [Fact]? {
        switch self {
        case .taskStarted(let task): [.taskStarted(.init(task))]
        case .taskStopped(let task): [.taskStopped(.init(task))]
        case .scaledIn(let task, let cause): [.stopped(.init(task), cause)]
        case .protected(let task, _): [.protected(.init(task), until: nil)]
        case .unprotected(let task, let agentAlive, _):
            (agentAlive ? [] : [.agentEnded(.init(task))]) + [.unprotected(.init(task))]
        case .desiredCount(let from, let to, let dead):
            dead.map { .agentEnded(.init($0)) } + [.desiredCount(from: from, to: to, by: .system)]
        case .desiredCountEdited(let from, let to): [.desiredCount(from: from, to: to, by: .person)]
        case .ledger(let write, let caller, let living): Self.facts(of: write, caller, living)
        case .itemWritten(let text): [.written(text, .table)]
        default: nil
        }
    }

    private static func facts(
        of write: LedgerRecord.Write,
        _ caller: String,
        _ living: Set<TaskID>
    ) -> [Fact] {
        let (old, new, departures) = (write.old, write.new, write.departures)
        // A job's item without the ledger's own says nothing of what is counted.
        guard new.version > 0 else { return [] }
        guard !write.leavesVersion else { return [.ledgerRaised(isAdopted: new.isAdopted)] }
        let fact = CountedWrite(
            by: caller == Play.endpointCaller ? nil : .init(caller),
            versions: .init(old?.version ?? 0, new.version),
            sizes: .init(old?.size ?? new.size, new.size),
            departures: departures.map { .init($0) },
            exposed: Set(new.exposed.map { .init($0) }),
            isAdopted: new.isAdopted,
            startsFail: new.startsFail
        )
        return departures.filter { !living.contains($0) }.map { .agentEnded(.init($0)) }
            + [.ledgerWritten(fact)]
    }

    private var terraformFacts: [Fact]? {
        switch self {
        case .agentRegistered(let task, _, _, _): [.agentStarted(.init(task))]
        case .agentStatus(let task, _, let status): [.agentStatus(.init(task), status)]
        case .jobStarted(let key, let task, _): Self.fact(key) { .jobReceived($0, .init(task)) }
        case .jobEnded(let key, let task, _, _): Self.fact(key) { .jobEnded($0, .init(task)) }
        case .jobLost(let key, let task, _): Self.fact(key) { .jobLost($0, .init(task)) }
        case .runPhase(let run, let phase, let note):
            phase.isFinal ? [.runEnded(run, Self.end(phase, note))] : []
        default: nil
        }
    }

    private static func fact(_ key: String, _ fact: (Decisions.Job) -> Fact) -> [Fact] {
        Decisions.Job(key: key).map { [fact($0)] } ?? []
    }

    private static func end(_ phase: RunPhase, _ note: String) -> Fact.RunEnd {
        guard phase == .errored, !note.hasPrefix(Run.asScripted) else { return .asMeant }
        return note == Run.agentGone ? .agentGone : .failed(note)
    }

    private var otherFacts: [Fact] {
        switch self {
        case .agentGone(let task): [.agentEnded(.init(task))]
        case .stopSignal(let task, let count): [.stopSignal(.init(task), count: count)]
        case .line(.endpoint, let text): [.written(text, .endpointLog)]
        case .line(.container(let task, let name), let text):
            [.written(text, .log(.init(task), program: name))]
        case .doomed(let task, let cause): [.doomed(.init(task), cause: cause)]
        case .rest(let rest): [.rest(rest)]
        default: []
        }
    }
}
