/// ECS and ledger as one reading shows them.
package struct Comparison: Hashable, Sendable {
    package var size: Int
    package var desired: Int
    package var running: Int
    package var rollout: Rollout
    /// A task has lately left for a fresh one.
    package var isRoomMade: Bool
    /// Agents that started lately ended before they could take a job.
    package var startsFail: Bool
    /// ECS deletes the service, or the limits say that it ends.
    package var ending: Bool

    package init(
        size: Int,
        desired: Int,
        running: Int,
        rollout: Rollout = .settled,
        isRoomMade: Bool = false,
        startsFail: Bool = false,
        ending: Bool = false
    ) {
        self.size = size
        self.desired = desired
        self.running = running
        self.rollout = rollout
        self.isRoomMade = isRoomMade
        self.startsFail = startsFail
        self.ending = ending
    }

    /// - Parameters:
    ///   - ledger: read before the service was.
    ///   - trial: how long it is waited for what becomes of a fresh task.
    package init(
        _ ledger: Ledger,
        _ limits: Limits,
        service: ServiceView,
        running: Int,
        rollout: Rollout,
        trial: Duration = Timing.shipped.handOverPatience,
        at now: WallTime
    ) {
        self.init(
            size: ledger.size,
            desired: service.desired,
            running: running,
            rollout: rollout,
            isRoomMade: ledger.hasRecycled(within: trial, at: now),
            startsFail: ledger.startsFail(within: trial, at: now, limits),
            ending: !service.isActive || limits.isEnding
        )
    }

    /// Of so many turns of all sidecars one is made, so that the calls of a service do not grow
    /// with it; one in ten at least, or a large service would not hear of a deployment for hours.
    package static func turns(size: Int) -> Int { min(max(1, size), 10) }

    /// Whether an idle agent makes room for one of a newer revision. ECS starts none beside it: the
    /// service has no more tasks than it wants.
    ///
    /// A revision that cannot start must not end every agent of the old one. So nobody goes while a
    /// task that is wanted does not run, or the newest ones fail; until one of them has been seen to
    /// run, one agent goes and the others wait for what becomes of it; so too where one or two have
    /// failed and ECS has no room to try again. And a task that was started
    /// beside the newer revision stays: ECS has answered an exit with the old one, and may again,
    /// each time. Its deployment stays open until it is one too many, or has had a job.
    package var makesRoom: Bool {
        guard rollout.isOutdated, !rollout.isReplacement, running >= desired, !startsFail else {
            return false
        }
        return switch rollout.progress {
        case .runs: true
        case .untried, .stalled: !isRoomMade
        case .starting, .fails: false
        }
    }
}
