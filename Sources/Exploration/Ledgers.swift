import Decisions

/// What became of a write.
struct CommitResult {
    /// Nil when a condition did not hold.
    let ledger: UInt16?
    let isCounted: Bool
}

/// What a ledger says that states are checked by.
struct LedgerFacts {
    let size: Int
    let isWritten: Bool
    let isAdopted: Bool
    /// Nothing but the size is in it.
    let isClean: Bool
    /// Tasks that it names, one bit each.
    let names: UInt8
    let exposed: UInt8
    let strays: UInt8
    let departed: UInt8
    let isBooked: Bool
    let moves: UInt8
    /// A sweep would change something.
    let needsTidying: Bool
    /// It is smaller than what is wanted.
    let isBelow: Bool
}

/// The ledgers that occur, each once, and what becomes of them.
final class Ledgers {
    let scene: Scene
    let broken: Breakage?
    let limits: Limits
    private var ledgers = Interned<Ledger>()
    private(set) var views = Interned<LedgerView>()
    private var known: [LedgerFacts] = []
    private var viewMemo = Memo<UInt16>()
    private var commitMemo = Memo<CommitResult>()
    private var editedMemo = Memo<UInt16>()
    private var agedMemo = Memo<UInt16>()
    private var swappedMemo = Memo<UInt16>()
    private var tidiedMemo = Memo<UInt16>()

    init(_ scene: Scene, broken: Breakage?) {
        self.scene = scene
        self.broken = broken
        limits =
            Limits(desiredCount: scene.floor, maxCount: scene.most, spareCount: 0) ?? .fallback
    }

    subscript(id: UInt16) -> Ledger { ledgers[id] }

    /// A ledger with only what decides: its version is a first one or not, a time is now or long
    /// ago.
    func id(of ledger: Ledger) -> UInt16 {
        var plain = ledger
        plain.version = ledger.isWritten ? 1 : 0
        let failed = ledger.failedStarts
        plain.jobs = ledger.jobs.mapValues { entry in
            // What was there when an agent failed to start shows none that started since.
            let isFirst = failed.map { $0.at < entry.at && entry.isFirst } ?? false
            return Ledger.JobEntry(at: entry.at, task: entry.task, isFirst: isFirst)
        }
        plain.failedStarts = failed.map(Self.plain)
        let isLately = ledger.recycledAt == Small.wallNow && scene.deploys
        plain.recycledAt = isLately ? Small.wallNow : nil
        let id = ledgers.id(of: plain)
        if known.count < Int(id) { known.append(facts(plain)) }
        return id
    }

    private static func plain(_ failed: Ledger.FailedStarts) -> Ledger.FailedStarts {
        let isPaused = failed.notBefore > Small.wallNow
        return Ledger.FailedStarts(
            count: min(failed.count, Ledger.FailedStarts.tolerated + 1),
            at: failed.at == Small.wallNow ? Small.wallLately : failed.at,
            notBefore: isPaused ? Small.wallNow.advanced(by: .seconds(60)) : Small.wallOld
        )
    }

    func facts(of ledger: UInt16) -> LedgerFacts { known[Int(ledger) - 1] }

    private func facts(_ ledger: Ledger) -> LedgerFacts {
        let isBelow = (ledger.sizeWanted(limits) ?? 0) > ledger.size
        var upheld = ledger
        upheld.uphold(limits, at: Small.wallNow)
        let rises = upheld.size > ledger.size
        let holders = ledger.jobs.values.compactMap(\.task)
        return LedgerFacts(
            size: ledger.size,
            isWritten: ledger.isWritten,
            isAdopted: ledger.isAdopted,
            isClean: ledger.jobs.isEmpty && ledger.leaving.isEmpty && ledger.exposed.isEmpty,
            names: Ledgers.bits(
                holders + Array(ledger.leaving.keys) + Array(ledger.exposed.keys)
                    + Array(ledger.departed.keys)
            ),
            exposed: Ledgers.bits(Array(ledger.exposed.keys)),
            strays: Ledgers.bits(ledger.leaving.filter { $0.value.kind == .stray }.map(\.key)),
            departed: Ledgers.bits(Array(ledger.departed.keys)),
            isBooked: ledger.projectedAt != nil,
            moves: UInt8(ledger.moves),
            needsTidying: isOld(ledger) || rises,
            isBelow: isBelow
        )
    }

    private func isOld(_ ledger: Ledger) -> Bool {
        ledger.jobs.values.contains { $0.at == Small.wallOld }
            || ledger.leaving.values.contains { $0.since == Small.wallOld }
            || ledger.exposed.values.contains { $0.since == Small.wallOld }
    }

    static func bits(_ tasks: [TaskID]) -> UInt8 {
        tasks.reduce(0) { bits, task in
            Small.taskIDs.firstIndex(of: task).map { bits | 1 << $0 } ?? bits
        }
    }

    static func tasks(_ bits: UInt8) -> Set<TaskID> {
        Set(Small.taskIDs.indices.filter { bits & 1 << $0 != 0 }.map { Small.taskIDs[$0] })
    }

    /// What projections look at, which tasks are exposed left out: only that one is matters.
    func viewID(of ledger: Ledger, isEndpoints: Bool = false) -> UInt16 {
        var plain = ledger
        plain.version = ledger.isWritten ? 1 : 0
        if broken == .neverWritten { (plain.version, plain.isAdopted) = (1, true) }
        if let exposure = ledger.exposed.values.max(by: { $0.since < $1.since }) {
            plain.exposed = [Small.taskIDs[0]: exposure]
        }
        if !isEndpoints { (plain.moves, plain.lastRaise, plain.followed) = (0, 0, 0) }
        return views.id(of: LedgerView(plain, limits))
    }

    // MARK: Names

    /// Of two tasks each changes the ledger under the first one's name, so that a change under way
    /// is the same whichever of them makes it.
    func frames(_ task: Int?) -> Bool { task == 1 && scene.tasks == 2 }

    /// The same ledger with the names of the first two tasks changed for each other.
    func swapped(_ ledger: UInt16) -> UInt16 {
        if let known = swappedMemo.answer(to: UInt64(ledger)) { return known }
        var table = ledgers[ledger]
        let name = { (task: TaskID) in
            task == Small.taskIDs[0]
                ? Small.taskIDs[1] : task == Small.taskIDs[1] ? Small.taskIDs[0] : task
        }
        table.jobs = table.jobs.mapValues {
            .init(at: $0.at, task: $0.task.map(name), isFirst: $0.isFirst)
        }
        table.leaving = .init(uniqueKeysWithValues: table.leaving.map { (name($0), $1) })
        table.exposed = .init(uniqueKeysWithValues: table.exposed.map { (name($0), $1) })
        table.departed = .init(uniqueKeysWithValues: table.departed.map { (name($0), $1) })
        let other = id(of: table)
        swappedMemo.keep(other, for: UInt64(ledger))
        swappedMemo.keep(ledger, for: UInt64(other))
        return other
    }

    static func swapped(_ bits: UInt8) -> UInt8 { bits & 4 | (bits & 1) << 1 | (bits & 2) >> 1 }

    // MARK: Time and garbage

    /// What is of tasks that are gone and of jobs that are over grows old by itself.
    func aged(_ ledger: UInt16, gone: UInt8, over: UInt8) -> UInt16 {
        let key = UInt64(ledger) << 16 | UInt64(gone) << 8 | UInt64(over)
        if let known = agedMemo.answer(to: key) { return known }
        let aged = grownOld(ledger, gone: gone, over: over)
        agedMemo.keep(aged, for: key)
        return aged
    }

    private func grownOld(_ ledger: UInt16, gone: UInt8, over: UInt8) -> UInt16 {
        var table = ledgers[ledger]
        let gone = Self.tasks(gone)
        for (job, entry) in table.jobs {
            let isOver = Small.jobIDs.firstIndex(of: job).map { over & 1 << $0 != 0 } ?? false
            if entry.task.map(gone.contains) ?? isOver { table.jobs[job]?.at = Small.wallOld }
        }
        for task in gone {
            table.leaving[task]?.since = Small.wallOld
            table.exposed[task]?.since = Small.wallOld
        }
        if table.failedStarts != nil {
            table.failedStarts?.at = Small.wallOld
            table.failedStarts?.notBefore = Small.wallOld
        }
        table.recycledAt = nil
        return id(of: table)
    }

    func canAge(_ ledger: UInt16, gone: UInt8, over: UInt8) -> Bool {
        aged(ledger, gone: gone, over: over) != ledger
    }

    /// The counters as small as they may be: what is 2 is yet to be followed.
    func countedAnew(_ ledger: UInt16) -> UInt16 {
        edited(Edit.anew, ledger) { table in
            let isOwed = table.followed < table.lastRaise
            let isBehind = table.followed < table.moves
            (table.moves, table.lastRaise) = (isBehind ? 2 : 1, isOwed ? 2 : 1)
            table.followed = 1
        }
    }

    /// Without what only matters while a deployment is under way.
    func settled(_ ledger: UInt16) -> UInt16 { edited(Edit.settle, ledger) { $0.recycledAt = nil } }

    /// Without the ends of tasks that nobody can ask for any more.
    func tidied(_ ledger: UInt16, gone: UInt8) -> UInt16 {
        let key = UInt64(ledger) << 16 | UInt64(gone)
        if let known = tidiedMemo.answer(to: key) { return known }
        var table = ledgers[ledger]
        for task in Self.tasks(gone) { table.departed[task] = nil }
        let tidied = id(of: table)
        tidiedMemo.keep(tidied, for: key)
        return tidied
    }

    func describe(_ ledger: UInt16) -> String {
        let table = ledgers[ledger]
        let jobs = table.jobs.sorted { $0.key < $1.key }
            .map { "\($0.key)@\($0.value.task?.text ?? "-")" }
        let leaving = table.leaving.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.kind)" }
        return "size \(table.size), jobs \(jobs), leaving \(leaving), "
            + "exposed \(table.exposed.keys.sorted()), departed \(table.departed.keys.sorted())"
    }

    /// Without the counters by which updates of the service are told apart: what a change reads of
    /// them is its condition, which is kept otherwise.
    func uncounted(_ ledger: Ledger) -> Ledger {
        var plain = ledger
        (plain.moves, plain.lastRaise, plain.followed, plain.projectedAt) = (0, 0, 0, nil)
        return plain
    }

    /// What a change has just made, with the table's counters.
    func view(_ ledger: UInt16, countedAs table: UInt16) -> UInt16 {
        let key = UInt64(ledger) << 16 | UInt64(table)
        if let known = viewMemo.answer(to: key) { return known }
        var counted = ledgers[ledger]
        counted.moves = ledgers[table].moves
        counted.lastRaise = ledgers[table].lastRaise
        counted.followed = ledgers[table].followed
        let id = viewID(of: counted, isEndpoints: true)
        viewMemo.keep(id, for: key)
        return id
    }

    // MARK: The table

    /// Puts a change's write into the table, all of it or nothing.
    ///
    /// - Parameters:
    ///   - value: a number of the write.
    ///   - isStale: what is counted is not what it read.
    func commit(
        _ value: UInt16,
        _ write: LedgerWrite<Int>,
        of task: Int?,
        to named: UInt16,
        isStale: Bool
    ) -> CommitResult {
        guard frames(task) else { return commit(value, write, to: named, isStale: isStale) }
        let result = commit(value, write, to: swapped(named), isStale: isStale)
        return CommitResult(
            ledger: result.ledger.map { swapped($0) },
            isCounted: result.isCounted
        )
    }

    private func commit(
        _ value: UInt16,
        _ write: LedgerWrite<Int>,
        to ledger: UInt16,
        isStale: Bool
    ) -> CommitResult {
        let key = UInt64(value) << 32 | UInt64(ledger) << 1 | (isStale ? 1 : 0)
        if let known = commitMemo.answer(to: key) { return known }
        let result = committed(write, ledgers[ledger], isStale: isStale)
        commitMemo.keep(result, for: key)
        return result
    }

    private func committed(
        _ write: LedgerWrite<Int>,
        _ table: Ledger,
        isStale: Bool
    ) -> CommitResult {
        let isVersion = write.counted == nil || !isStale || broken == .conditionalWrite
        let isFirst =
            broken == .verify || write.departed.keys.allSatisfy { table.departed[$0] == nil }
        guard isVersion, isFirst, write.jobs.allSatisfy({ fits($0, table) }) else {
            return CommitResult(ledger: nil, isCounted: false)
        }
        var new = table
        if let counted = write.counted {
            new = counted
            new.jobs = table.jobs
            new.departed = table.departed
            new.moves = table.moves + (counted.size == table.size ? 0 : 1)
            new.lastRaise = counted.size > table.size ? new.moves : table.lastRaise
            new.followed = table.followed
            new.projectedAt = table.projectedAt
        }
        new.departed.merge(write.departed) { $1 }
        for job in write.jobs { new.jobs[job.job] = job.new }
        return CommitResult(ledger: id(of: new), isCounted: write.counted != nil)
    }

    private func fits(_ write: JobWrite, _ table: Ledger) -> Bool {
        write.fits(table.jobs[write.job])
    }

    /// A job's item by itself; nil when another task has it than the write says.
    ///
    /// - Parameter what: a number that says what is written, with the ledger's.
    func put(_ what: UInt64, to ledger: UInt16, _ write: @autoclosure () -> JobWrite?) -> UInt16? {
        let id = edited(what, ledger) { table in
            if let write = write(), fits(write, table) {
                table.jobs[write.job] = write.new
            } else {
                // No ledger of ours: it says that nothing was written.
                table = Ledger(version: 1, size: -1)
            }
        }
        return facts(of: id).size < 0 ? nil : id
    }

    /// The table's monotone raise, and whether it counted.
    func raise(_ ledger: UInt16, to size: Int, books: Bool) -> (
        UInt16, didRaise: Bool, isBooked: Bool
    ) {
        let facts = facts(of: ledger)
        guard facts.size < size else { return (ledger, false, false) }
        let isBooked = books && !facts.isBooked
        let raised = edited(Edit.raise | UInt64(size) << 1 | (isBooked ? 1 : 0), ledger) { table in
            table.size = size
            table.moves += 1
            table.lastRaise = table.moves
            table.version = max(table.version, 1)
            if isBooked { table.projectedAt = Small.wallNow }
        }
        return (raised, true, isBooked)
    }

    func booked(_ ledger: UInt16) -> UInt16 {
        edited(Edit.book, ledger) { $0.projectedAt = Small.wallNow }
    }

    func unbooked(_ ledger: UInt16) -> UInt16 {
        facts(of: ledger).isBooked ? edited(Edit.unbook, ledger) { $0.projectedAt = nil } : ledger
    }

    /// - Returns: nil when somebody else has noted an update since.
    func followed(_ ledger: UInt16, _ moves: Int, after before: Int) -> UInt16? {
        guard ledgers[ledger].isWritten, ledgers[ledger].followed == before else { return nil }
        return edited(Edit.follow | UInt64(moves), ledger) { $0.followed = moves }
    }

    /// A sidecar's first comparison with a ledger that nobody has adopted.
    func adopted(_ ledger: UInt16, desired: UInt8) -> UInt16 {
        let limits = limits
        return edited(Edit.adopt | UInt64(desired), ledger) { table in
            let before = table.size
            table.adopt(desired: Int(desired))
            table.uphold(limits, at: Small.wallNow)
            table.version += 1
            if table.size > before {
                table.moves += 1
                table.lastRaise = table.moves
            }
        }
    }

    /// Kinds of change of a ledger that stand by themselves, to be told apart.
    enum Edit {
        static let raise: UInt64 = 1 << 40
        static let book: UInt64 = 2 << 40
        static let unbook: UInt64 = 3 << 40
        static let follow: UInt64 = 4 << 40
        static let adopt: UInt64 = 5 << 40
        static let byItself: UInt64 = 6 << 40
        static let putJob: UInt64 = 7 << 40
        static let dropJob: UInt64 = 8 << 40
        static let anew: UInt64 = 9 << 40
        static let settle: UInt64 = 10 << 40
    }

    /// The same ledger with one thing of it changed.
    private func edited(
        _ what: UInt64,
        _ ledger: UInt16,
        _ change: (inout Ledger) -> Void
    ) -> UInt16 {
        let key = what << 16 | UInt64(ledger)
        if let known = editedMemo.answer(to: key) { return known }
        var table = ledgers[ledger]
        change(&table)
        let edited = id(of: table)
        editedMemo.keep(edited, for: key)
        return edited
    }
}
