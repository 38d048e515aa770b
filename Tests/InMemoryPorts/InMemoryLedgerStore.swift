package import Decisions
package import Ports
import Synchronization

/// A ledger for one process, with the same promises as the table's.
package final class InMemoryLedgerStore: LedgerStore {
    private let state: Mutex<LedgerSnapshot>
    private let desired: Int?

    /// - Parameter desired: what the service wants when a task first writes; nil where none does,
    ///   as in an endpoint.
    package init(_ ledger: Ledger = Ledger(), _ limits: Limits, desired: Int? = 0) {
        state = Mutex(LedgerSnapshot(ledger: ledger, limits: limits))
        self.desired = desired
    }

    package func read() async throws(LedgerFailure) -> LedgerSnapshot {
        state.withLock { $0 }
    }

    package func change<Answer: Sendable>(
        knowing departed: @escaping @Sendable (Ledger) -> Set<TaskID>,
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot) {
        state.withLock { snapshot in
            let before = snapshot.ledger
            var ledger = before
            if !ledger.isAdopted, let desired { ledger.adopt(desired: desired) }
            let answer = operation(&ledger, snapshot.limits)
            ledger.version = before.version
            ledger.moves = before.moves + (ledger.size == before.size ? 0 : 1)
            if ledger.size > before.size { ledger.lastRaise = ledger.moves }
            if ledger != before || !before.isWritten { ledger.version += 1 }
            snapshot = LedgerSnapshot(ledger: ledger, limits: snapshot.limits)
            let sizeChanged = ledger.size != before.size
            let after = LedgerSnapshot(
                ledger: ledger,
                limits: snapshot.limits,
                sizeChanged: sizeChanged
            )
            return (answer, after)
        }
    }

    private func update<Answer: Sendable>(_ change: (inout Ledger) -> Answer) -> Answer {
        state.withLock { snapshot in
            var ledger = snapshot.ledger
            let answer = change(&ledger)
            snapshot = LedgerSnapshot(ledger: ledger, limits: snapshot.limits)
            return answer
        }
    }

    package func write(_ job: JobWrite) async throws(LedgerFailure) -> JobWriteAnswer {
        update { ledger in
            let old = ledger.jobs[job.job]
            guard job.fits(old) else { return .otherwise }
            ledger.jobs[job.job] = job.new
            return .written(over: old)
        }
    }

    package func counted() async throws(LedgerFailure) -> Ledger {
        try await overview().ledger
    }

    package func overview() async throws(LedgerFailure) -> LedgerSnapshot {
        let whole = try await read()
        var ledger = whole.ledger
        ledger.jobs = [:]
        return LedgerSnapshot(ledger: ledger, limits: whole.limits)
    }

    package func raise(
        to size: Int,
        over version: Int,
        bookingAt now: WallTime?
    ) async throws(LedgerFailure) -> (isBooked: Bool, counted: Ledger) {
        update { ledger in
            guard ledger.version == version, ledger.size < size else { return (false, ledger) }
            ledger.size = size
            ledger.moves += 1
            ledger.lastRaise = ledger.moves
            ledger.version = max(version, 1)
            guard let now, ledger.bookingWait(at: now) == nil else { return (false, ledger) }
            ledger.projectedAt = now
            return (true, ledger)
        }
    }

    package func book(
        at now: WallTime
    ) async throws(LedgerFailure) -> (wait: Duration?, counted: Ledger) {
        update { ledger in
            let wait = ledger.isWritten ? ledger.bookingWait(at: now) : .zero
            if wait == nil { ledger.projectedAt = now }
            return (wait, ledger)
        }
    }

    package func note(
        followed moves: Int,
        after before: Int
    ) async throws(LedgerFailure) -> (isNoted: Bool, counted: Ledger) {
        update { ledger in
            let isNoted = ledger.isWritten && ledger.followed == before
            if isNoted { ledger.followed = moves }
            return (isNoted, ledger)
        }
    }
}

extension JobWriteAnswer {
    package var isMade: Bool { self != .otherwise }
}
