internal import AWS
package import Decisions
internal import Synchronization
internal import Telemetry

/// What ECS says of starts: of those that came to nothing and of others.
package struct StartNews: Hashable, Sendable {
    package typealias Source = @Sendable () async throws -> StartNews

    /// An event of the service in ECS's words; it keeps a hundred.
    package struct Event: Hashable, Sendable {
        package let at: WallTime?
        package let text: String

        package init(at: WallTime?, text: String) {
            self.at = at
            self.text = text
        }
    }

    /// A task that is over, which ECS knows for about an hour.
    package struct StoppedTask: Hashable, Sendable {
        package let id: TaskID
        /// `stopCode`.
        package let code: String?
        /// `stoppedReason`.
        package let reason: String
        package let at: WallTime?

        package init(_ id: TaskID, code: String?, reason: String, at: WallTime?) {
            self.id = id
            self.code = code
            self.reason = reason
            self.at = at
        }
    }

    package let events: [Event]
    package let stopped: [StoppedTask]

    package init(events: [Event] = [], stopped: [StoppedTask] = []) {
        self.events = events
        self.stopped = stopped
    }

    init(_ ecs: ECSClient, cluster: String, service: String) async throws {
        let seen = try await ecs.lookAtService(cluster: cluster, service: service)
        let ids = try await ecs.listTasks(cluster: cluster, service: service, areStopped: true)
        let tasks = try await ecs.describeTasks(cluster: cluster, Set(ids))
        self.init(
            events: seen.events.map { Event(at: $0.at, text: $0.text) },
            stopped: tasks.map { task in
                StoppedTask(
                    task.id,
                    code: task.stopCode,
                    reason: task.stoppedReason ?? "",
                    at: task.stoppedAt
                )
            }
        )
    }
}

/// A task that ECS could not start, or that it could not even make.
package struct FailedStart: Hashable, Sendable {
    let obstacle: StartObstacle
    /// ECS's own words.
    let cause: String
    /// Nil where no task was made.
    let task: TaskID?
    let at: WallTime
}

/// Which starts have failed lately. A failure is found by a sweep, each once, and is what a run's
/// page says of agents that do not come, until all run or a while has passed without another one.
struct StartWatch: Hashable, Sendable {
    private var seen: Set<String> = []
    private var last: FailedStart?
    /// What is older was there before this process looked for the first time.
    private var since: WallTime?

    /// Two sweeps and what one may be late. ECS pauses for up to half an hour between tries of
    /// starts that fail, and says so by an event, so that one sweep without a failure means nothing.
    static let freshFor: Duration = .seconds(150)
    /// At the first look: so old may a failure be and still be told.
    static let lookBack: Duration = .seconds(120)

    /// - Returns: the failures that were not told before.
    mutating func take(_ news: StartNews, at now: WallTime) -> [FailedStart] {
        let since = since ?? now.advanced(by: .zero - Self.lookBack)
        self.since = since
        var found: [(key: String, start: FailedStart)] = []
        for task in news.stopped {
            guard let obstacle = StartObstacle(stopCode: task.code, reason: task.reason) else {
                continue
            }
            let at = task.at ?? now
            let start = FailedStart(obstacle: obstacle, cause: task.reason, task: task.id, at: at)
            found.append((task.id.text, start))
        }
        for event in news.events {
            guard let obstacle = StartObstacle(event: event.text) else { continue }
            let at = event.at ?? now
            let start = FailedStart(obstacle: obstacle, cause: event.text, task: nil, at: at)
            found.append(("\(at.milliseconds) \(event.text)", start))
        }
        let new = found.filter { !seen.contains($0.key) && $0.start.at >= since }
        // What ECS shows no more needs no remembering.
        seen = Set(found.map(\.key))
        if let newest = new.map(\.start).max(by: { $0.at < $1.at }) { last = newest }
        return new.map(\.start)
    }

    /// All agents that are wanted run.
    mutating func settle() { last = nil }

    /// Why agents that are to start do not, as far as is known.
    func obstacle(at now: WallTime) -> StartObstacle? {
        last.flatMap { now.since($0.at) < Self.freshFor ? $0.obstacle : nil }
    }
}

/// The watch that sweep and announcements of one process share.
package final class StartLog: Sendable {
    private let watch = Mutex(StartWatch())

    package init() {}

    func take(_ news: StartNews, at now: WallTime) -> [FailedStart] {
        watch.withLock { $0.take(news, at: now) }
    }

    func settle() { watch.withLock { $0.settle() } }

    func obstacle(at now: WallTime) -> StartObstacle? { watch.withLock { $0.obstacle(at: now) } }
}

extension FailedStart {
    /// Longest text of ECS's that goes into a line.
    private static let longestCause = 500

    /// A line for each obstacle, which counts the starts that it hindered.
    static func records(_ starts: [FailedStart]) -> [LogRecord] {
        Dictionary(grouping: starts, by: \.obstacle)
            .sorted { $0.key.rawValue < $1.key.rawValue }
            .compactMap { obstacle, starts in
                guard let newest = starts.max(by: { $0.at < $1.at }) else { return nil }
                var fields: LogFields = [
                    .reasonName: .text(obstacle.rawValue), .reason: .text(obstacle.words),
                    .cause: .text(String(newest.cause.prefix(longestCause))),
                    .times: .count(starts.count),
                ]
                fields[.task] = newest.task.map { .text($0.text) }
                return LogRecord(
                    .startsFailed,
                    "agents cannot start: \(obstacle.words)",
                    fields,
                    measuring: [.startsFailed: Double(starts.count)]
                )
            }
    }
}
