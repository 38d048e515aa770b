import Decisions
import Model

/// A way to have agents when runs need them. What is common to all of them, ECS and HCP Terraform,
/// is the world's.
protocol Policy: AnyObject {
    /// HCP Terraform calls a run task before and after plans and applies.
    var usesRunTasks: Bool { get }
    /// What a task consists of.
    func containers(_ setup: Setup) -> [ContainerDefinition]
    /// The agent takes one job and ends.
    func isSingleJob(_ setup: Setup) -> Bool
    /// `desiredCount` of a service that has just been made.
    func firstCount(_ limits: Limits) -> Int
    func begin(_ pool: Pool)
    /// A person sets the pool's limits to none.
    func end(_ pool: Pool)
    /// A container of a task starts.
    func start(_ container: String, of task: AgentTask)
    /// The stop signal reaches a container.
    func terminate(_ container: String, of task: AgentTask)
    /// A container is killed, since its time to stop is over.
    func kill(_ container: String, of task: AgentTask)
    /// - Parameter done: gets true when the run may go on; false makes HCP Terraform call again.
    func webhook(_ stage: TaskStage, of run: Run, done: @escaping (Bool) -> Void)
}

extension Policy {
    func isSingleJob(_ setup: Setup) -> Bool { setup.mode == .single }
    func firstCount(_ limits: Limits) -> Int { limits.desiredCount }
    func end(_ pool: Pool) {}
    func start(_ container: String, of task: AgentTask) { task.startAgent() }
    func terminate(_ container: String, of task: AgentTask) { task.signalAgent() }
    func kill(_ container: String, of task: AgentTask) {
        task.killAgent()
        task.containerEnded()
    }

    /// A task that is nothing but an agent.
    static func agentAlone(stopTimeout: Milliseconds) -> [ContainerDefinition] {
        [ContainerDefinition(Deployed.agentName, stopTimeout: stopTimeout)]
    }
    func webhook(_ stage: TaskStage, of run: Run, done: @escaping (Bool) -> Void) { done(true) }
}

/// The policies that can be compared.
package enum PolicyKind: String, Sendable, CaseIterable {
    case ours
    case counter
    case poller
    case runCount = "run-count"
    case fixed
    case selfEnding = "self-ending"

    /// What it is, for a table's legend.
    package var title: String {
        switch self {
        case .ours: "this project: announced jobs, a sidecar that retires its own task"
        case .counter: "run tasks add and subtract one; ECS picks who goes"
        case .poller: "a poller with idle guard, protecting busy tasks before it shrinks"
        case .runCount: "replicas follow the number of runs, with a cooldown"
        case .fixed: "max_count agents, always"
        case .selfEnding: "idle agents end and lower the count by one, without protection"
        }
    }

    func make() -> any Policy {
        switch self {
        case .ours: OurPolicy()
        case .counter: CounterPolicy()
        case .poller: PollerPolicy()
        case .runCount: RunCountPolicy()
        case .fixed: FixedPolicy()
        case .selfEnding: SelfEndingPolicy()
        }
    }
}
