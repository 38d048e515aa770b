import Glibc
import Synchronization

/// The one graceful stop that the agent obeys, seen by its loop and set by its signals.
final class StopRequest: Sendable {
    private struct State {
        var isRequested = false
        var pause: Task<Void, Never>?
        var child: pid_t?
    }

    private let state = Mutex(State())

    var isRequested: Bool { state.withLock { $0.isRequested } }

    func request() {
        state.withLock {
            $0.isRequested = true
            $0.pause?.cancel()
        }
    }

    /// Sleeps, and wakes at once on a request.
    func pause(_ duration: Duration) async {
        let pause = Task { _ = try? await Task.sleep(for: duration) }
        let late = state.withLock {
            $0.pause = pause
            return $0.isRequested
        }
        if late { pause.cancel() }
        await pause.value
    }

    /// The job's child, so that a forced termination takes it along.
    func setChild(_ pid: pid_t?) { state.withLock { $0.child = pid } }

    func killChild() {
        if let pid = state.withLock({ $0.child }) { kill(pid, SIGKILL) }
    }
}
