package import Decisions
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
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot) {
        state.withLock { snapshot in
            let before = snapshot.ledger
            var ledger = before
            if !ledger.isAdopted, let desired { ledger.adopt(desired: desired) }
            let answer = operation(&ledger, snapshot.limits)
            ledger.version = before.version
            if ledger != before || !before.isWritten { ledger.version += 1 }
            snapshot = LedgerSnapshot(ledger: ledger, limits: snapshot.limits)
            return (answer, snapshot)
        }
    }
}
