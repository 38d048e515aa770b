import Decisions
import Model
import Rules

/// The ledger's items in DynamoDB: strongly consistent reads, writes on conditions, and what one
/// partition can do (DynamoDB developer guide, "Read/write capacity": 3,000 read units and 1,000
/// write units a second; a failed condition costs as much as a write).
final class VirtualLedgerTable {
    unowned let world: World
    /// Of its pool.
    private let index: Int
    /// What is counted, and the jobs. Of the tasks that have departed each has its own item.
    private(set) var ledger = Ledger()
    private var departed: [TaskID: Ledger.Departed] = [:]
    /// Of the write that made what is counted what it is.
    private var mark: Int?
    private var outage = Outage()
    private var reads = TokenBucket(burst: readLimit, perSecond: readLimit)
    private var writes = TokenBucket(burst: writeLimit, perSecond: writeLimit)
    static let readLimit = 3_000
    static let writeLimit = 1_000
    /// When a call failed last.
    private(set) var failedAt: Milliseconds = -1.hours

    struct Stored {
        var ledger: Ledger
        let mark: Int?
    }

    init(_ index: Int, world: World) {
        self.index = index
        self.world = world
        if world.faults[.ledgerLost] > 0 { planLoss() }
        if let stage = world.setup.stage { begin(stage) }
    }

    /// As a script begins.
    private func begin(_ stage: Script.Stage) {
        guard let size = stage.size else { return }
        ledger = Ledger(version: 1, size: size)
        guard stage.isQueued else { return }
        for index in 0..<stage.jobs {
            let job = Job(id: "run-\(index + 1)", type: PoolJob.Kind.plan.rawValue)
            if let job { ledger.jobs[job] = Ledger.JobEntry(at: world.wallTime()) }
        }
    }

    /// A script lets what nobody will say again be older than any limit of the ledger.
    func age(gone: (TaskID) -> Bool, over: (Job) -> Bool) {
        let old = world.wallTime(skew: -240.hours)
        for (job, entry) in ledger.jobs where entry.task.map(gone) ?? over(job) {
            ledger.jobs[job]?.at = old
        }
        for task in ledger.leaving.keys where gone(task) { ledger.leaving[task]?.since = old }
        for task in ledger.exposed.keys where gone(task) { ledger.exposed[task]?.since = old }
        ledger.failedStarts?.at = old
        ledger.failedStarts?.notBefore = old
        ledger.recycledAt = nil
    }

    private func planLoss() {
        world.after(1.minutes...60.minutes) { [self] in
            guard world.faults[.ledgerLost] > 0 else { return }
            if world.happens(.ledgerLost) {
                world.tell("the ledger is lost")
                ledger = Ledger()
                departed = [:]
                mark = nil
                world.state(.noLedger, in: index)
            }
            planLoss()
        }
    }

    private var isAway: Bool {
        world.isAway(&outage, .ledgerOutages)
    }

    // MARK: Reading

    /// Ledger and jobs.
    func read(by caller: Caller? = nil, done: @escaping (Stored?) -> Void) {
        let bytes = Self.countedBytes + Self.jobBytes * ledger.jobs.count
        reading(
            units: 1 + bytes / 4_096,
            by: caller,
            { [self] in Stored(ledger: ledger, mark: mark) },
            done
        )
    }

    /// What is counted.
    func counted(by caller: Caller? = nil, done: @escaping (Ledger?) -> Void) {
        reading(units: 1, by: caller, { [self] in countedLedger }, done)
    }

    /// What is counted, and the limits' three items.
    func overview(by caller: Caller, done: @escaping (Ledger?) -> Void) {
        reading(units: 4, by: caller, { [self] in countedLedger }, done)
    }

    private var countedLedger: Ledger {
        var counted = ledger
        counted.jobs = [:]
        return counted
    }

    func departed(
        _ tasks: Set<TaskID>,
        done: @escaping ([TaskID: Ledger.Departed]?) -> Void
    ) {
        reading(
            units: tasks.count,
            by: nil,
            { [self] in departed.filter { tasks.contains($0.key) } },
            done
        )
    }

    private func reading<Answer>(
        units: Int,
        by caller: Caller?,
        _ effect: @escaping () -> Answer,
        _ done: @escaping (Answer?) -> Void
    ) {
        if let prompter = world.prompter {
            return prompter.wait(caller) { done($0 == .failedBefore ? nil : effect()) }
        }
        admit(units, \.reads) { [self] isAdmitted in
            if isAdmitted { world.tally.ledger.read(units, at: world.now) }
            let fails = !isAdmitted || isAway || world.fate() != .answered
            if fails { failedAt = world.now }
            world.after(fails ? 1.seconds...4.seconds : 3...12) {
                done(fails ? nil : effect())
            }
        }
    }

    // MARK: Writing

    /// About what the items hold: keys, numbers, and for a job the task that has it.
    private static let countedBytes = 300
    static let jobBytes = 130

    private func writing<Answer>(
        units: Int,
        by caller: Caller?,
        _ effect: @escaping () -> Answer,
        _ done: @escaping (Result<Answer, CallFailure>) -> Void
    ) {
        if let prompter = world.prompter {
            return prompter.wait(caller) { fate in
                switch fate {
                case .answered, .stale: done(.success(effect()))
                case .failedBefore: done(.failure(.unchanged))
                case .lost: done(.failure(.unclear))
                case .failedAfter, .blind:
                    _ = effect()
                    done(.failure(.unclear))
                }
            }
        }
        admit(units, \.writes) { [self] isAdmitted in
            guard isAdmitted else { return done(.failure(.unchanged)) }
            world.tally.ledger.wrote(units, at: world.now)
            let fate: World.Fate = isAway ? .failedBefore : world.fate()
            // Half of the writes that failed say so, of the others nothing is heard.
            if fate != .answered { failedAt = world.now }
            let saysSo = world.chance.below(2) == 0
            world.after(3...10) { [self] in
                guard fate != .failedBefore else {
                    let failure: CallFailure = saysSo ? .unchanged : .unclear
                    return world.after(1.seconds...4.seconds) { done(.failure(failure)) }
                }
                let answer = effect()
                world.after(fate == .answered ? 2...6 : 1.seconds...4.seconds) {
                    done(fate == .answered ? .success(answer) : .failure(.unclear))
                }
            }
        }
    }

    /// Calls that are throttled are made again after a pause, as AWS's clients and ours do.
    private func admit(
        _ units: Int,
        _ bucket: ReferenceWritableKeyPath<VirtualLedgerTable, TokenBucket>,
        attempt: Int = 1,
        done: @escaping (Bool) -> Void
    ) {
        world.tally.calls.dynamoDB += 1
        if self[keyPath: bucket].take(units, at: world.now) { return done(true) }
        world.tally.ledger.throttles += 1
        guard attempt < Service.maximumAttempts else { return done(false) }
        world.after(world.chance.wait(.afterFailure, afterTry: attempt)) { [self] in
            admit(units, bucket, attempt: attempt + 1, done: done)
        }
    }

    /// One change of the ledger, all of it or nothing.
    ///
    /// - Parameters:
    ///   - writer: the task whose sidecar writes; nil for the endpoint.
    ///   - done: gets false when a condition did not hold.
    func write(
        _ write: LedgerWrite<Int>,
        by writer: TaskID?,
        _ caller: Caller?,
        done: @escaping (Result<Bool, CallFailure>) -> Void
    ) {
        let actions = (write.counted == nil ? 0 : 1) + write.departed.count + write.jobs.count
        // A transaction costs twice (DynamoDB developer guide, "Transactions").
        writing(
            units: actions > 1 ? 2 * actions : 1,
            by: caller,
            { [self] in apply(write, writer) },
            done
        )
    }

    private func apply(_ write: LedgerWrite<Int>, _ writer: TaskID?) -> Bool {
        let isVersion =
            write.counted == nil || write.over == (ledger.version, ledger.moves)
        let isBroken = world.setup.broken == .conditionalWrite
        let isFirst = write.departed.keys.allSatisfy { departed[$0] == nil }
        guard isVersion || isBroken, isFirst || world.setup.broken == .verify,
            write.jobs.allSatisfy(fits)
        else { return false }
        if let counted = write.counted {
            state(counted, write.departed, by: writer)
            count(counted, write.mark, writer)
        }
        departed.merge(write.departed) { $1 }
        for job in write.jobs { ledger.jobs[job.job] = job.new }
        return true
    }

    private func state(
        _ new: Ledger,
        _ departures: [TaskID: Ledger.Departed],
        by writer: TaskID?
    ) {
        world.state(
            .ledgerWritten(
                CountedWrite(
                    by: writer,
                    versions: .init(ledger.version, new.version),
                    sizes: .init(ledger.size, new.size),
                    departures: departures.keys.sorted(),
                    exposed: Set(new.exposed.keys),
                    isAdopted: new.isAdopted,
                    startsFail: new.failedStarts != nil
                )
            ),
            in: index
        )
    }

    private func count(_ counted: Ledger, _ mark: Int, _ writer: TaskID?) {
        tellSize(counted.size, by: writer)
        var new = counted
        new.jobs = ledger.jobs
        new.departed = [:]
        new.followed = ledger.followed
        new.projectedAt = ledger.projectedAt
        ledger = new
        self.mark = mark
    }

    private func tellSize(_ size: Int, by writer: TaskID?) {
        guard world.tellsStory, ledger.size != size else { return }
        world.tell("ledger: size \(ledger.size) -> \(size) by \(writer?.text ?? "endpoint")")
    }

    private func fits(_ write: JobWrite) -> Bool { write.fits(ledger.jobs[write.job]) }

    /// A job's item by itself.
    ///
    /// - Parameter done: gets false when its condition did not hold.
    func write(
        _ write: JobWrite,
        by caller: Caller,
        done: @escaping (Result<Bool, CallFailure>) -> Void
    ) {
        writing(
            units: 1,
            by: caller,
            { [self] in
                guard fits(write) else { return false }
                ledger.jobs[write.job] = write.new
                return true
            },
            done
        )
    }

    func raise(
        to size: Int,
        over version: Int,
        bookingAt now: WallTime?,
        by caller: Caller?,
        done: @escaping (Result<(isBooked: Bool, counted: Ledger), CallFailure>) -> Void
    ) {
        writing(
            units: 1,
            by: caller,
            { [self] in
                guard ledger.version == version, ledger.size < size else {
                    return (false, countedLedger)
                }
                tellSize(size, by: nil)
                world.state(.ledgerRaised(isAdopted: ledger.isAdopted), in: index)
                ledger.size = size
                ledger.moves += 1
                ledger.lastRaise = ledger.moves
                ledger.version = max(version, 1)
                guard let now, ledger.bookingWait(at: now) == nil else {
                    return (false, countedLedger)
                }
                ledger.projectedAt = now
                return (true, countedLedger)
            },
            done
        )
    }

    func book(
        at now: WallTime,
        by caller: Caller,
        done: @escaping (Result<(wait: Duration?, counted: Ledger), CallFailure>) -> Void
    ) {
        writing(
            units: 1,
            by: caller,
            { [self] in
                let wait = ledger.isWritten ? ledger.bookingWait(at: now) : .zero
                if wait == nil { ledger.projectedAt = now }
                return (wait, countedLedger)
            },
            done
        )
    }

    func note(
        followed moves: Int,
        after before: Int,
        by caller: Caller,
        done: @escaping (Result<(isNoted: Bool, counted: Ledger), CallFailure>) -> Void
    ) {
        writing(
            units: 1,
            by: caller,
            { [self] in
                let isNoted = ledger.isWritten && ledger.followed == before
                if isNoted { ledger.followed = moves }
                return (isNoted, countedLedger)
            },
            done
        )
    }
}
