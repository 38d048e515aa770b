/// The only place where capacity is decided. One item for each service; endpoint and sidecars
/// change it by conditional writes on ``version``, and ECS `desiredCount` is a projection of
/// ``size``.
///
/// A pure value: no clock, no log, no I/O. The operations are in `LedgerOperations.swift`.
package struct Ledger: Hashable, Sendable {
    /// Raised by one with each write; the condition of the next one.
    package var version: Int
    /// Agents the service should have, those included that leave and will lower it.
    package var size: Int
    /// Every job that is known and not known to have ended.
    package var jobs: [Job: JobEntry]
    /// Tasks that may leave and have not yet left.
    package var leaving: [TaskID: Reservation]
    /// Tasks whose agent runs, or is about to run, without scale-in protection.
    package var exposed: [TaskID: Exposure]
    /// The last tasks that left, oldest first, so that a repeated departure changes nothing.
    package var departed: [TaskID]
    /// When an endpoint last booked an update of the service; see `LedgerBooking.swift`.
    package var projectedAt: WallTime?

    /// How many departures are remembered. A repeat comes within seconds of the first try; fifty
    /// departures in that time would be far more than one service makes.
    package static let departedLimit = 50

    package init(
        version: Int = 0,
        size: Int = 0,
        jobs: [Job: JobEntry] = [:],
        leaving: [TaskID: Reservation] = [:],
        exposed: [TaskID: Exposure] = [:],
        departed: [TaskID] = [],
        projectedAt: WallTime? = nil
    ) {
        self.version = version
        self.size = size
        self.jobs = jobs
        self.leaving = leaving
        self.exposed = exposed
        self.departed = departed
        self.projectedAt = projectedAt
    }

    package struct JobEntry: Hashable, Sendable {
        /// When the entry was made, or when the agent's task last took it over.
        package var at: WallTime
        /// The task whose agent runs the job; none while it waits for an agent.
        package var task: TaskID?

        package init(at: WallTime, task: TaskID? = nil) {
            self.at = at
            self.task = task
        }
    }

    package struct Reservation: Hashable, Sendable {
        package var since: WallTime
        package var kind: LeaveKind

        package init(since: WallTime, kind: LeaveKind) {
            self.since = since
            self.kind = kind
        }
    }

    package struct Exposure: Hashable, Sendable {
        package var since: WallTime

        package init(since: WallTime) { self.since = since }
    }

    /// Why a task may leave, which says whether the service shrinks with it.
    package enum LeaveKind: String, Hashable, Sendable, CaseIterable {
        /// One agent more than wanted: the departure lowers ``Ledger/size`` by one.
        case surplus
        /// One task more than ``Ledger/size`` says, so nothing is lowered.
        case stray
    }

    /// Tasks counted in ``size`` that are about to leave it.
    package var surplusLeaving: Int {
        leaving.values.reduce(0) { $0 + ($1.kind == .surplus ? 1 : 0) }
    }

    /// Tasks that leave without being counted in ``size``.
    package var strayLeaving: Int { leaving.count - surplusLeaving }

    /// Agents that are not about to leave.
    package var staying: Int { size - surplusLeaving }

    /// Agents wanted for the jobs known now.
    package func want(_ limits: Limits) -> Int { limits.want(jobs: jobs.count) }
}
