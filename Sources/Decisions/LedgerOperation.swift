/// What a sidecar asks of the ledger.
package enum LedgerOperation: Hashable, Sendable {
    case report(Job?)
    /// Tidy, then reserve. `runningAboveSize`: how long every reading has shown more tasks.
    case reserve(running: Int?, runningAboveSize: Duration)
    case rejoin
    case depart
    case finish
    case expose
    case cover
}

/// How an operation ended.
package enum LedgerReport: Hashable, Sendable {
    case reported(Job?)
    case reserve(ReserveAnswer)
    case rejoined
    case departure(Departure)
    case exposed
    case covered
}

extension Ledger {
    /// Runs one operation for a task.
    ///
    /// - Parameters:
    ///   - live: the tasks that ECS lists, read before this ledger was; used by `reserve` alone, as
    ///     are `finished` and `patience` (``tidy(live:finished:patience:at:_:)``).
    package mutating func apply(
        _ operation: LedgerOperation,
        of task: TaskID,
        live: Set<TaskID>,
        finished: Set<Job>,
        patience: Duration,
        at now: WallTime,
        _ limits: Limits
    ) -> LedgerReport {
        switch operation {
        case .report(let job):
            report(task, job, at: now, limits)
            return .reported(job)
        case .reserve(let running, let runningAboveSize):
            _ = tidy(live: live, finished: finished, patience: patience, at: now, limits)
            return .reserve(
                reserve(
                    task,
                    running: running,
                    runningAboveSize: runningAboveSize,
                    at: now,
                    limits
                )
            )
        case .rejoin:
            rejoin(task, limits)
            return .rejoined
        case .depart: return .departure(depart(task, limits))
        case .finish: return .departure(finish(task, limits))
        case .expose:
            expose(task, at: now, limits)
            return .exposed
        case .cover:
            cover(task, limits)
            return .covered
        }
    }
}
