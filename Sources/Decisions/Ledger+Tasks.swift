/// What the ledger does for a task. Each may be repeated: a write whose answer was lost is read, and
/// the operation run again on what is there.
///
/// After each of them the service is at least as large as what is wanted (``uphold(_:at:)``), as far
/// as the jobs were known, but for agents that fail to start. Only
/// ``depart(_:over:failedStart:at:_:)`` lowers ``Ledger/size``, by one, once for a task.
extension Ledger {
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
        uphold(limits, at: now)
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
        defer { uphold(limits, at: now) }
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
        uphold(limits, at: now)
    }

    /// Takes the exposure back: the task is protected after all.
    package mutating func cover(_ task: TaskID, at now: WallTime, _ limits: Limits) {
        exposed[task] = nil
        uphold(limits, at: now)
    }

    /// Takes the reservation back: the agent caught a job after all, or will not leave.
    package mutating func rejoin(_ task: TaskID, at now: WallTime, _ limits: Limits) {
        leaving[task] = nil
        uphold(limits, at: now)
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
        defer { uphold(limits, at: now) }
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
