import Decisions

/// What an operation of a sidecar came to; the sweep's has no report.
struct ChangeAnswer: Hashable {
    var report: LedgerReport?
    /// The service has to follow; said where the change ends.
    var sizeChanged = false
}

/// A change under way, as far as it decides what follows. How often it was tried does not: each
/// lost race is somebody else's success.
struct ChangeValue: Hashable {
    enum Place: Hashable {
        /// A write of it got no answer; it reads again.
        case unclear(ChangeAnswer)
        /// It lost a race, and reads again.
        case again
        /// - Parameter looks: whether the jobs are looked at again after it.
        case write(Pending, ChangeAnswer, isUnclear: Bool, looks: Bool)
        case look(ChangeAnswer)
        case raise(Int, ChangeAnswer)
    }

    struct Pending: Hashable {
        let counted: Ledger?
        let jobs: [JobWrite]
        let departed: [TaskID: Ledger.Departed]
    }

    let place: Place
    /// Whether a departure was sent: from then on it is asked whether it is booked.
    let isDeparting: Bool
    let change: LedgerChange<ChangeAnswer, Int>
    /// The write that is sent.
    var write: LedgerWrite<Int>?

    static func == (left: ChangeValue, right: ChangeValue) -> Bool {
        left.place == right.place && left.isDeparting == right.isDeparting
    }
    func hash(into hasher: inout Hasher) { hasher.combine(place) }
}

/// Where a reading of a change leads.
enum ChangeProgress {
    case under(ChangePhase, value: UInt16)
    /// It is over.
    ///
    /// - Parameters:
    ///   - observation: what the sidecar observes; 0 for the sweep.
    ///   - ledger: after it, its counters left out.
    ///   - sizeChanged: whether the service has to follow.
    case over(observation: UInt16, ledger: UInt16, sizeChanged: Bool)
}

/// Changes of the ledger, a step at a time.
final class Changes {
    let ledgers: Ledgers
    private let minds: Minds
    private let broken: Breakage?
    private var changes = Interned<ChangeValue>()
    private var readMemo = Memo<ChangeProgress>()

    init(_ ledgers: Ledgers, _ minds: Minds) {
        self.ledgers = ledgers
        self.minds = minds
        broken = ledgers.broken
    }

    subscript(id: UInt16) -> ChangeValue { changes[id] }

    func isCounted(_ id: UInt16) -> Bool { changes[id].write?.counted != nil }

    /// Reads, applies, and says what to write: the steps of ``LedgerChange`` up to its write.
    ///
    /// - Parameters:
    ///   - task: whose sidecar changes the ledger; nil for the sweep.
    ///   - desired: what the service wants, for a ledger that nobody has adopted.
    func read(
        _ given: ChangeState,
        of task: Int?,
        _ named: UInt16,
        desired: UInt8,
        hasPredecessor: Bool
    ) -> ChangeProgress {
        let ledger = ledgers.frames(task) ? ledgers.swapped(named) : named
        var state = given
        if ledgers.frames(task) { state.live = Ledgers.swapped(given.live) }
        let isMine = state.flags.contains(.isMine)
        var key = UInt64(state.value) << 16 | UInt64(state.operation)
        key = key << 16 | UInt64(ledger)
        key = key << 3 | UInt64(state.live & 7)
        let actor = ledgers.frames(task) ? 0 : task
        key = key << 2 | UInt64(actor ?? theSweep)
        key = key << 2 | UInt64(desired)
        key =
            key << 3 | (isMine ? 1 : 0) | (hasPredecessor ? 2 : 0)
            | (state.flags.contains(.lists) ? 4 : 0)
        if let known = readMemo.answer(to: key) { return known }
        var change =
            state.value == 0
            ? LedgerChange<ChangeAnswer, Int>(adopts: actor != nil) : changes[state.value].change
        let table = ledgers[ledger]
        var stored = ledgers.uncounted(table)
        stored.departed = [:]
        // Of the counters it then asks whether the service is behind.
        if change.isUnclear, table.followed < table.moves { stored.moves = 1 }
        let forgets = broken == .verify && change.isUnclear
        let apply = application(state, of: actor)
        var step = change.read(
            .init(
                stored,
                ledgers.limits,
                mark: isMine && !forgets ? 1 : stored.isWritten ? 0 : nil
            ),
            mark: 1,
            departed: asksDeparted(state, of: actor, hasPredecessor: hasPredecessor),
            apply
        )
        if case .readDeparted(let tasks) = step {
            var departed = table.departed.filter { tasks.contains($0.key) }
            if forgets, let actor { departed[Small.taskIDs[actor]] = nil }
            step = change.readDeparted(departed, apply)
        }
        if case .adopt = step { step = change.adopted(desired: Int(desired), apply) }
        let wasDeparting = state.value != 0 && changes[state.value].isDeparting
        let progress = progress(change, step, wasDeparting: wasDeparting)
        readMemo.keep(progress, for: key)
        return progress
    }

    private func asksDeparted(
        _ state: ChangeState,
        of task: Int?,
        hasPredecessor: Bool
    ) -> (Ledger) -> Set<TaskID> {
        guard let task, broken != .oldReading else { return { _ in [] } }
        let operation = minds.operations[state.operation]
        let live = Ledgers.tasks(state.live)
        let id = Small.taskIDs[task]
        return { operation.asksDeparted(of: id, live: live, hasPredecessor: hasPredecessor, $0) }
    }

    /// How long an announced job that no agent received may keep an agent, in the ledger's time.
    private static let patience: Duration = .seconds(3_600)

    private func application(
        _ state: ChangeState,
        of task: Int?
    ) -> (inout Ledger, Limits) -> ChangeAnswer {
        let live = Ledgers.tasks(state.live)
        guard let task else {
            let lists = state.flags.contains(.lists)
            return { ledger, limits in
                ledger.tidy(
                    live: lists ? live : nil,
                    finished: [],
                    patience: nil,
                    at: Small.wallNow,
                    limits
                )
                return ChangeAnswer()
            }
        }
        let operation = minds.operations[state.operation]
        let id = Small.taskIDs[task]
        let lowersAll = broken == .atMostOne
        return { [self] ledger, limits in
            let report = ledger.apply(
                operation,
                of: id,
                live: live,
                finished: [],
                patience: Self.patience,
                at: Small.wallNow,
                limits
            )
            if lowersAll, report == .departure(.retired) {
                ledger.size = ledger.want(limits) + ledger.surplusLeaving
            }
            return ChangeAnswer(report: plain(report))
        }
    }

    /// Counts and names in an answer only tell the trace.
    private func plain(_ report: LedgerReport) -> LedgerReport {
        switch report {
        case .reserve(.refused(.holdsJob)) where broken == .forgetReport:
            .reserve(.refused(.needed(staying: 0, want: 0)))
        case .reserve(.refused(let reason)) where reason != .holdsJob:
            .reserve(.refused(.needed(staying: 0, want: 0)))
        case .departure(.recycles): .departure(.recycles(.needed(staying: 0, want: 0)))
        default: report
        }
    }

    private func progress(
        _ change: LedgerChange<ChangeAnswer, Int>,
        _ step: LedgerChange<ChangeAnswer, Int>.Step,
        wasDeparting: Bool
    ) -> ChangeProgress {
        let keep = { [self] (place: ChangeValue.Place, write: LedgerWrite<Int>?) in
            let isDeparting = wasDeparting || !(write?.departed.isEmpty ?? true)
            return changes.id(
                of: ChangeValue(
                    place: place,
                    isDeparting: isDeparting,
                    change: change,
                    write: write
                )
            )
        }
        switch step {
        case .write(let write):
            let pending = ChangeValue.Pending(
                counted: write.counted.map(ledgers.uncounted),
                jobs: write.jobs,
                departed: write.departed
            )
            // What it would answer lies in its own stage: the write's own step says it.
            var copy = change
            let next = copy.wrote()
            let looks = if case .read = next { true } else { false }
            let answer = looks ? looked(copy) : ended(next)
            guard let answer else { preconditionFailure("a write without an answer") }
            return .under(
                .write,
                value: keep(
                    .write(pending, answer, isUnclear: change.isUnclear, looks: looks),
                    write
                )
            )
        case .raise(let size, _):
            guard let answer = looked(change) else { preconditionFailure("no second look") }
            return .under(.raise, value: keep(.raise(size, answer), nil))
        case .read:
            guard let answer = looked(change) else { preconditionFailure("nothing to look at") }
            return .under(.look, value: keep(.look(answer), nil))
        case .done(let answer, let ledger, let sizeChanged):
            let report = answer.report.map { Observation.booked($0, sizeChanged: sizeChanged) }
            return .over(
                observation: report.map { minds.observation($0) } ?? 0,
                ledger: ledgers.id(of: ledgers.uncounted(ledger)),
                sizeChanged: sizeChanged
            )
        case .readDeparted, .adopt, .pause, .contended, .unclear:
            preconditionFailure("a step that was answered already")
        }
    }

    /// The answer of a change that is made and looks once more.
    private func looked(_ change: LedgerChange<ChangeAnswer, Int>) -> ChangeAnswer? {
        ended(change.missedReading())
    }

    private func ended(_ step: LedgerChange<ChangeAnswer, Int>.Step?) -> ChangeAnswer? {
        guard case .done(var answer, _, let sizeChanged)? = step else { return nil }
        answer.sizeChanged = sizeChanged
        return answer
    }

    /// The change is made, as a look that failed or was left out says.
    func missed(_ value: UInt16) -> ChangeProgress {
        guard let step = changes[value].change.missedReading() else {
            preconditionFailure("nothing is made")
        }
        return progress(changes[value].change, step, wasDeparting: false)
    }

    /// The write of a change took effect.
    func wrote(_ value: UInt16) -> ChangeProgress {
        var change = changes[value].change
        let step = change.wrote()
        return progress(change, step, wasDeparting: false)
    }

    /// Nobody answered it.
    func gotNoAnswer(_ value: UInt16) -> UInt16 {
        guard case .write(_, let answer, _, _) = changes[value].place else {
            preconditionFailure("no write")
        }
        var change = changes[value].change
        _ = change.gotNoAnswer()
        return changes.id(
            of: ChangeValue(
                place: .unclear(answer),
                isDeparting: changes[value].isDeparting,
                change: change
            )
        )
    }

    /// A race was lost.
    ///
    /// - Returns: what is left of the change: nothing, unless an earlier write of it is unclear or
    ///   a departure was sent.
    func lost(_ value: UInt16) -> UInt16 {
        guard case .write(_, let answer, let isUnclear, _) = changes[value].place else { return 0 }
        let isDeparting = changes[value].isDeparting
        guard isUnclear || isDeparting else { return 0 }
        var change = changes[value].change
        _ = change.lostRace()
        return changes.id(
            of: ChangeValue(
                place: isUnclear ? .unclear(answer) : .again,
                isDeparting: isDeparting,
                change: change
            )
        )
    }

    /// - Parameters:
    ///   - ledger: as it is now; nil when nobody answered.
    ///   - isStale: its version is another one than was read.
    func raised(_ value: UInt16, _ ledger: UInt16?, isStale: Bool) -> ChangeProgress {
        var change = changes[value].change
        let counted = ledger.map { id in
            var counted = ledgers[id]
            if isStale { counted.version += 1 }
            return counted
        }
        let step = change.raised(counted)
        return progress(change, step, wasDeparting: false)
    }
}
