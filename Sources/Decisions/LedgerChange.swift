/// Changing the ledger, as a value: read, apply, write on the condition that nobody else has
/// changed what is counted, again after a lost race or a write that nobody answered. Store and
/// simulation perform the same steps.
///
/// Jobs are written by whoever knows of them, without that condition. So a write after which fewer
/// agents stay, or more jobs are known, is followed by a look at the jobs: one that was announced in
/// between has its agent from whoever of the two reads last. The announcer puts the job and then
/// reads what is counted; here what is counted is written and then the jobs are read.
package struct LedgerChange<Answer, Mark: Hashable> {
    package enum Step {
        /// Read ledger, jobs and limits, consistently.
        case read
        /// Read which of these tasks have departed, and when.
        case readDeparted(Set<TaskID>)
        /// No task of the service has written yet: read what the service wants, so that this
        /// write takes nothing away.
        case adopt
        /// Before the next read: what is read must be fresh when it is written.
        case pause(afterTry: Int)
        case write(LedgerWrite<Mark>)
        /// Raise ``Ledger/size`` to this, if this version is still there: the change itself is made.
        case raise(to: Int, over: Int)
        /// - Parameters:
        ///   - ledger: as it is after the change.
        ///   - sizeChanged: the service has to follow.
        case done(Answer, Ledger, sizeChanged: Bool)
        /// Others wrote first, as often as may be tried; nothing was written.
        case contended
        /// As often as may be tried, and one of the writes may be among what others wrote on.
        case unclear
    }

    /// The ledger as it was read.
    package struct Stored {
        package var ledger: Ledger
        package var limits: Limits
        /// Of the write that made what is counted so; nil when no such write has been.
        package var mark: Mark?

        package init(_ ledger: Ledger, _ limits: Limits, mark: Mark?) {
            self.ledger = ledger
            self.limits = limits
            self.mark = mark
        }
    }

    /// Where a change is.
    private enum Stage {
        case reading
        /// The ledger was read; what is missing of it is not yet.
        case knowing(Stored, Mark, asked: Set<TaskID>)
        case writing(Made, Ledger, looks: Bool)
        /// It is made, and the jobs are looked at once more.
        case looking(Made, Ledger)
    }

    /// What a write makes.
    private struct Made {
        let answer: Answer
        let size: Int
        let movesSize: Bool
    }

    private let attempts: Int
    private let adopts: Bool
    private var count = 0
    /// Each write that was sent, by its mark.
    private var sent: [Mark: Made] = [:]
    /// A write got no answer: it may have been written, and others since on top.
    package private(set) var isUnclear = false
    /// Tasks whose departure was sent: whether it is booked is read before it is sent again.
    private var departing: Set<TaskID> = []
    private var stage = Stage.reading
    private var looks = 0

    /// Tries of one change. Each lost race means that somebody else's write succeeded, so with
    /// this many a hundred writers at the same moment get through.
    package static var maximumAttempts: Int { 30 }

    /// - Parameter adopts: whether a task of the service writes; the endpoint, which no task
    ///   vouches for, leaves a ledger as it is.
    package init(attempts: Int = Self.maximumAttempts, adopts: Bool) {
        self.attempts = attempts
        self.adopts = adopts
    }

    /// - Parameters:
    ///   - mark: for the write that may follow, one that no other write has.
    ///   - departed: tasks of which the operation must know whether they have departed.
    ///   - operation: one that may be repeated, like those of ``Ledger``.
    package mutating func read(
        _ stored: Stored,
        mark: Mark,
        departed: (Ledger) -> Set<TaskID> = { _ in [] },
        _ operation: (inout Ledger, Limits) -> Answer
    ) -> Step {
        if case .looking(let made, _) = stage { return look(stored, made) }
        if let mark = stored.mark, let made = sent[mark] {
            // A write that seemed lost had taken effect.
            return look(stored, made)
        }
        guard count < attempts else { return isUnclear ? .unclear : .contended }
        let asked = departed(stored.ledger).union(departing)
        stage = .knowing(stored, mark, asked: asked)
        return asked.isEmpty ? known(operation) : .readDeparted(asked)
    }

    /// - Parameter departed: what was asked for.
    package mutating func readDeparted(
        _ departed: [TaskID: Ledger.Departed],
        _ operation: (inout Ledger, Limits) -> Answer
    ) -> Step {
        guard case .knowing(var stored, let mark, let asked) = stage else { return .read }
        for task in asked { stored.ledger.departed[task] = departed[task] }
        stage = .knowing(stored, mark, asked: asked)
        return known(operation)
    }

    private mutating func known(_ operation: (inout Ledger, Limits) -> Answer) -> Step {
        guard case .knowing(let stored, _, _) = stage else { return .read }
        return adopts && !stored.ledger.isAdopted ? .adopt : apply(operation)
    }

    /// - Parameter desired: what the service wants.
    package mutating func adopted(
        desired: Int,
        _ operation: (inout Ledger, Limits) -> Answer
    ) -> Step { apply(operation, adopting: desired) }

    private mutating func apply(
        _ operation: (inout Ledger, Limits) -> Answer,
        adopting desired: Int? = nil
    ) -> Step {
        guard case .knowing(let stored, let mark, _) = stage else { return .read }
        var ledger = stored.ledger
        if let desired { ledger.adopt(desired: desired) }
        let answer = operation(&ledger, stored.limits)
        let movesSize = ledger.size != stored.ledger.size
        ledger.version = stored.ledger.version
        ledger.moves = stored.ledger.moves + (movesSize ? 1 : 0)
        if ledger.size > stored.ledger.size { ledger.lastRaise = ledger.moves }
        let made = Made(answer: answer, size: ledger.size, movesSize: movesSize)
        guard let write = LedgerWrite(from: stored.ledger, to: ledger, mark: mark) else {
            return done(made, ledger)
        }
        count += 1
        if write.counted != nil {
            ledger.version += 1
            sent[mark] = made
        }
        departing.formUnion(write.departed.keys)
        // A job that nobody had put before may be more than what another one has just lowered.
        let addsJob = write.jobs.contains { $0.old == nil }
        let lowers = ledger.staying < stored.ledger.staying
        stage = .writing(made, ledger, looks: lowers || addsJob)
        return .write(write)
    }

    /// The service has to follow also where the look after the change raised the size again, and where
    /// a write that nobody answered may have moved it: whoever wrote over that knows nothing of it.
    private func done(_ made: Made, _ ledger: Ledger) -> Step {
        let mayHaveMoved = isUnclear && ledger.followed < ledger.moves
        let sizeChanged = made.movesSize || ledger.size != made.size || mayHaveMoved
        return .done(made.answer, ledger, sizeChanged: sizeChanged)
    }

    // MARK: What came of it

    /// The write took effect.
    package mutating func wrote() -> Step {
        guard case .writing(let made, let ledger, let looks) = stage else { return .read }
        guard looks else { return done(made, ledger) }
        stage = .looking(made, ledger)
        return .read
    }

    package mutating func lostRace() -> Step {
        // Nothing to read for: a write of ours cannot be what is there.
        count >= attempts && !isUnclear ? .contended : .pause(afterTry: count)
    }

    /// Nobody answered the write.
    package mutating func gotNoAnswer() -> Step {
        isUnclear = true
        return .pause(afterTry: count)
    }

    // MARK: The second look

    private mutating func look(_ stored: Stored, _ made: Made) -> Step {
        let ledger = stored.ledger
        stage = .looking(made, ledger)
        looks += 1
        guard let size = ledger.sizeWanted(stored.limits), size > ledger.size, looks < attempts
        else { return done(made, ledger) }
        return .raise(to: size, over: ledger.version)
    }

    /// - Parameter counted: as it is now, without jobs; nil when that is not known.
    package mutating func raised(_ counted: Ledger?) -> Step {
        guard case .looking(let made, var ledger) = stage else { return .read }
        // Somebody else has changed it, perhaps without having seen the job; or nobody answered, and it
        // may be raised.
        guard let counted, counted.version == ledger.version else { return .read }
        ledger.size = counted.size
        ledger.moves = counted.moves
        ledger.lastRaise = counted.lastRaise
        ledger.followed = counted.followed
        return done(made, ledger)
    }

    /// What a reading that failed means for a change that is made: the sweep, or whoever changes
    /// the ledger next, raises what is missing. Nil while nothing is made.
    package func missedReading() -> Step? {
        guard case .looking(let made, let ledger) = stage else { return nil }
        return done(made, ledger)
    }
}
