/// What a sidecar asks of the ledger.
package enum LedgerOperation: Hashable, Sendable {
    /// The job that the agent holds now. `over`: jobs that it had and that the ledger may not know
    /// to be over, since no report of them arrived. `isFresh`: the first word of an agent that
    /// started lately. `isPlain`: the ledger has nothing else of this task (``byItself(of:at:)``).
    case report(Job?, over: Set<Job> = [], isFresh: Bool = false, isPlain: Bool = false)
    /// Tidy, then reserve. `aboveSize`: how long every reading has shown more tasks than belong.
    case reserve(aboveSize: Duration, isFresh: Bool = false)
    case rejoin
    /// The agent is gone. `failedStart`: it ended by itself, with a code other than 0, before it
    /// ever waited for a job.
    case depart(over: Set<Job> = [], failedStart: Bool = false)
    case expose
    case cover
}

extension LedgerOperation {
    /// The one write that says it, where the ledger need not be read for it: an agent takes an
    /// announced job, which changes no count, or its job is over, which lowers nothing by itself.
    /// Where that write finds the job otherwise the operation is run in full.
    package func byItself(of task: TaskID, at now: WallTime) -> JobWrite? {
        guard case .report(let job, let over, let isFresh, isPlain: true) = self else { return nil }
        if let job {
            let entry = Ledger.JobEntry(at: now, task: task, isFirst: isFresh)
            return JobWrite(job, from: Ledger.JobEntry(at: now), to: entry)
        }
        guard let job = over.first, over.count == 1 else { return nil }
        return JobWrite(job, from: Ledger.JobEntry(at: now, task: task), to: nil)
    }

    /// Of which tasks the ledger must know whether they have departed.
    ///
    /// - Parameters:
    ///   - live: the tasks that ECS lists; nil where it was not asked.
    ///   - hasPredecessor: whether an earlier sidecar may have booked this task's end.
    package func asksDeparted(
        of task: TaskID,
        live: Set<TaskID>?,
        hasPredecessor: Bool,
        _ ledger: Ledger
    ) -> Set<TaskID> {
        let own: Set<TaskID> = hasPredecessor ? [task] : []
        switch self {
        case .report, .depart: return own
        // Only where more are listed than belong can it matter which of them have left.
        case .reserve:
            guard let live, live.count > ledger.size else { return own }
            return own.union(live)
        case .rejoin, .expose, .cover: return []
        }
    }

    /// Whether to run it once more with ECS's list of tasks, read before the ledger is read again.
    /// Most answers need none: an agent may leave whatever ECS lists, or is wanted whatever it
    /// lists.
    ///
    /// - Parameters:
    ///   - report: how it ended without the list.
    ///   - ledger: as it is after that.
    package func needsList(
        after report: LedgerReport,
        of task: TaskID,
        _ ledger: Ledger,
        at now: WallTime,
        _ limits: Limits
    ) -> Bool {
        guard case .reserve(let aboveSize, _) = self, case .reserve(.refused) = report else {
            return false
        }
        return aboveSize > .zero || ledger.listMayFree(task, at: now, limits)
    }
}

extension Ledger {
    /// Runs one operation for a task.
    ///
    /// - Parameters:
    ///   - live: the tasks that ECS lists, read before this ledger was; nil where it was not asked.
    ///     Used by `reserve` alone, as is `finished` (``tidy(live:finished:patience:at:_:)``).
    ///   - patience: how long an announced job that no agent received may keep an agent; nil where
    ///     `finished` says it better.
    package mutating func apply(
        _ operation: LedgerOperation,
        of task: TaskID,
        live: Set<TaskID>?,
        finished: Set<Job>,
        patience: Duration?,
        at now: WallTime,
        _ limits: Limits
    ) -> LedgerReport {
        switch operation {
        case .report(let job, let over, let isFresh, _):
            if isFresh { failedStarts = nil }
            report(task, job, over: over, isFirst: isFresh, at: now, limits)
            return .reported(job)
        case .reserve(let aboveSize, let isFresh):
            if isFresh { failedStarts = nil }
            tidy(live: live, finished: finished, patience: patience, at: now, limits)
            return .reserve(reserve(task, live: live, aboveSize: aboveSize, at: now, limits))
        case .rejoin:
            rejoin(task, at: now, limits)
            return .rejoined
        case .depart(let over, let failedStart):
            return .departure(
                depart(
                    task,
                    over: over,
                    failedStart: failedStart,
                    at: now,
                    limits
                )
            )
        case .expose:
            expose(task, at: now, limits)
            return .exposed
        case .cover:
            cover(task, at: now, limits)
            return .covered
        }
    }
}

extension LedgerOperation: CustomStringConvertible {
    /// Jobs in order, whatever order a set has them in, so that a story reads the same each time.
    package var description: String {
        switch self {
        case .report(let job, let over, let isFresh, let isPlain):
            "report \(job?.key ?? "no job")" + Self.text(over) + (isFresh ? ", fresh" : "")
                + (isPlain ? ", plain" : "")
        case .reserve(let aboveSize, let isFresh):
            "reserve, above size for \(aboveSize.components.seconds) s" + (isFresh ? ", fresh" : "")
        case .rejoin: "rejoin"
        case .depart(let over, let failedStart):
            "depart" + Self.text(over) + (failedStart ? ", a failed start" : "")
        case .expose: "expose"
        case .cover: "cover"
        }
    }

    private static func text(_ over: Set<Job>) -> String {
        guard !over.isEmpty else { return "" }
        return ", over: " + over.sorted().map(\.key).joined(separator: " ")
    }
}
