import AWS
package import Decisions

extension PoolStatus {
    /// Boots that are shown: those of the newest tasks.
    static let shownBoots = 5

    /// Where the seconds of a task's start went, by ECS's own times; nil until a part is over, and where
    /// ECS does not say.
    package struct Boot: Hashable, Sendable {
        package let task: TaskID
        /// From the task's creation until it was placed and had its network interface.
        package let connected: Duration?
        /// Until the pull of the images began.
        package let asked: Duration?
        /// Until it ended.
        package let pulled: Duration?
        /// Until the containers ran. What is then our own share, and HashiCorp's, metrics tell.
        package let ran: Duration?

        init(_ task: TaskDescription) {
            func span(_ from: WallTime?, _ to: WallTime?) -> Duration? {
                guard let from, let to else { return nil }
                return to.since(from)
            }
            self.task = task.id
            connected = span(task.createdAt, task.connectivityAt)
            asked = span(task.connectivityAt, task.pullStartedAt)
            pulled = span(task.pullStartedAt, task.pullStoppedAt)
            ran = span(task.pullStoppedAt, task.startedAt)
        }
    }

    /// Of each task that lives and that ECS tells such times of, newest first.
    package var boots: [Boot] {
        (live ?? []).filter { $0.connectivityAt != nil || $0.pullStartedAt != nil }
            .sorted { ($0.createdAt ?? at, $0.id) > ($1.createdAt ?? at, $1.id) }
            .map(Boot.init)
    }
}
