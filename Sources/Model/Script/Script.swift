/// What happens in a small world, step by step, so that another one can be made to go the same way:
/// the exploration tells by it how a rule comes to be broken, the simulation plays it.
///
/// Times are in units: a ``Act/tick`` is one, and everything else takes none.
package struct Script: Hashable, Sendable {
    package var stage: Stage
    /// The safeguard that is switched off, by its word; nil where none is.
    package var broken: String?
    package var steps: [Step]

    package init(_ stage: Stage, broken: String?, steps: [Step] = []) {
        self.stage = stage
        self.broken = broken
        self.steps = steps
    }

    /// What the world begins with.
    package struct Stage: Hashable, Sendable {
        package var jobs = 0
        package var floor = 0
        package var most = 1
        package var mode = Mode.single
        package var replacement = Replacement.primary
        /// Units for which protection holds.
        package var protection = 40
        package var desired = 0
        /// Of the ledger; nil where nobody has ever written it.
        package var size: Int?
        /// A person has set ``desired``.
        package var isEdited = false
        /// The jobs wait for agents, and the ledger knows them.
        package var isQueued = false
        /// A sidecar that dies is not started again.
        package var diesForGood = false

        /// Whether an agent leaves after one job, or makes room for a fresh one in its container.
        package enum Mode: String, Hashable, Sendable {
            case single
            case renewed
            case shared
        }

        package init() {}
    }

    /// Who acts, counted from 1: tasks in the order in which ECS starts them, and the endpoint's call
    /// for a job.
    package enum Actor: Hashable, Sendable {
        case task(Int)
        case job(Int)
        case sweep
    }

    /// How a call ends.
    package enum Fate: String, Hashable, Sendable, CaseIterable {
        case answered
        /// It takes no effect, and the caller knows that, or knows nothing.
        case failedBefore = "failed-before"
        /// It takes effect, and nobody answers.
        case failedAfter = "failed-after"
        /// It takes no effect and nobody answers, so that the caller has to look.
        case lost
        /// ECS answers with what was true before its last change.
        case stale
        /// As failed after, and the look after it fails as well.
        case blind
    }

    package struct Step: Hashable, Sendable {
        package let act: Act
        package let who: Actor?
        package let fate: Fate
        /// Tasks that a turn stops, the job that is received, a count, or a 1 for yes.
        package let numbers: [Int]

        package init(
            _ act: Act,
            _ who: Actor? = nil,
            _ fate: Fate = .answered,
            _ numbers: [Int] = []
        ) {
            self.act = act
            self.who = who
            self.fate = fate
            self.numbers = numbers
        }
    }

    /// What happens.
    package enum Act: String, Hashable, Sendable, CaseIterable {
        /// A unit of time passes.
        case tick
        /// ECS's scheduler starts a task, and stops those named.
        case start
        /// It starts none.
        case stop
        /// A task's containers run.
        case boot
        case failBoot = "fail-boot"
        /// A person stops a task.
        case stopTask = "stop-task"
        /// It did not end in time.
        case killTask = "kill-task"
        /// A person sets `desiredCount`.
        case edit
        case deploy
        case delete
        /// HCP Terraform calls the endpoint for a job.
        case call
        /// The next call of the endpoint that answers it.
        case endpoint
        /// The next call of its projection.
        case follow
        case receive
        case finish
        /// An agent that has its signal ends.
        case exit
        /// The launcher has made its container as it was, or could not.
        case renew
        case spoil
        case startAgent = "start-agent"
        case failAgent = "fail-agent"
        case crashAgent = "crash-agent"
        /// The sidecar hears the next message.
        case hear
        /// The drain reaches the launcher; 1 where it finds processes of a job.
        case drain
        case protect
        case unprotect
        case compare
        case deployments
        case watch
        /// Of a change of the ledger: ECS's list of tasks, the one write that may be enough, and the
        /// change's own calls.
        case list
        case byItself = "by-itself"
        case read
        case write
        case look
        case raise
        /// The next call of a sidecar's or the sweep's projection.
        case project
        case sweep
        /// The sidecar dies; 1 where its write arrives.
        case crash
        case restart
        case releaseLimit = "release-limit"
        case aloneLimit = "alone-limit"
        /// Nobody has answered the launcher for so long that it starts the agent without a sidecar.
        case startLimit = "start-limit"
        /// What the ledger says of tasks that are gone and jobs that are over grows old.
        case age
        case bookingPasses = "booking-passes"
        case breakLink = "break-link"
        case connect
    }
}
