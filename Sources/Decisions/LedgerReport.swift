/// How an operation ended.
package enum LedgerReport: Hashable, Sendable {
    case reported(Job?)
    case reserve(ReserveAnswer)
    case rejoined
    case departure(Departure)
    case exposed
    case covered
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
