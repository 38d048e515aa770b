/// The operations. Each may be repeated: a write whose answer was lost is read, and the
/// operation run again on what is there.
///
/// After each of them the service is at least as large as what is wanted (``raise(_:at:)``), as far
/// as the jobs were known, but for agents that fail to start. Only ``depart(_:over:failedStart:at:_:)`` lowers
/// ``Ledger/size``, by one, once for a task.
extension Ledger {
    /// What the first write of a task begins with: a service that is there already keeps what it
    /// wants, and shrinks only as its agents leave. Beginning with zero would end the tasks of a
    /// service whose ledger was lost.
    ///
    /// - Parameter desired: what ECS says that the service wants.
    package mutating func adopt(desired: Int) {
        size = max(size, desired)
        isAdopted = true
    }

    /// Adds a job that will need an agent. A repeated webhook changes nothing.
    package mutating func announce(_ job: Job, at now: WallTime, _ limits: Limits) {
        if jobs[job] == nil { jobs[job] = JobEntry(at: now) }
        raise(limits, at: now)
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
    package mutating func uphold(_ limits: Limits, at now: WallTime) { raise(limits, at: now) }

    /// Notes what the agent of a task holds: jobs held by the task other than `current` are
    /// over, `current` runs here, and a task that holds a job is not leaving. A task that has
    /// departed holds none: a sidecar that is restarted after the departure hears of the agent's
    /// last job again before it hears of its exit, and would raise the service for a job that is
    /// over.
    ///
    /// - Parameters:
    ///   - over: jobs that the agent had, and whose report may never have arrived.
    ///   - isFirst: whether `current` is the first job of an agent that started lately.
    package mutating func report(
        _ task: TaskID,
        _ current: Job?,
        over: Set<Job> = [],
        isFirst: Bool = false,
        at now: WallTime,
        _ limits: Limits
    ) {
        if jobs.values.contains(where: { $0.task == task && hasStarted($0) }) { failedStarts = nil }
        dropJobs(of: task, over: over, except: current)
        if let current, departed[task] == nil {
            if jobs[current]?.task != task {
                jobs[current] = JobEntry(at: now, task: task, isFirst: isFirst)
            }
            leaving[task] = nil
        }
        raise(limits, at: now)
    }

    /// Asks whether the idle agent of a task may leave.
    ///
    /// - Parameters:
    ///   - live: the tasks that ECS lists for the service, read before this ledger was; nil where it
    ///     was not asked, so that nobody is found to be a stray.
    ///   - aboveSize: how long every reading has shown more tasks than ``size``.
    package mutating func reserve(
        _ task: TaskID,
        live: Set<TaskID>?,
        aboveSize: Duration,
        at now: WallTime,
        _ limits: Limits
    ) -> ReserveAnswer {
        defer { raise(limits, at: now) }
        if departed[task] != nil { return .refused(.departedBefore) }
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
        let counted = live.map(counted) ?? 0
        guard counted > size, live?.contains(task) ?? false else {
            if isSurplus, let unprotected { return .refused(.agentExposed(unprotected)) }
            return .refused(.needed(staying: staying, want: want))
        }
        guard aboveSize >= Self.strayAfter else {
            return .refused(.perhapsStray(running: counted, size: size))
        }
        leaving[task] = Reservation(since: now, kind: .stray)
        return .granted(.stray)
    }

    /// Tasks of ECS's list that are one of ``size``, or one too many: not those whose end is
    /// booked, which ECS lists for a while after it, and not those that leave as strays. Both
    /// sides are of one moment; a count that was read minutes ago would let two leave where one
    /// was too many.
    private func counted(_ live: Set<TaskID>) -> Int {
        live.count { departed[$0] == nil && leaving[$0]?.kind != .stray }
    }

    /// How long ECS must show more tasks than ``size`` before one of them is a stray. Its counts
    /// are eventually consistent: a shorter spell restarts agents at rest.
    package static let strayAfter: Duration = .seconds(300)

    /// Enters a task whose agent runs without protection. While one is here nothing is lowered:
    /// ECS would be free to pick that one.
    package mutating func expose(_ task: TaskID, at now: WallTime, _ limits: Limits) {
        if exposed[task] == nil { exposed[task] = Exposure(since: now) }
        raise(limits, at: now)
    }

    /// Takes the exposure back: the task is protected after all.
    package mutating func cover(_ task: TaskID, at now: WallTime, _ limits: Limits) {
        exposed[task] = nil
        raise(limits, at: now)
    }

    /// Takes the reservation back: the agent caught a job after all, or will not leave.
    package mutating func rejoin(_ task: TaskID, at now: WallTime, _ limits: Limits) {
        leaving[task] = nil
        raise(limits, at: now)
    }

    /// Books the departure of a task whose agent is gone: drained after a reservation, after its
    /// one job, or by a crash. The service shrinks if it may, else ECS starts a fresh task in its
    /// place. A reservation of a surplus is no more than the wish to leave: what is wanted now
    /// decides.
    ///
    /// - Parameters:
    ///   - over: jobs that the agent had, and whose report may never have arrived.
    ///   - failedStart: the agent ended before it could take a job (``FailedStarts``).
    package mutating func depart(
        _ task: TaskID,
        over: Set<Job> = [],
        failedStart: Bool = false,
        at now: WallTime,
        _ limits: Limits
    ) -> Departure {
        defer { raise(limits, at: now) }
        if jobs.values.contains(where: { $0.task == task && hasStarted($0) }) { failedStarts = nil }
        // Its agent is gone, so it can neither hold a job nor be picked while busy.
        dropJobs(of: task, over: over, except: nil)
        exposed[task] = nil
        let reservation = leaving.removeValue(forKey: task)
        if let earlier = departed[task] { return .again(earlier.kind) }
        if failedStart { countFailedStart(at: now) }
        let departure = departure(of: reservation, failedStart: failedStart, limits)
        if departure == .retired { size -= 1 }
        remember(task, departure, at: now)
        return departure
    }

    private func departure(
        of reservation: Reservation?,
        failedStart: Bool,
        _ limits: Limits
    ) -> Departure {
        if reservation?.kind == .stray { return .strayed }
        // More agents work than the service counts, so this one was not among those counted.
        if busy >= size { return .strayed }
        if let unprotected = exposed.keys.min() {
            return .recycles(.agentExposed(unprotected))
        }
        // With the reservation gone this task is one of those that stay.
        let want = want(limits)
        let isPaused =
            failedStart && staying > 0 && failedStarts?.count ?? 0 > FailedStarts.tolerated
        guard staying - 1 >= want || isPaused else {
            return .recycles(.needed(staying: staying, want: want))
        }
        return .retired
    }

    /// Drops what faults left behind; done by an idle sidecar before it reserves, and by the
    /// sweep, since at a floor of zero nobody is idle. Only an idle agent proves that nothing waits: of
    /// a pool at `max_count`, or one whose agents cannot start, the sweep would drop the queue.
    ///
    /// - Parameters:
    ///   - live: the tasks that ECS lists for the service, read before this ledger was; nil when
    ///     it was not asked, which leaves alone what needs the list.
    ///   - finished: announced jobs that HCP Terraform says need no agent any more.
    ///   - patience: how long an announced job that no agent received may keep an agent; nil
    ///     where `finished` says it better, and where no idle agent asks.
    package mutating func tidy(
        live: Set<TaskID>?,
        finished: Set<Job>,
        patience: Duration?,
        at now: WallTime,
        _ limits: Limits
    ) {
        close(finished)
        age(patience: patience, at: now)
        if let live {
            // A task younger than the list would be taken for a dead one.
            jobs = jobs.filter { _, entry in
                guard let task = entry.task, !live.contains(task) else { return true }
                return now.since(entry.at) <= Self.listLag
            }
            // A drained agent that does not end still leaves: counted as one that stays, it would
            // take the place of the agent that the next run needs.
            leaving = leaving.filter { task, reservation in
                live.contains(task) || now.since(reservation.since) <= Self.reservationLimit
            }
            exposed = exposed.filter { task, exposure in
                live.contains(task) || now.since(exposure.since) <= Self.listLag
            }
        }
        raise(limits, at: now)
    }

    /// Whether ``tidy(live:finished:patience:at:_:)`` would need ECS's list of tasks.
    package func needsList(at now: WallTime) -> Bool {
        jobs.values.contains { $0.task != nil && now.since($0.at) > Self.listLag }
            || leaving.values.contains { now.since($0.since) > Self.reservationLimit }
            || exposed.values.contains { now.since($0.since) > Self.listLag }
    }

    /// Whether an agent that must stay could leave if ECS's list showed that all those are dead that
    /// it may show to be.
    package func listMayFree(_ task: TaskID, at now: WallTime, _ limits: Limits) -> Bool {
        guard needsList(at: now) else { return false }
        var least = self
        least.tidy(live: [task], finished: [], patience: nil, at: now, limits)
        let answer = least.reserve(task, live: nil, aboveSize: .zero, at: now, limits)
        return if case .granted = answer { true } else { false }
    }

    /// Announced jobs that have waited longer than this for an agent.
    package func waiting(over patience: Duration, at now: WallTime) -> [Job] {
        jobs.filter { $0.value.task == nil && now.since($0.value.at) > patience }.keys.sorted()
    }

    /// Drops announced jobs that nobody received in time.
    private mutating func age(patience: Duration?, at now: WallTime) {
        guard let patience else { return }
        for job in waiting(over: patience, at: now) { jobs[job] = nil }
    }

    /// How far ECS's list of tasks may lag behind the ledger. AWS names no bound; its advice for
    /// eventual consistency is waits from seconds to five minutes (ECS API reference, RunTask).
    package static let listLag: Duration = .seconds(300)

    /// How long a reservation of a task that ECS does not list holds without a departure: the task
    /// died in between, and must not shrink the service for ever.
    package static let reservationLimit: Duration = .seconds(600)

    /// What ``size`` should be at the least; nil while agents fail to start, when each one more is
    /// a decision of its own.
    package func sizeWanted(_ limits: Limits) -> Int? {
        let want = want(limits)
        guard staying < want, let failed = failedStarts, failed.count > FailedStarts.tolerated,
            !jobs.values.contains(where: hasStarted)
        else { return max(size, want + surplusLeaving) }
        return nil
    }

    /// Raises ``size`` to what is wanted. Never lowers it. While agents fail to start, by one at a
    /// time.
    private mutating func raise(_ limits: Limits, at now: WallTime) {
        if let wanted = sizeWanted(limits) {
            size = wanted
            return
        }
        guard let failed = failedStarts else { return }
        let wait = failed.notBefore.since(now)
        // A time that no clock of this system can have written keeps nobody waiting.
        guard wait <= .zero || wait > FailedStarts.longestPause + Self.clockSkew else { return }
        size += 1
        failedStarts?.notBefore = now.advanced(by: FailedStarts.pause(after: failed.count))
    }

    private mutating func countFailedStart(at now: WallTime) {
        let earlier = jobs.values.contains(where: hasStarted) ? 0 : failedStarts?.count ?? 0
        let count = min(earlier + 1, 100)
        failedStarts = FailedStarts(
            count: count,
            at: now,
            notBefore: now.advanced(by: FailedStarts.pause(after: count))
        )
    }

    /// The job shows an agent that came to work after the last one that failed to.
    private func hasStarted(_ entry: JobEntry) -> Bool {
        guard let failed = failedStarts, entry.isFirst, entry.task != nil else { return false }
        return entry.at > failed.at
    }

    /// How far two clocks may be apart: AWS accepts no signature beyond (AWS Signature Version 4).
    private static let clockSkew: Duration = .seconds(300)

    private mutating func dropJobs(of task: TaskID, over: Set<Job>, except current: Job?) {
        // Most often there is none, and building the dictionary anew costs with every job in it.
        let mine = jobs.lazy.filter { $0.value.task == task && $0.key != current }.map(\.key)
        for job in Array(mine) { jobs[job] = nil }
        for job in over where job != current && jobs[job].map({ $0.task == nil }) ?? false {
            jobs[job] = nil
        }
    }

    private mutating func remember(_ task: TaskID, _ departure: Departure, at now: WallTime) {
        let kind: Departed.Kind =
            switch departure {
            case .retired, .bookedBefore: .retired
            case .strayed: .strayed
            case .recycles: .recycled
            }
        departed[task] = Departed(at: now, kind: kind)
        if kind == .recycled { recycledAt = now }
    }

    /// How long a booked end is kept at the least. A repeat comes within a minute: the launcher
    /// holds its container open for 20 s. ECS's list lags by ``listLag`` at most, and two clocks may
    /// differ as much.
    package static let departedFor: Duration = .seconds(3_600)
}

/// What ``Ledger/reserve(_:live:aboveSize:at:_:)`` says.
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
    /// An earlier try had taken effect, and the service shrank by one with that.
    case bookedBefore

    /// The answer to a repeated try.
    static func again(_ kind: Ledger.Departed.Kind) -> Departure {
        switch kind {
        case .retired: .bookedBefore
        case .strayed: .strayed
        case .recycled: .recycles(.departedBefore)
        }
    }
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
