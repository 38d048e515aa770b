/// The operations. Each may be repeated: a write whose answer was lost is read, and the
/// operation run again on what is there.
///
/// After each of them the service is at least as large as what is wanted (``raise(_:)``). Only
/// ``depart(_:_:)`` and ``finish(_:_:)`` lower ``Ledger/size``, by one, once for a task.
extension Ledger {
    /// Adds a job that will need an agent. A repeated webhook changes nothing.
    ///
    /// - Parameter closed: jobs that are over, since this one comes after them. One that an
    ///   agent holds stays: only that agent's own report ends it.
    package mutating func announce(
        _ job: Job,
        closing closed: [Job] = [],
        at now: WallTime,
        _ limits: Limits
    ) {
        close(closed.filter { $0 != job })
        if jobs[job] == nil { jobs[job] = JobEntry(at: now) }
        raise(limits)
    }

    /// Ends jobs that are over. One that an agent holds stays: only that agent's own report ends
    /// it. Wants less and so raises nothing; who leaves for it is up to the agents.
    package mutating func close(_ over: some Sequence<Job>) {
        for job in over {
            if let entry = jobs[job], entry.task == nil { jobs[job] = nil }
        }
    }

    /// Raises ``size`` to what the limits of this moment want: limits change by the hour, also
    /// while no task lives that could notice. Never lowers it.
    package mutating func uphold(_ limits: Limits) { raise(limits) }

    /// Notes what the agent of a task holds: jobs held by the task other than `current` are
    /// over, `current` runs here, and a task that holds a job is not leaving. A task that has
    /// departed holds none: a sidecar that is restarted after the departure hears of the agent's
    /// last job again before it hears of its exit, and would raise the service for a job that is
    /// over.
    package mutating func report(
        _ task: TaskID,
        _ current: Job?,
        at now: WallTime,
        _ limits: Limits
    ) {
        dropJobs(of: task, except: current)
        if let current, !departed.contains(task) {
            if jobs[current]?.task != task { jobs[current] = JobEntry(at: now, task: task) }
            leaving[task] = nil
        }
        raise(limits)
    }

    /// Asks whether the idle agent of a task may leave.
    ///
    /// - Parameters:
    ///   - running: tasks that ECS runs, from its latest answer; nil when it gave none.
    ///   - runningAboveSize: how long every reading has shown more tasks than ``size``.
    package mutating func reserve(
        _ task: TaskID,
        running: Int?,
        runningAboveSize: Duration,
        at now: WallTime,
        _ limits: Limits
    ) -> ReserveAnswer {
        defer { raise(limits) }
        if departed.contains(task) { return .refused(.departedBefore) }
        if let held = leaving[task] { return .granted(held.kind) }
        if jobs.values.contains(where: { $0.task == task }) { return .refused(.holdsJob) }
        let want = want(limits)
        let isSurplus = staying - 1 >= want
        let unprotected = exposed.keys.min()
        if isSurplus, unprotected == nil {
            leaving[task] = Reservation(since: now, kind: .surplus)
            return .granted(.surplus)
        }
        // A stray lowers nothing, so it may leave although an agent runs unprotected. It has to:
        // while ECS runs more protected tasks than it wants, it renews no protection at all.
        guard let running, running - strayLeaving > size else {
            if isSurplus, let unprotected { return .refused(.agentExposed(unprotected)) }
            return .refused(.needed(staying: staying, want: want))
        }
        guard runningAboveSize >= Self.strayAfter else {
            return .refused(.perhapsStray(running: running, size: size))
        }
        leaving[task] = Reservation(since: now, kind: .stray)
        return .granted(.stray)
    }

    /// How long ECS must show more tasks than ``size`` before one of them is a stray. Its counts
    /// are eventually consistent: a shorter spell restarts agents at rest.
    package static let strayAfter: Duration = .seconds(300)

    /// Enters a task whose agent runs without protection. While one is here nothing is lowered:
    /// ECS would be free to pick that one.
    package mutating func expose(_ task: TaskID, at now: WallTime, _ limits: Limits) {
        if exposed[task] == nil { exposed[task] = Exposure(since: now) }
        raise(limits)
    }

    /// Takes the exposure back: the task is protected after all.
    package mutating func cover(_ task: TaskID, _ limits: Limits) {
        exposed[task] = nil
        raise(limits)
    }

    /// Takes the reservation back: the agent caught a job after all, or will not leave.
    package mutating func rejoin(_ task: TaskID, _ limits: Limits) {
        leaving[task] = nil
        raise(limits)
    }

    /// Books the departure of a task that reserved and whose agent is gone. A reservation that
    /// was dropped meanwhile (``tidy(live:finished:patience:at:_:)``) is no right to lower
    /// anything, so the books then say what they say for an agent that ended by itself.
    package mutating func depart(_ task: TaskID, _ limits: Limits) -> Departure {
        finish(task, limits)
    }

    /// Books the departure of a task whose agent ended by itself: after its one job, or by a
    /// crash. The service shrinks if it may, else ECS starts a fresh task in its place.
    package mutating func finish(_ task: TaskID, _ limits: Limits) -> Departure {
        defer { raise(limits) }
        // Its agent is gone, so it can neither hold a job nor be picked while busy.
        dropJobs(of: task, except: nil)
        exposed[task] = nil
        if departed.contains(task) {
            leaving[task] = nil
            return .bookedBefore
        }
        let reservation = leaving.removeValue(forKey: task)
        if reservation?.kind == .stray {
            remember(task)
            return .strayed
        }
        if let unprotected = exposed.keys.min() {
            return .recycles(.agentExposed(unprotected))
        }
        // With the reservation gone this task is one of those that stay.
        guard staying - 1 >= want(limits) else {
            return .recycles(.needed(staying: staying, want: want(limits)))
        }
        size -= 1
        remember(task)
        return .retired
    }

    /// Drops what faults left behind; done by an idle sidecar before it reserves.
    ///
    /// - Parameters:
    ///   - live: the tasks that ECS lists for the service, read before this ledger was.
    ///   - finished: announced jobs that HCP Terraform says need no agent any more.
    ///   - patience: how long an announced job that no agent received may keep an agent; nil
    ///     with an API token, when `finished` says it better.
    /// - Returns: the dropped jobs, in order.
    package mutating func tidy(
        live: Set<TaskID>,
        finished: Set<Job>,
        patience: Duration?,
        at now: WallTime,
        _ limits: Limits
    ) -> [Job] {
        var dropped: [Job] = []
        for (job, entry) in jobs {
            let age = now.since(entry.at)
            if let task = entry.task {
                // A task younger than the list would be taken for a dead one.
                if !live.contains(task), age > Self.listLag { dropped.append(job) }
            } else if finished.contains(job) {
                dropped.append(job)
            } else if let patience, age > patience {
                dropped.append(job)
            }
        }
        for job in dropped { jobs[job] = nil }
        leaving = leaving.filter { now.since($0.value.since) <= Self.reservationLimit }
        exposed = exposed.filter { task, exposure in
            live.contains(task) || now.since(exposure.since) <= Self.listLag
        }
        raise(limits)
        return dropped.sorted()
    }

    /// How far ECS's list of tasks may lag behind the ledger. AWS names no bound; its advice for
    /// eventual consistency is waits from seconds to five minutes (ECS API reference, RunTask).
    package static let listLag: Duration = .seconds(300)

    /// How long a reservation holds without a departure. An idle agent exits within seconds of
    /// its signal; a task that died in between must not shrink the service for ever.
    package static let reservationLimit: Duration = .seconds(600)

    /// Raises ``size`` to what is wanted. Never lowers it.
    private mutating func raise(_ limits: Limits) {
        let want = want(limits)
        if staying < want { size = want + surplusLeaving }
    }

    private mutating func dropJobs(of task: TaskID, except current: Job?) {
        // Most often there is none, and building the dictionary anew costs with every job in it.
        let over = jobs.lazy.filter { $0.value.task == task && $0.key != current }.map(\.key)
        for job in Array(over) { jobs[job] = nil }
    }

    private mutating func remember(_ task: TaskID) {
        departed.append(task)
        if departed.count > Self.departedLimit {
            departed.removeFirst(departed.count - Self.departedLimit)
        }
    }
}

/// What ``Ledger/reserve(_:running:runningAboveSize:at:_:)`` says.
package enum ReserveAnswer: Hashable, Sendable {
    case granted(Ledger.LeaveKind)
    case refused(StayReason)
}

/// What was booked for a task whose agent is gone.
package enum Departure: Hashable, Sendable {
    /// The service shrank by one.
    case retired
    /// The task was one more than the service counts; nothing was lowered.
    case strayed
    /// The task leaves and ECS starts a fresh one.
    case recycles(StayReason)
    /// An earlier try had taken effect; nothing was changed.
    case bookedBefore
}

/// Why the service must not shrink.
package enum StayReason: Hashable, Sendable, CustomStringConvertible {
    case needed(staying: Int, want: Int)
    case agentExposed(TaskID)
    case perhapsStray(running: Int, size: Int)
    case holdsJob
    case departedBefore

    package var description: String {
        switch self {
        case .needed(let staying, let want):
            "\(want) of \(staying) agents are wanted"
        case .agentExposed(let task):
            "the agent of task \(task) runs without protection, so nothing may be lowered"
        case .perhapsStray(let running, let size):
            "ECS shows \(running) tasks where \(size) belong, but not for long enough to act on it"
        case .holdsJob:
            "the ledger says that this task's agent holds a job"
        case .departedBefore:
            "this task has already left the ledger"
        }
    }
}
