/// Dropping what is over, and what faults left behind.
extension Ledger {
    /// Ends jobs that are over. One that an agent holds stays: only that agent's own report ends
    /// it. Wants less and so raises nothing; who leaves for it is up to the agents.
    package mutating func close(_ over: some Sequence<Job>) {
        for job in over {
            if let entry = jobs[job], entry.task == nil { jobs[job] = nil }
        }
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
        uphold(limits, at: now)
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
}
