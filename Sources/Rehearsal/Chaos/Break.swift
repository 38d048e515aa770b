import Decisions
import Glibc
import Model

/// A safeguard that the local cloud can undo. The real executables have no switch for it: what is
/// broken is the world around them, and the rules must notice.
enum Break: String, Sendable, CaseIterable {
    /// ECS answers that a task is protected, and takes protected ones first when it scales in.
    case protection
    /// A Spot notice comes for a working agent, and its agent gets a second signal as if the
    /// launcher passed on every one.
    case oneSignal = "one-signal"
    /// A renewal leaves the cache in the agent's home as it is (`AGENT_KEEP`), and says that the
    /// container is renewed.
    case clean

    /// For the help and the announcement.
    var explanation: String {
        switch self {
        case .protection: "ECS scales in protected tasks, and those first"
        case .oneSignal: "an agent that drains gets a second stop signal"
        case .clean: "a renewal leaves what a job put into a cache; with --mode renewed"
        }
    }
}

/// Breaks the one-signal rule once: interrupts the first task that receives a job, and signals its
/// agent again after the launcher did.
struct SecondSignal: Sendable {
    /// Longer than any job, so that only the second signal can cost it.
    static let grace: Milliseconds = 120_000

    let ecs: ECSStandIn
    let journal: PlayJournal
    let events: AsyncStream<Happening>

    func run() async {
        var victim: TaskID?
        for await event in events {
            switch event {
            case .jobStarted(_, let task, _) where victim == nil:
                victim = task
                journal.record(.note("a Spot notice for task \(short(task))"))
                await ecs.interrupt(task, grace: Self.grace)
            case .stopSignal(let task, count: 1) where task == victim:
                guard let pid = ecs.agents.pid(of: task) else { return }
                journal.record(.note("the agent of \(short(task)) is signalled once more"))
                kill(pid_t(pid), SIGTERM)
                return
            default: break
            }
        }
    }
}
