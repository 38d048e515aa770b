package import Decisions
import Telemetry

/// What became of one job, with the time that each part took, as far as the lines tell.
package struct JobStory: Hashable, Sendable {
    package let job: Job
    /// Milliseconds since 1970; of several the first.
    package internal(set) var announcedAt: Int64?
    package internal(set) var startedAt: Int64?
    package internal(set) var endedAt: Int64?
    package internal(set) var task: TaskID?
    /// Its agent was gone before it was over.
    package internal(set) var isLost = false

    init(_ job: Job) { self.job = job }

    /// Seconds from the announcement until an agent had it.
    package var wait: Double? { Self.seconds(from: announcedAt, to: startedAt) }
    /// Seconds that the agent worked.
    package var duration: Double? { Self.seconds(from: startedAt, to: endedAt) }

    private static func seconds(from start: Int64?, to end: Int64?) -> Double? {
        guard let start, let end else { return nil }
        return Double(max(0, end - start)) / 1_000
    }
}

/// Some times of the same kind.
package struct Percentiles: Hashable, Sendable {
    package let count: Int
    package let median: Double
    package let ninetieth: Double
    package let ninetyNinth: Double
    package let longest: Double

    /// - Returns: nil for none.
    init?(_ times: [Double]) {
        guard !times.isEmpty else { return nil }
        let sorted = times.sorted()
        // The nearest rank: one of the times themselves.
        func rank(_ share: Double) -> Double {
            sorted[max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
        }
        count = sorted.count
        median = rank(0.5)
        ninetieth = rank(0.9)
        ninetyNinth = rank(0.99)
        longest = sorted[sorted.count - 1]
    }
}
