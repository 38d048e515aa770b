/// What the ledger has of this task, as far as is known. After an operation whose outcome is not
/// known, what it may have written is unknown too, and has to be said again.
struct LedgerEntries: Hashable, Sendable {
    var job: Reported
    /// Jobs that the agent had, that are over, and that the ledger may still hold: their report
    /// never arrived, or was never made.
    var over: Set<Job> = []
    /// The job is said again though it is known: a ledger that was lost learns of it.
    var saysJobAgain = false
    var reservation: Reservation
    var firstWord: FirstWord
    /// A sidecar before this one, or an operation without an answer, may have entered the task as
    /// exposed. An entry that nobody takes back would keep the service from ever shrinking. One
    /// that is known has its time, ``Timer/exposedAt``.
    var mayBeExposed: Bool

    /// The job that the ledger believes this task's agent holds.
    enum Reported: Hashable, Sendable {
        /// A sidecar before this one may have reported anything.
        case unclear
        case job(Job?)
    }

    enum Reservation: Hashable, Sendable {
        case none
        /// It was asked for, and nobody knows whether it was granted.
        case unclear
        case held(Ledger.LeaveKind)
    }

    /// The ledger has to hear once that a fresh agent came to work.
    enum FirstWord: Hashable, Sendable {
        case due
        /// `job`: told as the first one of a fresh agent.
        case said(job: Job?)
    }

    var isFresh: Bool { firstWord == .due }

    var firstJob: Job? {
        if case .said(let job) = firstWord { job } else { nil }
    }

    init(_ settings: Retirement.Settings) {
        job = settings.restarted ? .unclear : .job(nil)
        reservation = settings.restarted ? .unclear : .none
        firstWord = settings.restarted ? .said(job: nil) : .due
        mayBeExposed = settings.hasPredecessor
    }

    /// Jobs remembered as over while the ledger is away. Those beyond are held for waiting until
    /// they are too old.
    private static let overAtMost = 100

    /// The job in hand is over; the ledger has to hear of it, reported or not.
    mutating func ended(_ job: Job) {
        // One that the ledger has as this task's goes with the next report of another, or of none.
        if self.job != .job(job), over.count < Self.overAtMost { over.insert(job) }
    }

    /// The operation took effect.
    mutating func booked(_ operation: LedgerOperation?) {
        switch operation {
        case .report(let job, let told, let isFresh, _):
            over.subtract(told)
            if let job { say(job, isFresh: isFresh) }
        case .reserve: say(nil, isFresh: false)
        case .rejoin, .depart, .expose, .cover, nil: break
        }
    }

    private mutating func say(_ job: Job?, isFresh: Bool) {
        if isFresh {
            firstWord = .said(job: job)
        } else if firstWord == .due {
            firstWord = .said(job: nil)
        }
    }

    /// Nobody knows whether the operation took effect.
    mutating func forget(_ operation: LedgerOperation?, isExposed: Bool) {
        switch operation {
        case .report: job = .unclear
        case .expose: mayBeExposed = !isExposed
        case .reserve: reservation = .unclear
        case .rejoin, .depart, .cover, nil: break
        }
    }

    /// The task has left.
    mutating func departed() {
        job = .job(nil)
        over = []
        reservation = .none
    }
}
