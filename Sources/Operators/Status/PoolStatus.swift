package import AWS
package import Decisions
package import Ports

/// What a pool does at one moment, and why: made of what ledger and ECS say, and of nothing else.
///
/// What could not be read is nil, and ``unknown`` says why: nothing is made up for it.
package struct PoolStatus: Hashable, Report {
    package let place: ECSPlace
    package let at: WallTime
    package let ledger: LedgerSnapshot?
    package let service: ServiceDescription?
    /// The tasks that ECS wants to run.
    package let live: [TaskDescription]?
    /// Those that have stopped within the hour for which ECS keeps them, and those that are stopping.
    package let stopped: [TaskDescription]?
    /// How the stopped ones left, as far as the ledger has it.
    package let departed: [TaskID: Ledger.Departed]
    /// One sentence for each thing that could not be read.
    package let unknown: [String]

    package init(
        place: ECSPlace,
        at: WallTime,
        ledger: LedgerSnapshot?,
        service: ServiceDescription?,
        live: [TaskDescription]?,
        stopped: [TaskDescription]?,
        departed: [TaskID: Ledger.Departed] = [:],
        unknown: [String] = []
    ) {
        self.place = place
        self.at = at
        self.ledger = ledger
        self.service = service
        self.live = live
        self.stopped = stopped
        self.departed = departed
        self.unknown = unknown
    }

    /// What an agent does, as far as the ledger knows. It hears of jobs, not of silence: one without a
    /// job may be idle, or not known to be.
    package enum Work: Hashable, Sendable {
        /// Its task does not run yet.
        case starts
        case job(Job)
        case noJob
        /// It was told to leave, or is about to be.
        case leaves(Ledger.LeaveKind)
        /// The ledger could not be read.
        case unknown
    }

    /// One task, and its agent.
    package struct Agent: Hashable, Sendable {
        package let task: TaskID
        /// As ECS calls it; nil where only the task's id is known.
        package let state: String?
        package let work: Work
        /// It runs without scale-in protection.
        package let isExposed: Bool
        /// When it began what it does.
        package let since: WallTime?
        /// The task definition as `family:revision`.
        package let definition: String?
    }

    /// Oldest first.
    package var agents: [Agent] {
        (live ?? []).map(agent).sorted {
            ($0.since ?? at, $0.task) < ($1.since ?? at, $1.task)
        }
    }

    private func agent(_ task: TaskDescription) -> Agent {
        let (work, since) = work(of: task)
        return Agent(
            task: task.id,
            state: task.state,
            work: work,
            isExposed: ledger?.ledger.exposed[task.id] != nil,
            since: since ?? task.startedAt ?? task.createdAt,
            definition: task.definition
        )
    }

    private func work(of task: TaskDescription) -> (Work, since: WallTime?) {
        guard let ledger = ledger?.ledger else { return (.unknown, nil) }
        if let leaving = ledger.leaving[task.id] { return (.leaves(leaving.kind), leaving.since) }
        if let (job, entry) = ledger.jobs.first(where: { $0.value.task == task.id }) {
            return (.job(job), entry.at)
        }
        return task.isStarting ? (.starts, task.createdAt) : (.noJob, nil)
    }
}

extension TaskDescription {
    /// On its way to run; false where its state is not known.
    var isStarting: Bool {
        ["PROVISIONING", "PENDING", "ACTIVATING"].contains(state)
    }
}
