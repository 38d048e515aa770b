import Decisions
import Model

/// An agent of the pool and what it did, for the agents' protocol and the table at the end.
struct RegisteredAgent: Sendable {
    struct Work: Sendable {
        let job: Job
        let from: Milliseconds
        var to: Milliseconds?
    }

    let id: String
    let name: String
    let task: TaskID
    /// In the pool.
    let number: Int
    let registeredAt: Milliseconds
    var endedAt: Milliseconds?
    private(set) var work: [Work] = []

    init(id: String, name: String, task: TaskID, number: Int, registeredAt: Milliseconds) {
        self.id = id
        self.name = name
        self.task = task
        self.number = number
        self.registeredAt = registeredAt
    }

    mutating func begins(_ job: Job, at now: Milliseconds) {
        work.append(Work(job: job, from: now))
    }

    mutating func ends(at now: Milliseconds) {
        if let last = work.indices.last { work[last].to = work[last].to ?? now }
    }

    func worked(at job: Job?) -> Bool { work.contains { $0.job == job } }

    func busyTime(until end: Milliseconds) -> Milliseconds {
        work.reduce(0) { $0 + ($1.to ?? end) - $1.from }
    }
}

/// A run of the rehearsal: its life, and when it came into each status.
struct RehearsedRun: Sendable {
    let workspace: String
    private(set) var life: RunLife
    private(set) var history: [(status: RunStatus, at: Milliseconds)] = []

    init(_ life: RunLife, workspace: String) {
        self.life = life
        self.workspace = workspace
    }

    var id: String { life.id }
    var isPlanOnly: Bool { life.outcome == .planned }

    mutating func handle(_ input: RunLife.Input, at now: Milliseconds) -> RunLife.Effect? {
        let before = life.status
        let effect = life.handle(input, at: now)
        if life.status != before { history.append((life.status, now)) }
        return effect
    }

    /// When it came into a status for the first time.
    func at(_ status: RunStatus) -> Milliseconds? {
        history.first { $0.status == status }?.at
    }
}
