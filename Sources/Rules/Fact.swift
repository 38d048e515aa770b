package import Decisions

/// Something that happened, as whoever saw it states it to the ``RuleBook``: a simulated world, the
/// stand-ins of a rehearsal, a line of a log. Facts are told in the order in which they happened,
/// each with its time in milliseconds.
///
/// A fact that a teller cannot see is left out; the rules that need it are then not judged.
package enum Fact: Sendable, Hashable {
    // MARK: ECS

    case taskStarted(TaskID)
    /// Nothing of the task is left. Its name is free again.
    case taskStopped(TaskID)
    /// The service's scheduler stops the task.
    case stopped(TaskID, StopCause)
    /// - Parameter until: nil where the end will be told as ``unprotected(_:)``.
    case protected(TaskID, until: Int?)
    /// Protection was given back, or ran out.
    case unprotected(TaskID)
    /// `UpdateService` took effect, also with the count that was there.
    case desiredCount(from: Int, to: Int, by: CountSetter)
    /// ECS deletes the service (`DRAINING`, `INACTIVE`).
    case serviceEnds
    /// The limits became 0 and 0: the service is meant to end, and nobody raises it any more.
    case limitsEnd

    // MARK: The agent

    /// An agent process runs, or is about to. A task may have several, one after the other.
    case agentStarted(TaskID)
    /// The process is gone.
    case agentEnded(TaskID)
    /// The process got a stop signal, its `count`th.
    case stopSignal(TaskID, count: Int)
    /// The agent's container was shown to be as it was before its first job, and no agent runs.
    case renewed(TaskID)
    case jobReceived(Job, TaskID)
    /// The job found, in the task that has it, what an earlier one left.
    ///
    /// - Parameter left: what, as the end of a sentence.
    case found(Job, TaskID, left: String)
    case jobEnded(Job, TaskID)
    /// The agent was gone before the job was done.
    case jobLost(Job, TaskID)
    /// What HCP Terraform takes the agent for (agents API).
    case agentStatus(TaskID, ServerStatus)

    // MARK: The sidecar

    /// A sidecar's process begins and knows nothing yet. Where this is not told nobody is judged
    /// for what it does not say.
    case sidecarStarted(TaskID)
    case sidecarEnded(TaskID)
    /// What the sidecar knows from its launcher now.
    case heard(TaskID, Activity)
    /// It warns that it cannot tell what its agent does.
    case unknownReported(TaskID)
    /// It asks the ledger whether its task may leave.
    case reserveAsked(TaskID)
    /// It has its launcher give the agent its stop signal.
    case drainAsked(TaskID)
    /// It has begun to enter in the ledger that its agent runs unprotected.
    case exposing(TaskID)
    /// The entry stands, for as long as what was lowered before it may take to arrive.
    case exposureStands(TaskID)

    // MARK: The ledger

    case ledgerWritten(CountedWrite)
    /// Size was raised on the condition that nobody else had, which leaves the version.
    case ledgerRaised(isAdopted: Bool)
    /// There is no item: none was ever written, or it is gone.
    case noLedger

    // MARK: Runs

    case runEnded(String, RunEnd)

    // MARK: What was written

    /// Text that others than we may read.
    case written(String, Place)

    // MARK: Beyond this system

    /// Something that no rule can prevent takes the task's agent, now or soon.
    case doomed(TaskID, cause: String)
    /// Everything is over and should be at rest.
    case rest(Rest)

    /// Why the scheduler stops a task.
    package enum StopCause: Sendable, Hashable {
        /// More tasks run than a count that this system set.
        case scaleIn
        /// The same with a count that a person set.
        case personsScaleIn
        /// A deployment replaces it.
        case deployment
        /// The service is deleted.
        case deletion
    }

    package enum CountSetter: Sendable, Hashable {
        case system
        case person
    }

    package enum Activity: Sendable, Hashable {
        case idle
        case busy
        case unknown
    }

    package enum RunEnd: Sendable, Hashable {
        /// As the run itself, its configuration or a person wanted it.
        case asMeant
        /// HCP Terraform gave its agent up.
        case agentGone
        case failed(String)
    }

    /// Where text was written.
    package enum Place: Sendable, Hashable {
        /// Output of a program of this task.
        case log(TaskID, program: String)
        case endpointLog
        case table
    }
}

/// One write of what the ledger counts.
package struct CountedWrite: Sendable, Hashable {
    /// Whose sidecar wrote; nil for the endpoint.
    package var writer: TaskID?
    package var versions: Step
    package var sizes: Step
    /// Tasks whose end this write booked.
    package var departures: [TaskID]
    /// Tasks that the ledger now says run unprotected.
    package var exposed: Set<TaskID>
    /// Whether a task of the service has written by now (``Ledger/isAdopted``).
    package var isAdopted: Bool
    /// Agents fail to start, so that they are not all started at any rate.
    package var startsFail: Bool

    /// - Parameters:
    ///   - versions: 0 where there was no item.
    ///   - sizes: twice the new one where there was no item.
    package init(
        by writer: TaskID?,
        versions: Step,
        sizes: Step,
        departures: [TaskID] = [],
        exposed: Set<TaskID> = [],
        isAdopted: Bool = true,
        startsFail: Bool = false
    ) {
        self.writer = writer
        self.versions = versions
        self.sizes = sizes
        self.departures = departures
        self.exposed = exposed
        self.isAdopted = isAdopted
        self.startsFail = startsFail
    }

    /// A number before and after.
    package struct Step: Sendable, Hashable {
        package var from: Int
        package var to: Int

        package init(_ from: Int, _ to: Int) {
            self.from = from
            self.to = to
        }
    }
}

/// What a service looks like when all runs are over and nothing goes wrong any more.
package struct Rest: Sendable, Hashable {
    /// Agents that stay without jobs.
    package var floor: Int
    package var desired: Int
    package var running: Int
    /// Tasks that start or stop.
    package var changing = 0
    /// Its limits are 0 and 0, or it is being deleted.
    package var isEnding = false
    /// Tasks of an older revision that were there before the newest one.
    package var outdated = 0
    /// For how long, in milliseconds, no task has started or stopped and no container been
    /// restarted.
    package var quiet: Int
    /// For how long that should be so.
    package var watched: Int
    /// Whether tasks come and go even then, since they have a maximum lifetime.
    package var comesAndGoes = false
    package var openRuns: [OpenRun] = []
    /// Nil when no task has written the ledger.
    package var ledger: LeftOver?

    package init(floor: Int, desired: Int, running: Int, quiet: Int, watched: Int) {
        self.floor = floor
        self.desired = desired
        self.running = running
        self.quiet = quiet
        self.watched = watched
    }

    /// A run that is not over.
    package struct OpenRun: Sendable, Hashable {
        package var id: String
        package var state: String

        package init(id: String, state: String) {
            self.id = id
            self.state = state
        }
    }

    /// What the ledger still holds.
    package struct LeftOver: Sendable, Hashable {
        package var size: Int
        package var jobs: [String]
        package var leaving: [TaskID]
        package var exposed: [TaskID]

        package init(size: Int, jobs: [String], leaving: [TaskID], exposed: [TaskID]) {
            self.size = size
            self.jobs = jobs
            self.leaving = leaving
            self.exposed = exposed
        }
    }
}
