import AgentLink
import Decisions
import Model
package import Rules

/// A small world to be searched to its end: how large it is, what may go wrong, where it begins.
package struct Scene: Sendable {
    package enum Beginning: Sendable {
        /// Nothing runs, the ledger says the floor.
        case rest
        /// A service wants one task; nobody has ever written a ledger.
        case neverWritten
        /// Two agents start where none belongs.
        case twoTooMany
        /// Two jobs wait, and a person lets both agents start where one may be.
        case moreJobsThanMay
        /// Both of these agents have their jobs.
        case moreJobsHeldThanMay
        /// As many agents as may be are about to start for jobs that wait, and no call is on its way.
        case jobsWait
        /// As many agents as belong are idle.
        case atWork
    }

    package let name: String
    /// What it is for, in a line.
    package let about: String
    var tasks = 2
    var jobs = 1
    var floor = 0
    var most = 1
    /// Whether an agent leaves after one job, and whether another one follows it.
    var mode = AgentMode.single
    /// Jobs after which a task leaves in renewed mode.
    var maxJobs: Int?
    var budgets = Budgets()
    var beginning = Beginning.rest
    /// How long protection holds.
    var protection = 40
    /// From which revision ECS replaces a task that ends by itself during a deployment.
    var replacement = Replacement.primary
    /// The sidecars ask HCP Terraform what it takes their agents for.
    var watches = false
    /// A sidecar that dies is not started again: it was in its first minute.
    var diesForGood = false
    /// The crashing agents crash before they wait for a job.
    var agentsFailToStart = false
    /// Part of the default run.
    package var isDeep = false
    /// Protection and comparisons take no time: nothing comes between question and answer.
    var isPrompt = false
    /// A sweep may begin at any time; otherwise while nothing is on its way.
    var sweepsAnyTime = false
    /// Deployments happen, so tasks take their time to run, and who left lately matters.
    var deploys: Bool { budgets.deployments > 0 }
    /// States at which it is given up, where it is too large to close.
    var limit: Int?
}

/// A safeguard that is switched off: the scene that names it must notice.
package enum Breakage: String, CaseIterable, Sendable {
    case protection
    case oneSignal = "one-signal"
    case conditionalWrite = "conditional-write"
    case atMostOne = "at-most-one"
    case verify
    case neverWritten = "never-written"
    case forgetReport = "forget-report"
    case forgetExpose = "forget-expose"
    case oldReading = "old-reading"
    case secondLook = "second-look"
    case handOver = "hand-over"
    case clean
    case jobEnd = "job-end"

    /// What switching it off does, in a few words.
    package var meaning: String {
        switch self {
        case .protection: "tasks believe that they are protected and are not"
        case .oneSignal: "every stop gives the agent a signal, also a second one"
        case .conditionalWrite: "what is counted is written without a look at its version"
        case .atMostOne: "a departure lowers the service by all that seems too much"
        case .verify: "a departure without an answer is repeated as if it had never been"
        case .neverWritten: "a ledger that nobody wrote is projected"
        case .forgetReport: "a report without an answer counts as made, whatever the ledger says"
        case .forgetExpose: "an exposure without an answer counts as never written"
        case .oldReading: "a reservation does not ask which tasks have departed"
        case .handOver: "tasks of an older revision leave by themselves, one after the other"
        case .clean: "a container is renewed for the next job although something is left in it"
        case .jobEnd: "the ledger is never told that a job is over, but by its task's departure"
        case .secondLook: "nobody looks at the jobs again after a write that lowers what stays"
        }
    }
}

extension Breakage {
    /// The scene that must notice.
    package var scene: String {
        switch self {
        case .protection: "faults"
        case .oneSignal: "stopped"
        case .conditionalWrite, .secondLook: "two-jobs"
        case .atMostOne, .verify: "two-too-many"
        case .neverWritten: "never-written"
        case .forgetReport: "faults-shared"
        case .forgetExpose: "floor"
        case .oldReading: "edited-floor"
        case .handOver: "deployment-same"
        case .clean: "renewed"
        case .jobEnd: "renewed-deployed"
        }
    }

    /// The rule that is broken.
    package var rule: Rule {
        switch self {
        case .protection: .protected
        case .oneSignal: .oneSignal
        case .secondLook: .runFirst
        case .conditionalWrite, .atMostOne, .verify: .lowering
        case .forgetReport, .forgetExpose, .oldReading, .handOver, .jobEnd: .rest
        case .clean: .nothingLeft
        case .neverWritten: .noWrongZero
        }
    }
}

/// The small world's settings, in the order of the real ones.
enum Small {
    static let second: Duration = .seconds(1)
    /// The clock of every observation: minds are moved to it.
    static let now: Instant = .origin
    static let wallNow = WallTime(milliseconds: 0)
    /// A moment ago: after what was there then, and before whatever comes.
    static let wallLately = WallTime(milliseconds: -1)
    /// Longer ago than any limit of the ledger.
    static let wallOld = WallTime(milliseconds: -1_000_000_000)
    static let taskIDs = [TaskID("a"), TaskID("b"), TaskID("c")]
    static let jobIDs = ["run-1", "run-2"].compactMap { Job(id: $0, type: "plan") }
    static let idle: Duration = .seconds(4)
    static let firstJob: Duration = .seconds(6)
    /// A launcher's, in ticks: longer than the sidecar's patience with its projection.
    static let releaseLimit: UInt8 = 2
    /// A launcher's without a sidecar, in ticks.
    static let aloneLimit: UInt8 = 2
    /// ECS kills what does not end, in ticks.
    static let stopTimeout: UInt8 = 2
    /// The endpoint sweeps once a minute, in ticks.
    static let sweepEvery: UInt8 = 4

    static func settings(
        watchesAgent: Bool,
        renewal: Retirement.Renewal? = nil,
        restarted: Bool = false,
        hasPredecessor: Bool = false
    ) -> Retirement.Settings {
        Retirement.Settings(
            idleTimeout: idle,
            firstJobTimeout: firstJob,
            renewal: renewal,
            watchesAgent: watchesAgent,
            restarted: restarted,
            hasPredecessor: hasPredecessor,
            timing: .small
        )
    }
}
