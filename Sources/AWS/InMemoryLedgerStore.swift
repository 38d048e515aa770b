package import Decisions
import Synchronization

/// A ledger for one process, with the same promises as the table's.
package final class InMemoryLedgerStore: LedgerStore {
    private let state: Mutex<LedgerSnapshot>

    package init(_ ledger: Ledger = Ledger(), _ limits: Limits) {
        state = Mutex(
            LedgerSnapshot(ledger: ledger, limits: limits, limitsSource: .environment)
        )
    }

    package func read() async throws(LedgerFailure) -> LedgerSnapshot {
        state.withLock { $0 }
    }

    package func change<Answer: Sendable>(
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot) {
        state.withLock { snapshot in
            var ledger = snapshot.ledger
            let answer = operation(&ledger, snapshot.limits)
            ledger.version = snapshot.ledger.version
            if ledger != snapshot.ledger { ledger.version += 1 }
            snapshot = LedgerSnapshot(
                ledger: ledger,
                limits: snapshot.limits,
                limitsSource: snapshot.limitsSource
            )
            return (answer, snapshot)
        }
    }
}
