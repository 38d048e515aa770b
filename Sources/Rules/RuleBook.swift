package import Decisions

/// Judges what happens to one service by the ten rules: facts go in, in their order, and what broke
/// a rule comes out.
///
/// A pure value that keeps what later judgements need and nothing else, for tasks that live: worlds
/// of a million jobs are judged in bounded memory, and a search over small worlds can keep a book
/// with each of its states. Times are in it only where a teller gives them with its facts.
package struct RuleBook: Sendable, Hashable {
    /// What a task's facts have come to.
    struct TaskState: Sendable, Hashable {
        var agentLives = false
        var isProtected = false
        /// Nil where the end of protection will be told.
        var protectedUntil: Int?
        /// Its sidecar tries to enter its exposure, and cannot reach the ledger.
        var isExposing = false
        /// The service was lowered beside it while it was.
        var wasLoweredBeside = false
        /// It runs unprotected, and that was said.
        var isSaid = false
        var job: Job?
        /// A job has been in this container since it was new or renewed.
        var isUsed = false
        var wasSignalled = false
        var end = BookedEnd.none
        var isOver = false
        var heard: Fact.Activity?
        var sidecarRuns = false
        /// Since when this sidecar has been unable to tell what its agent does.
        var unknownSince: Int?
        /// It has said so, or was found not to.
        var isUnknownSaid = false
        var status: ServerStatus?
        /// What took the agent, if nothing could prevent that.
        var doom: String?

        /// When its silence breaks a rule; nil where none can.
        var silenceLimit: Int? {
            isUnknownSaid ? nil : unknownSince.map { $0 + RuleBook.longestSilence }
        }
    }

    /// Agents that stay without jobs; nil where nobody knows.
    let floor: Int?
    /// Jobs may find what others left.
    let isShared: Bool
    var tasks: [TaskID: TaskState] = [:]
    /// Tasks that are over, the last ones only: what was on its way comes a moment later.
    var stopped: [Stopped] = []
    /// Tasks that the ledger says run unprotected.
    var exposed: Set<TaskID> = []
    /// What the service wants; nil until that is told.
    var desired: Int?
    /// What departures lowered the size to, as long as the service wants more.
    var unfollowed: [TaskID: Int] = [:]
    var ledger = LedgerState.unknown
    /// When it was lost last.
    var ledgerLostAt: Int?
    var isDeleted = false
    /// When the limits became 0 and 0.
    var limitsEndedAt: Int?
    /// When a person set the count last, and when this system raised it last.
    var editedAt: Int?
    var raisedAt: Int?
    /// The count's last fall, whoever made it.
    var fall: Fall?
    /// Runs that lost a job to what nothing could prevent, and have not ended yet.
    var lostRuns: Set<String> = []
    /// Time alone breaks no rule before.
    private(set) var nextLimit = Int.max

    struct Fall: Sendable, Hashable {
        let at: Int
        let from: Int
    }

    struct Stopped: Sendable, Hashable {
        let task: TaskID
        var end: BookedEnd
    }

    /// What the ledger was told of a task's end.
    enum BookedEnd: Sendable, Hashable {
        case none
        case departed
        /// Size fell with it.
        case lowered
    }

    /// What is known of the item.
    enum LedgerState: Sendable, Hashable {
        /// Nothing was told of it yet.
        case unknown
        case neverWritten
        case written(isAdopted: Bool)
        case lost
    }

    /// - Parameter isShared: whether jobs may find what others left.
    package init(floor: Int? = nil, isShared: Bool = false) {
        self.floor = floor
        self.isShared = isShared
    }

    /// Tasks whose sidecar does not know whether the agent works: unknown is busy, so they stay.
    package var unknownTasks: Int {
        tasks.values.reduce(0) { $0 + ($1.heard == .unknown && !$1.isOver ? 1 : 0) }
    }

    /// The task's agent may run unprotected: the ledger says so, or cannot be told.
    package func isKnownBare(_ id: TaskID) -> Bool {
        exposed.contains(id) || tasks[id]?.isExposing ?? false
    }

    /// - Parameter now: in milliseconds, no less than that of the fact before.
    package mutating func see(_ fact: Fact, at now: Int) -> Judgement {
        var bench = Bench(fact: fact, now: now)
        expire(&bench)
        switch fact {
        case .taskStarted, .taskStopped, .agentStarted, .agentEnded: life(fact, &bench)
        case .stopped, .protected, .unprotected, .desiredCount, .exposing, .exposureStands,
            .serviceEnds, .limitsEnd:
            service(fact, &bench)
        case .renewed, .jobReceived, .found, .jobEnded, .jobLost, .runEnded:
            work(fact, &bench)
        case .stopSignal, .agentStatus, .reserveAsked, .drainAsked, .doomed: agent(fact, &bench)
        case .sidecarStarted, .sidecarEnded, .heard, .unknownReported: sidecar(fact, &bench)
        case .ledgerWritten(let write): judge(write, &bench)
        case .ledgerRaised(let isAdopted): ledger = .written(isAdopted: isAdopted)
        case .noLedger: loseLedger(&bench)
        case .written(let text, let place): judge(text, place, &bench)
        case .rest(let rest): judge(rest, &bench)
        }
        return bench.judgement
    }

    /// Time goes by without a fact: a protection may run out, and a silence become too long.
    package mutating func pass(to now: Int) -> Judgement {
        guard now >= nextLimit else { return Judgement() }
        var bench = Bench(fact: nil, now: now)
        expire(&bench)
        return bench.judgement
    }

    /// The judgement of one fact while it is made.
    struct Bench {
        let fact: Fact?
        let now: Int
        var judgement = Judgement()

        mutating func note(_ rule: Rule, _ party: Party, _ text: String, _ cause: Fact? = nil) {
            guard let fact = cause ?? fact else { return }
            judgement.violations.append(
                Violation(rule: rule, party: party, at: now, fact: fact, text: text)
            )
        }
    }

    // MARK: Tasks

    /// Changes what is kept of a task; of one that is over nothing is kept any more.
    mutating func with(_ id: TaskID, _ change: (inout TaskState) -> Void) {
        guard tasks[id] != nil || !stopped.contains(where: { $0.task == id }) else { return }
        change(&tasks[id, default: TaskState()])
    }

    private static let remembered = 64

    private mutating func life(_ fact: Fact, _ bench: inout Bench) {
        switch fact {
        case .taskStarted(let id):
            stopped.removeAll { $0.task == id }
            tasks[id] = TaskState()
        case .taskStopped(let id): forget(id)
        case .agentStarted(let id):
            with(id) {
                $0.agentLives = true
                $0.wasSignalled = false
                $0.status = nil
            }
            judgeProtection(of: id, &bench)
            watchSilence(of: id, bench.now)
        case .agentEnded(let id):
            tasks[id]?.agentLives = false
            tasks[id]?.isSaid = false
            watchSilence(of: id, bench.now)
        default: break
        }
    }

    /// A task whose job's fate is not known yet is kept until it is.
    private mutating func forget(_ id: TaskID) {
        guard let task = tasks[id] else { return }
        guard task.job == nil else {
            tasks[id]?.isOver = true
            tasks[id]?.agentLives = false
            tasks[id]?.unknownSince = nil
            return
        }
        tasks[id] = nil
        if stopped.count == Self.remembered { stopped.removeFirst() }
        stopped.append(Stopped(task: id, end: task.end))
    }

    /// The job's fate is known.
    mutating func settle(_ id: TaskID) {
        tasks[id]?.job = nil
        if tasks[id]?.isOver ?? false { forget(id) }
    }

    // MARK: What time alone shows

    mutating func look(at instant: Int) { nextLimit = min(nextLimit, instant) }

    private mutating func expire(_ bench: inout Bench) {
        guard bench.now >= nextLimit else { return }
        nextLimit = .max
        var ended: [(id: TaskID, at: Int)] = []
        var silent: [TaskID] = []
        for (id, task) in tasks {
            if let until = task.protectedUntil {
                if until <= bench.now { ended.append((id, until)) } else { look(at: until) }
            }
            if let limit = task.silenceLimit {
                if limit <= bench.now { silent.append(id) } else { look(at: limit) }
            }
        }
        for (id, until) in ended.sorted(by: { $0.id < $1.id }) {
            tasks[id]?.isProtected = false
            tasks[id]?.protectedUntil = nil
            judgeProtection(of: id, &bench, cause: .protected(id, until: until))
        }
        for id in silent.sorted() { judgeSilence(of: id, &bench) }
    }
}
