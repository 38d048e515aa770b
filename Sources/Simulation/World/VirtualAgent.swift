import AgentLink
import Decisions
import Model

/// `tfc-agent` as HashiCorp documents it: one job at a time, a first signal to finish and leave, a
/// second one to drop everything (HCP Terraform agents, "Stop the agent").
struct VirtualAgent {
    enum State {
        /// Its container has not started.
        case absent
        case starting
        case idle
        case busy
        /// Between a job and the request for the next one.
        case pausing
        /// Deregisters; takes no job.
        case leaving
        case gone
    }

    var state = State.absent
    var signals = 0
    var job: HeldJob?
    var receivedAt: Milliseconds = 0
    /// In its pool, from its registration on.
    var number: Int?
    /// Told apart from the callbacks of an earlier job, those of the task's agents before it included.
    var jobNumber = 0
    /// Jobs of the task's agents before it.
    private var jobsBefore = 0

    init() {}

    /// The next one in the container of another.
    init(after former: VirtualAgent) {
        jobNumber = former.jobNumber
        jobsBefore = former.jobNumber
    }

    /// Has a job in hand, or behind it.
    var hasWorked: Bool { jobNumber > jobsBefore }
    /// A process that lives, or is about to.
    var mayLive: Bool { state != .absent && state != .gone }
    /// Any state in which killing it costs a run.
    var holdsJob: Bool { job != nil }
}

/// One of the agent's status lines (HCP Terraform agents, "Logging").
enum AgentLine {
    case registered
    case waiting
    case received(Job)

    private static let registeredText = "core: \(StatusPhrase.registered.words) with HCP Terraform"
    private static let waitingText = "core: \(StatusPhrase.waiting.words)"
    private static let receivedText = "core: \(StatusPhrase.jobReceived.words): "

    var text: String {
        switch self {
        case .registered: Self.registeredText
        case .waiting: Self.waitingText
        case .received(let job):
            "\(Self.receivedText)job_type=\(job.type) job_id=\(job.id)"
        }
    }
}
