import Synchronization

/// Waits for an operation, at most for the time given. One that takes longer is cancelled and
/// not waited for: a task group would wait for an operation that does not heed cancellation, and
/// a request must be answered within its budget whatever hangs.
///
/// - Returns: nil when the time was over first.
package func withTimeLimit<Value: Sendable>(
    _ limit: Duration,
    _ operation: @escaping @Sendable () async -> Value
) async -> Value? {
    guard limit > .zero else { return nil }
    let race = Race<Value>()
    let work = Task { race.end(await operation()) }
    let timer = Task {
        // A timer that is cancelled has lost.
        if (try? await Task.sleep(for: limit)) != nil { race.end(nil) }
    }
    return await withTaskCancellationHandler {
        let winner = await race.winner()
        timer.cancel()
        work.cancel()
        return winner
    } onCancel: {
        work.cancel()
    }
}

/// Lets the first of several through to the one that waits.
private final class Race<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Value?, Never>)
        case over(Value?)
    }

    private let state = Mutex(State.open)

    func end(_ value: Value?) {
        let waiting: CheckedContinuation<Value?, Never>? = state.withLock { state in
            switch state {
            case .open:
                state = .over(value)
                return nil
            case .awaited(let continuation):
                state = .over(value)
                return continuation
            case .over:
                return nil
            }
        }
        waiting?.resume(returning: value)
    }

    /// Called once.
    func winner() async -> Value? {
        await withCheckedContinuation { continuation in
            let known: Value?? = state.withLock { state in
                if case .over(let value) = state { return .some(value) }
                state = .awaited(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}
