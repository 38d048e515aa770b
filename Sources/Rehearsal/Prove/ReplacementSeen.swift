import AWS
import Decisions
import Model

/// Which revision ECS was seen to start in place of tasks that ended while a deployment was open. AWS
/// documents both (announcement of November 2025; developer guide, rolling deployments).
enum ReplacementSeen: Equatable, Sendable {
    /// That of the task that ended, so often.
    case same(Int)
    /// The newest one.
    case primary(Int)
    /// Now the one, now the other.
    case both(same: Int, primary: Int)
    /// Nothing was replaced meanwhile.
    case nothing

    /// A deployment that was tried, and the one before it.
    struct Rollout: Equatable, Sendable {
        var old: String
        var new: String
        /// From its call until the old one was gone.
        var began: WallTime
        var ended: WallTime
    }

    /// - Parameter tasks: as ECS describes them at the end. A start is a replacement where a task of
    ///   the old deployment had ended before it, other than by ECS's scheduler, which makes room for the
    ///   newest revision; each end is answered once.
    init(_ rollout: Rollout, _ tasks: [TaskDescription]) {
        let span = rollout.began...max(rollout.began, rollout.ended)
        let ends = tasks.filter { $0.deployment == rollout.old && !$0.isStoppedByScheduler }
            .compactMap { $0.stoppingAt ?? $0.stoppedAt }.filter(span.contains).sorted()
        let starts = tasks.compactMap { task in task.createdAt.map { (at: $0, task: task) } }
            .filter { span.contains($0.at) }.sorted { $0.at < $1.at }
        var unanswered = ends[...]
        var (same, primary) = (0, 0)
        for start in starts {
            guard let end = unanswered.first, end <= start.at else { continue }
            unanswered.removeFirst()
            if start.task.deployment == rollout.old { same += 1 }
            if start.task.deployment == rollout.new { primary += 1 }
        }
        switch (same, primary) {
        case (0, 0): self = .nothing
        case (_, 0): self = .same(same)
        case (0, _): self = .primary(primary)
        default: self = .both(same: same, primary: primary)
        }
    }

    var text: String {
        switch self {
        case .same(let count):
            "ECS replaced \(count) task(s) that ended during the deployment with the revision that "
                + "they had (--replacement same)"
        case .primary(let count):
            "ECS replaced \(count) task(s) that ended during the deployment with the newest revision "
                + "(--replacement primary)"
        case .both(let same, let primary):
            "ECS replaced \(same) task(s) that ended during the deployment with the revision that "
                + "they had, and \(primary) with the newest one"
        case .nothing: "ECS replaced no task while the deployment was open"
        }
    }
}

extension TaskDescription {
    /// By a deployment or a lower count (Amazon ECS API reference, Task, stopCode).
    var isStoppedByScheduler: Bool { stopCode == "ServiceSchedulerInitiated" }
}
