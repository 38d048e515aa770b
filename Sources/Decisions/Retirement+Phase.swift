/// A task goes through its phases in one direction, but for an agent that stays after all. What has
/// meaning in one of them only is a part of it.
extension Retirement {
    package enum Phase: Hashable, Sendable {
        /// Until the agent, which may not have started yet, is about to leave.
        case working
        /// The ledger is asked whether the idle agent may leave.
        case reserving
        /// The agent gets its one stop signal. `isAsked`: over this connection of the launcher.
        case draining(isAsked: Bool)
        /// The agent has ended well, and the launcher makes the container as it was for the next one.
        /// `isRenewed`: it is, by this connection of the launcher.
        case renewing(isRenewed: Bool)
        /// The agent has exited, and the ledger has to know. `failedStart`: it ended by itself, not
        /// well, before it could take a job.
        case departing(failedStart: Bool)
        /// The service is one smaller, so it must not be this task that keeps its protection.
        case unprotecting(isAsked: Bool)
        /// ECS starts a fresh task in its place; whether a deployment does is not known yet.
        case looking(Slot<Asked>)
        /// Held open until ECS's deployment stops the task.
        case handingOver(HandOver)
        /// The service has to follow the ledger.
        case projecting
        /// The container may end. `isSaid`: over this connection of the launcher.
        case released(isSaid: Bool)

        /// Its word in diagrams and stories.
        package enum Name: String, CaseIterable, Hashable, Sendable {
            case working, reserving, draining, renewing, departing, unprotecting, looking
            case handingOver, projecting, released
        }

        package var name: Name {
            switch self {
            case .working: .working
            case .reserving: .reserving
            case .draining: .draining
            case .renewing: .renewing
            case .departing: .departing
            case .unprotecting: .unprotecting
            case .looking: .looking
            case .handingOver: .handingOver
            case .projecting: .projecting
            case .released: .released
            }
        }

        /// The agent runs, or may yet start, or another one after it.
        var isAtWork: Bool {
            switch self {
            case .working, .reserving, .draining, .renewing: true
            case .departing, .unprotecting, .looking, .handingOver, .projecting, .released: false
            }
        }

        /// A launcher that connects anew may not have heard what the last one was told.
        mutating func launcherIsNew() {
            switch self {
            case .draining: self = .draining(isAsked: false)
            case .released: self = .released(isSaid: false)
            case .renewing: self = .renewing(isRenewed: false)
            case .handingOver(var handOver):
                handOver.isHeld = false
                self = .handingOver(handOver)
            case .working, .reserving, .departing, .unprotecting, .looking, .projecting: break
            }
        }
    }

    /// What is to be done while ECS's deployment is awaited.
    package struct HandOver: Hashable, Sendable {
        /// Whether the deployment still waits for the task.
        var look = Slot<Asked>()
        var unprotect = Slot<Asked>()
        var isUnprotected = false
        /// The launcher was told to keep the container open, over this connection.
        var isHeld = false
    }
}

extension Retirement {
    mutating func advancePhase(at now: Instant) {
        if phase == .working, isIdle, signal == nil, !stopRequested,
            mayDrainFrom.hasCome(at: now), let reason = reasonToReplace(at: now)
        {
            // Needs no reservation: its departure lowers the service only if it may.
            telling.replaceReason = reason
            phase = .draining(isAsked: false)
        }
        if case .draining = phase, signal == nil,
            !isIdle || !watch.busyUntil(timers).hasCome(at: now)
        {
            phase = .working
        }
        if case .departing = phase, nothingToBook { phase = .projecting }
        advanceHandOver(at: now)
        if phase == .projecting, following.isDone || waitedLongEnough(at: now) {
            phase = .released(isSaid: false)
        }
    }

    var isIdle: Bool {
        if case .idle = agent { linked } else { false }
    }

    /// An idle agent is left alone before: a drain was refused lately, or HCP Terraform takes it
    /// for busy.
    var mayDrainFrom: Instant? { timers[.drainFrom].orLater(watch.busyUntil(timers)) }

    /// Why a fresh agent would be better than this one, wanted or not.
    private func reasonToReplace(at now: Instant) -> Reason? {
        if let status = watch.givenUp { return .givenUp(status) }
        return reasonForFreshTask(at: now)
    }

    /// Why a fresh task would be better than this one, whatever its agent is.
    func reasonForFreshTask(at now: Instant) -> Reason? {
        if let maxLifetime = settings.maxLifetime, let startedAt = timers[.startedAt],
            now - startedAt >= maxLifetime
        {
            return .maximumLifetime(maxLifetime)
        }
        if comparison.serviceEnds(timers, at: now) { return .serviceEnds }
        return comparison.makesRoom(timers, at: now) ? .outdated : nil
    }

    /// The launcher holds its container open for 20 s. The ledger is right by now, so whoever
    /// compares next makes ECS follow.
    func waitedLongEnough(at now: Instant) -> Bool {
        guard let exitedAt = timers[.exitedAt] else { return false }
        return now - exitedAt >= timing.projectionPatience
    }
}
