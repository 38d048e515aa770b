internal import Decisions
internal import Ports

/// How many agents the service has after an announcement.
package struct Headcount: Hashable, Sendable {
    package let size: Int
    package let maxCount: Int
    /// Tasks that ECS runs; nil when it was not asked, since nothing had to change.
    package let running: Int?

    package init(size: Int, maxCount: Int, running: Int?) {
        self.size = size
        self.maxCount = maxCount
        self.running = running
    }

    init(_ snapshot: LedgerSnapshot, running: Int?) {
        self.init(
            size: snapshot.ledger.size,
            maxCount: snapshot.limits.maxCount,
            running: running
        )
    }

    /// For example `4 of 10 agents, 1 starting`.
    package var sentence: String {
        let agents = "\(size) of \(maxCount) agents"
        guard let running, size > running else { return agents }
        return agents + ", \(size - running) starting"
    }
}
