/// The only place where capacity is decided; ECS `desiredCount` is a projection of ``size``.
///
/// It lies in items of its own kind: a small one with what is counted, changed on the condition of
/// its ``version``; one for each job, which whoever knows of it writes without a race; one for each
/// task that has departed. So no write grows with the number of jobs, and announcements are in
/// nobody's way (`LedgerChange.swift`, `AnnouncementFlow.swift`).
///
/// A pure value: no clock, no log, no I/O. What may be done to it is in `Ledger+Tasks.swift`, `Ledger+Size.swift`
/// and `Ledger+Tidying.swift`.
package struct Ledger: Hashable, Sendable {
    /// Raised by one with each change of what is counted that may take something away, and with
    /// each departure: the condition of the next one, and of a raise.
    package var version: Int
    /// Agents the service should have, those included that leave and will lower it.
    package var size: Int
    /// Every job that is known and not known to have ended.
    package var jobs: [Job: JobEntry]
    /// Tasks that may leave and have not yet left.
    package var leaving: [TaskID: Reservation]
    /// Tasks whose agent runs, or is about to run, without scale-in protection.
    package var exposed: [TaskID: Exposure]
    /// Tasks whose end is booked, as far as they were asked for: a repeated departure changes
    /// nothing, and ECS lists a task for a while after its end.
    package var departed: [TaskID: Departed]
    /// Agents that ended before they could take a job, one after the other; nil while they start.
    package var failedStarts: FailedStarts?
    /// A task that ECS lists for the service has written, and ``size`` has begun with what the
    /// service wanted then. Before that the ledger may be of a service that is not ours, so nothing
    /// lowers that.
    package var isAdopted: Bool
    /// When a task last left for a fresh one: idle agents of an older revision wait for what becomes
    /// of that.
    package var recycledAt: WallTime?
    /// How often ``size`` has changed: a condition of every change beside ``version``, so that a
    /// raise, which changes no version, is in no other raise's way.
    package var moves: Int
    /// The move that last raised it: an announcement is answered once the service has followed that.
    package var lastRaise: Int
    /// How many of the moves the service has followed.
    package var followed: Int
    /// When an update of the service was last booked; see `LedgerBooking.swift`.
    package var projectedAt: WallTime?

    package init(
        version: Int = 0,
        size: Int = 0,
        jobs: [Job: JobEntry] = [:],
        leaving: [TaskID: Reservation] = [:],
        exposed: [TaskID: Exposure] = [:],
        departed: [TaskID: Departed] = [:],
        failedStarts: FailedStarts? = nil,
        isAdopted: Bool? = nil,
        recycledAt: WallTime? = nil,
        moves: Int = 0,
        lastRaise: Int = 0,
        followed: Int = 0,
        projectedAt: WallTime? = nil
    ) {
        self.version = version
        self.size = size
        self.jobs = jobs
        self.leaving = leaving
        self.exposed = exposed
        self.departed = departed
        self.failedStarts = failedStarts
        self.isAdopted = isAdopted ?? (version > 0)
        self.recycledAt = recycledAt
        self.moves = moves
        self.lastRaise = lastRaise
        self.followed = followed
        self.projectedAt = projectedAt
    }

    package struct JobEntry: Hashable, Sendable {
        /// When the entry was made, or when the agent's task last took it over.
        package var at: WallTime
        /// The task whose agent runs the job; none while it waits for an agent.
        package var task: TaskID?
        /// The first job of an agent: one that started lately did start.
        package var isFirst: Bool

        package init(at: WallTime, task: TaskID? = nil, isFirst: Bool = false) {
            self.at = at
            self.task = task
            self.isFirst = isFirst
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

    /// An end that was booked.
    package struct Departed: Hashable, Sendable {
        package enum Kind: String, Hashable, Sendable, CaseIterable {
            /// ``size`` fell by one.
            case retired
            /// It was one more than ``size`` counts.
            case strayed
            /// ECS starts a fresh task in its place.
            case recycled
        }

        package var at: WallTime
        package var kind: Kind

        package init(at: WallTime, kind: Kind) {
            self.at = at
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

    /// Agents that exit before they ever wait for a job do so again: their token was revoked, say.
    /// From the third one on they are started one at a time, with growing pauses, so that such a
    /// fault costs cents and not a fleet. A fresh agent that waits or takes a job ends it; an old one
    /// that works on says nothing of those that start now.
    package struct FailedStarts: Hashable, Sendable {
        package var count: Int
        /// When the last one ended.
        package var at: WallTime
        /// No further agent is started before.
        package var notBefore: WallTime

        package init(count: Int, at: WallTime, notBefore: WallTime) {
            self.count = count
            self.at = at
            self.notBefore = notBefore
        }

        /// Two may be chance: a host that fails, HCP Terraform away for a minute.
        package static let tolerated = 2
        package static let longestPause: Duration = .seconds(900)

        /// - Returns: a minute after the first one that is not tolerated, doubling to a quarter of
        ///   an hour.
        package static func pause(after count: Int) -> Duration {
            guard count > tolerated else { return .zero }
            return min(longestPause, .seconds(60) * (1 << min(count - tolerated - 1, 4)))
        }
    }

    /// Tasks counted in ``size`` that are about to leave it.
    package var surplusLeaving: Int {
        leaving.values.reduce(0) { $0 + ($1.kind == .surplus ? 1 : 0) }
    }

    /// Agents that are not about to leave.
    package var staying: Int { size - surplusLeaving }

    /// Agents that hold a job; each holds one. More than ``size`` when somebody else raised the
    /// service above what the limits allow.
    package var busy: Int { jobs.values.reduce(0) { $0 + ($1.task == nil ? 0 : 1) } }

    /// False for the empty ledger of a table that has none: it says nothing about the service.
    package var isWritten: Bool { version > 0 }

    /// Agents wanted for the jobs known now.
    package func want(_ limits: Limits) -> Int { limits.want(jobs: jobs.count) }
}
