import Synchronization

/// Where the tasks of a call run: all on one thread, so that none wakes another thread for the next
/// step. Nobody waits long for that thread: a call's parts take some hundred microseconds together.
package enum Home {
    /// Nil is Swift's pool.
    @TaskLocal package static var executor: (any TaskExecutor)?

    /// - Parameter executor: for an operation whose parts are short.
    package static func run<Value: Sendable>(
        on executor: any TaskExecutor,
        _ operation: @Sendable () async throws -> Value
    ) async rethrows -> Value {
        try await $executor.withValue(executor) {
            try await withTaskExecutorPreference(executor) { try await operation() }
        }
    }
}

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
    let work = Task(executorPreference: Home.executor) { race.end(await operation()) }
    let deadline = Deadlines.shared.add(after: limit) { race.end(nil) }
    defer { Deadlines.shared.remove(deadline) }
    return await withTaskCancellationHandler {
        let winner = await race.winner()
        work.cancel()
        return winner
    } onCancel: {
        work.cancel()
    }
}

/// Times at which something is to be ended, nearly all of which are taken away before. A task that
/// sleeps for each would wake threads for every call; here one sleeps for all, until the first.
private final class Deadlines: Sendable {
    static let shared = Deadlines()

    private struct State {
        var count: UInt64 = 0
        var waiting: [UInt64: (end: ContinuousClock.Instant, act: @Sendable () -> Void)] = [:]
        /// When tasks that sleep wake up, each before the ones that were there.
        var sleepers: [ContinuousClock.Instant] = []
    }

    private let state = Mutex(State())

    func add(after limit: Duration, _ act: @escaping @Sendable () -> Void) -> UInt64 {
        let end = ContinuousClock.now + limit
        return state.withLock { state in
            state.count += 1
            state.waiting[state.count] = (end, act)
            wake(&state, at: end)
            return state.count
        }
    }

    func remove(_ id: UInt64) { state.withLock { _ = $0.waiting.removeValue(forKey: id) } }

    private func wake(_ state: inout State, at end: ContinuousClock.Instant) {
        guard state.sleepers.allSatisfy({ $0 > end }) else { return }
        state.sleepers.append(end)
        Task.detached {
            try? await Task.sleep(until: end, clock: .continuous)
            self.settle(end)
        }
    }

    private func settle(_ end: ContinuousClock.Instant) {
        let over = state.withLock { state in
            state.sleepers.removeAll { $0 == end }
            let over = state.waiting.filter { $0.value.end <= end }
            for id in over.keys { state.waiting[id] = nil }
            if let next = state.waiting.values.map(\.end).min() { wake(&state, at: next) }
            return over.values.map(\.act)
        }
        for act in over { act() }
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
