package import Decisions

/// The ledger as it was at one moment, and the limits read with it.
package struct LedgerSnapshot: Hashable, Sendable {
    package let ledger: Ledger
    package let limits: Limits
    /// What is wrong with the limits, which are used all the same: the ceiling wins.
    package let limitsFault: LimitsFault?
    /// After a change: the service has to follow (``LedgerChange/Step/done(_:_:sizeChanged:)``).
    package let sizeChanged: Bool

    package init(
        ledger: Ledger,
        limits: Limits,
        limitsFault: LimitsFault? = nil,
        sizeChanged: Bool = false
    ) {
        self.ledger = ledger
        self.limits = limits
        self.limitsFault = limitsFault
        self.sizeChanged = sizeChanged
    }

    /// What the service follows.
    var view: LedgerView { LedgerView(ledger, limits) }

    /// The same jobs and limits, with what is counted as it is now.
    package func counting(_ counted: Ledger) -> LedgerSnapshot {
        var ledger = counted
        ledger.jobs = self.ledger.jobs
        return LedgerSnapshot(ledger: ledger, limits: limits, limitsFault: limitsFault)
    }
}

/// Limits that contradict each other: what the table's item and the environment say together.
package struct LimitsFault: Hashable, Sendable, CustomStringConvertible {
    package let desiredCount: Int
    package let maxCount: Int

    package init(desiredCount: Int, maxCount: Int) {
        self.desiredCount = desiredCount
        self.maxCount = maxCount
    }

    package var description: String {
        "desired_count \(desiredCount) is above max_count \(maxCount), so \(maxCount) is what "
            + "counts; mend the table's limits item"
    }
}

/// How a job's item was written by itself.
package enum JobWriteAnswer: Hashable, Sendable {
    /// - Parameter over: what was there before; nil for nothing, and where that is not known.
    case written(over: Ledger.JobEntry?)
    /// Another task has the job than the write says, or none: nothing was written.
    case otherwise
}

/// The port to the ledger. Each call throws ``LedgerFailure``, which says whether the ledger may have
/// changed.
package protocol LedgerStore: Sendable {
    /// The ledger and the limits, and then its jobs, each as it is when it is read. A ledger that was never
    /// written is an empty one of version 0, which says nothing about the service.
    func read() async throws(LedgerFailure) -> LedgerSnapshot

    /// Performs a ``LedgerChange``: reads, applies `operation`, and writes on the condition that
    /// nobody else has changed what is counted. After a lost race, and after a write that nobody
    /// answered, it reads again and applies again, so `operation` may run several times: it must be
    /// one that may be repeated, like those of ``Ledger``. Nothing is written when it changes
    /// nothing, but for a first ledger. The first write of a task begins with what the service
    /// wants (``Ledger/adopt(desired:)``).
    ///
    /// - Parameters:
    ///   - departed: tasks of which the operation must know whether they have departed.
    ///   - operation: gets the ledger and the limits; ``Ledger/version`` is the store's.
    /// - Returns: the answer of the application that was written, and the ledger after it.
    func change<Answer: Sendable>(
        knowing departed: @escaping @Sendable (Ledger) -> Set<TaskID>,
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot)

    /// Writes a job's item by itself.
    func write(_ job: JobWrite) async throws(LedgerFailure) -> JobWriteAnswer

    /// - Returns: what is counted, without jobs.
    func counted() async throws(LedgerFailure) -> Ledger

    /// - Returns: what is counted, without jobs, and the limits.
    func overview() async throws(LedgerFailure) -> LedgerSnapshot

    /// Raises the size to this where it is below, and counts the raise.
    ///
    /// - Parameters:
    ///   - version: the one that must still be there, or nothing is raised; 0 for none at all.
    ///   - now: books an update of the service with it, if no other booking is in the way; nil books
    ///     none.
    /// - Returns: whether one is booked, and what is counted after it, without jobs.
    func raise(
        to size: Int,
        over version: Int,
        bookingAt now: WallTime?
    ) async throws(LedgerFailure) -> (isBooked: Bool, counted: Ledger)

    /// Books an update of the service, if no other booking is in the way.
    ///
    /// - Returns: how long one is, if it is, and what is counted, without jobs.
    func book(at now: WallTime) async throws(LedgerFailure) -> (wait: Duration?, counted: Ledger)

    /// Notes that the service has followed so many moves.
    ///
    /// - Parameter before: what must still be noted, or this is not.
    /// - Returns: whether it is, and what is counted after it, without jobs.
    func note(
        followed moves: Int,
        after before: Int
    ) async throws(LedgerFailure) -> (isNoted: Bool, counted: Ledger)
}

extension LedgerStore {
    /// For an operation that asks for no departed task.
    package func change<Answer: Sendable>(
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot) {
        try await change(knowing: { _ in [] }, operation)
    }
}
