package import Decisions
import Glibc

/// Time and chance for whoever tries again: the one place where this module sleeps.
package struct RetryClock: Sendable {
    /// Throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// In 0..<1.
    package var random: @Sendable () -> Double
    package var now: @Sendable () -> ContinuousClock.Instant

    package init(
        sleep: @escaping @Sendable (Duration) async throws -> Void = {
            try await Task.sleep(for: $0)
        },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.sleep = sleep
        self.random = random
        self.now = now
    }

    package func wait(
        afterTry number: Int,
        _ backoff: Backoff = .afterFailure
    ) -> Duration {
        backoff.wait(afterTry: number, chance: random())
    }

    /// - Returns: false when the task was cancelled meanwhile.
    package func pause(
        afterTry number: Int,
        _ backoff: Backoff = .afterFailure
    ) async -> Bool {
        do {
            try await sleep(wait(afterTry: number, backoff))
            return !Task.isCancelled
        } catch {
            return false
        }
    }
}

extension WallTime {
    /// The clock of this machine.
    package static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: time.tv_sec * 1_000 + time.tv_nsec / 1_000_000)
    }
}
