package import Model

/// Demand and agents at regular moments. Where a world runs long the moments move apart, so the
/// size is bounded.
package struct DemandTimeline: Sendable, Equatable {
    package struct Moment: Sendable, Equatable {
        package var at: Milliseconds
        /// Jobs that wait for an agent or have one.
        package var demand: Int
        /// Tasks that exist, those that start included.
        package var agents: Int
        /// Agents that hold a job.
        package var busy: Int
    }

    package private(set) var moments: [Moment] = []
    package private(set) var every: Milliseconds = 10.seconds
    private static let most = 720

    package init() {}

    mutating func add(_ moment: Moment) {
        moments.append(moment)
        guard moments.count >= Self.most else { return }
        every *= 2
        moments = moments.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    }
}
