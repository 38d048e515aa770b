package import Decisions
internal import Ports

/// How many agents the service has after an announcement.
package struct Headcount: Hashable, Sendable {
    package let size: Int
    package let maxCount: Int
    /// Tasks that ECS runs; nil when it was not asked, since nothing had to change.
    package let running: Int?
    /// Why agents that should start do not; nil where none is known to fail.
    package let obstacle: StartObstacle?

    package init(size: Int, maxCount: Int, running: Int?, obstacle: StartObstacle? = nil) {
        self.size = size
        self.maxCount = maxCount
        self.running = running
        self.obstacle = obstacle
    }

    init(_ snapshot: LedgerSnapshot, running: Int?, obstacle: StartObstacle?) {
        self.init(
            size: snapshot.ledger.size,
            maxCount: snapshot.limits.maxCount,
            running: running,
            obstacle: obstacle
        )
    }

    /// For example `4 of 10 agents, 1 starting`, or `3 of 10 agents, 2 cannot start: the image
    /// cannot be pulled`.
    package var sentence: String {
        let agents = "\(size) of \(maxCount) agents"
        guard let running, size > running else { return agents }
        let missing = size - running
        guard let obstacle else { return agents + ", \(missing) starting" }
        return agents + ", \(missing) cannot start: \(obstacle.words)"
    }
}
