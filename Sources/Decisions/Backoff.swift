/// How long to wait before trying again what failed: exponential backoff with full jitter. The
/// bound doubles with each try that failed; the wait is drawn between zero and the bound, so that
/// callers that failed together do not come back together.
package struct Backoff: Hashable, Sendable {
    /// The bound after the first try that failed.
    package let first: Duration
    package let longest: Duration

    package init(first: Duration, longest: Duration) {
        precondition(first >= .zero && first <= longest, "backoff from \(first) to \(longest)")
        self.first = first
        self.longest = longest
    }

    /// For a service that is overloaded or away: AWS refills its buckets every second.
    package static let afterFailure = Backoff(first: .milliseconds(100), longest: .seconds(2))
    /// For a write that another one overtook, which took it tens of milliseconds.
    package static let afterLostRace = Backoff(
        first: .milliseconds(20),
        longest: .milliseconds(500)
    )

    /// - Parameter number: tries that failed in a row; from 1.
    package func bound(afterTry number: Int) -> Duration {
        min(first * (1 << min(max(number, 1) - 1, Self.doublings)), longest)
    }

    /// - Parameters:
    ///   - number: tries that failed in a row; from 1.
    ///   - chance: drawn evenly from 0..<1.
    package func wait(afterTry number: Int, chance: Double) -> Duration {
        bound(afterTry: number) * chance
    }

    /// A thousandfold is longer than any wait in use, and overflows nothing.
    private static let doublings = 10
}
