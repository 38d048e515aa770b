/// How long to wait between tries, and how: the one place where this module sleeps.
package struct Pacing: Sendable {
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

    /// How long the waits between tries may be.
    package struct Waits: Sendable {
        /// Bounds the wait after the first failed try; the bound doubles with each further one.
        let first: Duration
        let longest: Duration

        /// For a service that is overloaded or away: AWS refills its buckets every second.
        package static let afterFailure = Waits(first: .milliseconds(100), longest: .seconds(2))
        /// For a write that another one overtook, which took it tens of milliseconds.
        package static let afterLostRace = Waits(
            first: .milliseconds(20),
            longest: .milliseconds(500)
        )
    }

    /// A time between zero and the bound (full jitter), so that callers that failed together do
    /// not come back together.
    package func wait(afterTry number: Int, _ waits: Waits = .afterFailure) -> Duration {
        let doubled = waits.first * (1 << min(max(number, 1) - 1, 10))
        return min(doubled, waits.longest) * random()
    }

    /// - Returns: false when the task was cancelled meanwhile.
    func pause(afterTry number: Int, _ waits: Waits = .afterFailure) async -> Bool {
        do {
            try await sleep(wait(afterTry: number, waits))
            return !Task.isCancelled
        } catch {
            return false
        }
    }
}
