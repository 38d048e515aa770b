package import AgentLink
package import Decisions
package import Model

/// A safeguard that can be switched off, to show that the rules notice.
package enum Safeguard: String, Sendable, CaseIterable {
    /// A task's protection is asked for; here ECS is never called and the sidecar told that it was.
    case protection
    /// The launcher gives the agent one stop signal; here every stop passes another one on.
    case oneSignal = "one-signal"
    /// The ledger is written on the condition that nobody else has; here it is written over.
    case conditionalWrite = "conditional-write"
    /// An unclear answer is resolved by reading; here the departure is repeated blindly.
    case verify
    /// The service keeps `desired_count` agents; here the ledger is told of a floor of zero.
    case floor
    /// Unknown is busy; here silence and unreadable lines count as idle.
    case unknownIsBusy = "unknown-is-busy"
    /// A departure lowers the size by one; here by all that is above what is wanted.
    case atMostOne = "at-most-one"
    /// A task of an older revision is left to ECS's deployment; here it leaves by itself, and so does
    /// the one that ECS starts in its place.
    case handOver = "hand-over"
    /// A service that ends is left alone; here neither ECS's word nor that of the limits is heard.
    case ending
    /// What cannot be told for ten minutes is a warning; here nobody says it.
    case warning
    /// What cannot be shown to be as it was is spoiled; here the launcher says that it was renewed.
    case clean
    /// The ledger hears of a job's end, also where the task goes on; here nobody tells it.
    case jobEnd = "job-end"

    /// What switching it off does, in a few words.
    package var meaning: String {
        switch self {
        case .protection: "tasks believe that they are protected and are not"
        case .oneSignal: "every stop gives the agent a signal, also a second one"
        case .conditionalWrite: "the ledger is written without a look at its version"
        case .verify: "a departure without an answer is repeated blindly"
        case .floor: "the ledger forgets desired_count"
        case .unknownIsBusy: "an agent that nobody can read counts as idle"
        case .atMostOne: "a departure lowers the service by all that seems too much"
        case .handOver: "tasks of an older revision leave by themselves, one after the other"
        case .ending: "a service that ends is moved like any other"
        case .warning: "a sidecar that cannot tell what its agent does says nothing"
        case .clean: "a container is renewed for the next job although something is left in it"
        case .jobEnd: "the ledger is never told that a job is over, but by its task's departure"
        }
    }
}

/// Everything that a world is told from outside, but for its runs.
package struct Setup: Sendable {
    package var seed: UInt64
    /// Of each pool.
    package var limits: Limits
    /// Agent pools, each with a service and a ledger of its own. They share the account's rates.
    package var pools = 1
    /// Processes of each pool's endpoint, one of which gets each call.
    package var endpoints = 1
    package var mode = AgentMode.single
    package var idleTimeout: Milliseconds = 120.seconds
    package var firstJobTimeout: Milliseconds = 300.seconds
    package var maxLifetime: Milliseconds?
    /// Jobs after which a task leaves where its container is renewed after each; nil is never.
    package var maxJobs: Int?
    package var protection: Milliseconds = 120.minutes
    /// How long an announced job that no agent received counts.
    package var patience: Milliseconds = 3_600.seconds
    /// The sweep has an API token and announces runs that no run task did.
    package var hasToken = false
    /// HCP Terraform tells the endpoint of each run that is over.
    package var notifies = false
    /// Jobs in an hour that the first idle agent is worth, the second, and so on: more than the idle
    /// limit is waited while they are. Nil where that is not asked.
    package var idleWorth: [Int]?
    /// The endpoint announces applies that follow their plans by themselves.
    package var foresees = false
    /// How many of a thousand agents on Spot are interrupted within an hour. AWS says of Fargate that
    /// they may be, not how often.
    package var spotInterruptions = 0
    package var deployed = Deployed()
    /// From which revision ECS replaces a task that ends while a deployment is open.
    package var replacement = Replacement.same
    package var broken: Safeguard?
    package var faults = Faults()
    /// From the scheduler's decision to a task whose containers run: most of it is the agent's
    /// image. A mean of 57 s was measured for one of 413 MB on Fargate (elasticscale.com, 2024).
    package var boot: ClosedRange<Milliseconds> = 35.seconds...75.seconds
    /// How long a launcher takes to make its container as it was. With 10,000 files it took 152 ms of
    /// processor time, and an agent's end leaves a task of one vCPU little else to do; twice that.
    package var renewal: ClosedRange<Milliseconds> = 250...350
    /// How much longer a job takes on an agent that has had none: what it caches, which is Terraform
    /// itself (HCP Terraform agents, "cache-dir"), it has to fetch first.
    package var coldJob: Milliseconds = 0
    /// How often an idle agent asks for a job (HashiCorp support article 28738394946707).
    package var agentPoll: Milliseconds = 30.seconds
    package var timing = Timing.shipped
    /// What a script begins with; nil where chance draws what happens.
    package var stage: Script.Stage?

    package init(seed: UInt64, limits: Limits) {
        self.seed = seed
        self.limits = limits
    }
}

/// What a policy makes of all tasks and runs.
struct Terms {
    /// HCP Terraform calls a run task before and after plans and applies.
    let usesRunTasks: Bool
    /// The agent takes one job and ends.
    let isSingleJob: Bool
    /// `desiredCount` of a service that has just been made.
    let firstCount: Int
    /// What a task consists of.
    let containers: [ContainerDefinition]
    /// Each pool has a service on Spot for its plans, and one that is not for its applies.
    let splitsPlans: Bool

    /// Whether the tasks of the service with this index run on Spot.
    func isOnSpot(_ index: Int) -> Bool { splitsPlans && index % 2 == 0 }
}
