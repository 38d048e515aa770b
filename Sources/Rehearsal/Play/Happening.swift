import Decisions
import Model
import Rules

/// Something that happened in the rehearsal. It reaches the journal in one order, from the
/// stand-ins that saw it; the timeline is made of it, and the facts that the rules judge.
enum Happening: Sendable {
    // ECS
    case taskStarted(TaskID)
    case taskState(TaskID, TaskLife.State)
    case taskStopping(TaskID, reason: String)
    case taskStopped(TaskID)
    /// The scheduler stops this task.
    case scaledIn(TaskID, Fact.StopCause)
    case containerStarted(TaskID, container: String, pid: Int, restart: Bool)
    case containerExited(TaskID, container: String, code: Int)
    case containerHealthy(TaskID, container: String)
    case protected(TaskID, minutes: Int)
    case protectionRefused(TaskID, reason: String)
    /// Protection was taken off, or ran out.
    case unprotected(TaskID, agentAlive: Bool, expired: Bool)
    /// `UpdateService`; of the unprotected tasks just then these have no agent that lives.
    case desiredCount(from: Int, to: Int, dead: [TaskID])

    // DynamoDB
    /// A write of the ledger's items, several of them when a transaction wrote them; `living` are
    /// tasks in the new `departed` whose agents live.
    ///
    /// - Parameter caller: the task; nil for the endpoint.
    case ledger(LedgerRecord.Write, caller: TaskID?, living: Set<TaskID>)
    /// A write of any item, as text.
    case itemWritten(String)

    // HCP Terraform
    case runCreated(String, workspace: String, meant: RunOutcome)
    case runStatus(String, RunStatus, RunLife.End?)
    case runTask(run: String, stage: String, attempt: Int, result: String)
    case notified(run: String, status: String, result: String)
    case runTaskResult(run: String, stage: String, status: String, message: String)
    case agentRegistered(TaskID, agent: String, pid: Int, name: String)
    case agentStatus(TaskID, agent: String, AgentPool.Status)
    case jobStarted(Job, TaskID, agent: String)
    case jobEnded(Job, TaskID, agent: String, RunLife.JobResult)
    case jobLost(Job, TaskID)

    // Jobs that follow one another
    /// The launcher says that it has made its container as it was.
    case renewed(TaskID)
    /// It says that it cannot, and why.
    case spoiled(TaskID, reason: String)
    /// It says that it never can here.
    case notRenewable(TaskID, reason: String)
    /// A job found what an earlier one of its container had left.
    case found(Job, TaskID, left: String)

    // Processes
    /// The agent's process is known to be gone.
    case agentGone(TaskID)
    /// The agent says that it received its `count`th stop signal.
    case stopSignal(TaskID, count: Int)
    case line(Source, String)
    case apiCall(service: String)
    case refusedCall(service: String, message: String)

    // Faults of the rehearsal's own plan
    /// A fault happens, with its number in the plan.
    case fault(Int, String)
    /// The seed itself took this task's agent: a job that it holds is lost to that.
    case doomed(TaskID, cause: String)
    /// Somebody wrote `desiredCount`, past the ledger.
    case desiredCountEdited(from: Int, to: Int)
    /// Somebody deletes the service, and with that its count is 0.
    case serviceDeleted(from: Int)
    /// Somebody sets the limits to 0 and 0.
    case limitsEnded

    // The rehearsal itself
    /// What the service looked like at the end.
    case rest(Rest)
    case note(String)

    /// Where a line of output comes from.
    enum Source: Hashable, Sendable {
        case endpoint
        case container(TaskID, String)
    }
}
