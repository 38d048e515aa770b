import Synchronization

/// Waits for `work`, but no longer than `limit`. What is late is cancelled and left to end by
/// itself: an answer is due whether it ends or not.
///
/// - Returns: nil when the time was up.
func withTimeLimit<Value: Sendable>(
    _ limit: Duration,
    _ work: @escaping @Sendable () async -> Value
) async -> Value? {
    guard limit > .zero else { return nil }
    let worker = Task { await work() }
    defer { worker.cancel() }
    return await withCheckedContinuation { continuation in
        let first = First(continuation)
        let timer = Task {
            try? await Task.sleep(for: limit)
            first.resume(nil)
        }
        Task {
            first.resume(await worker.value)
            timer.cancel()
        }
    }
}

/// Resumes with what comes first and ignores the rest.
private final class First<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value?, Never>?>

    init(_ continuation: CheckedContinuation<Value?, Never>) {
        self.continuation = Mutex(continuation)
    }

    func resume(_ value: Value?) {
        let waiting = continuation.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        waiting?.resume(returning: value)
    }
}
