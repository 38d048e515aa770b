import Model

/// Something that happened in the rehearsal. Facts reach the journal in one order, from the
/// stand-ins that saw them; the rules and the timeline know nothing else.
enum Fact: Sendable {
    // ECS
    case taskStarted(TaskID)
    case taskState(TaskID, TaskLife.State)
    case taskStopping(TaskID, reason: String)
    case taskStopped(TaskID)
    /// The scheduler chose this task because there are more tasks than `desiredCount`.
    case scaledIn(TaskID)
    case containerStarted(TaskID, container: String, pid: Int, restart: Bool)
    case containerExited(TaskID, container: String, code: Int)
    case containerHealthy(TaskID, container: String)
    case protected(TaskID, minutes: Int)
    case protectionRefused(TaskID, reason: String)
    /// Protection was taken off, or ran out.
    case unprotected(TaskID, agentAlive: Bool, expired: Bool)
    /// `UpdateService`; `exposed` are the tasks whose agents live without protection just then.
    case desiredCount(from: Int, to: Int, exposed: [TaskID])

    // DynamoDB
    /// A write of the ledger's items, several of them when a transaction wrote them; `living` are
    /// tasks in the new `departed` whose agents live.
    case ledger(LedgerRecord.Write, living: Set<TaskID>)
    /// A write of any item, as text.
    case itemWritten(String)

    // HCP Terraform
    case runCreated(String, workspace: String, plan: String)
    case runPhase(String, RunPhase, note: String)
    case runTask(run: String, stage: String, attempt: Int, result: String)
    case runTaskResult(run: String, stage: String, status: String, message: String)
    case agentRegistered(TaskID, agent: String, pid: Int, name: String)
    case agentStatus(TaskID, agent: String, AgentPool.Status)
    case jobStarted(String, TaskID, agent: String)
    case jobEnded(String, TaskID, agent: String, result: String)
    case jobLost(String, TaskID, agent: String)

    // Processes
    /// The agent's process is known to be gone.
    case agentGone(TaskID)
    /// The agent says that it received its `count`th stop signal.
    case stopSignal(TaskID, count: Int)
    case line(Source, String)
    case apiCall(service: String, operation: String, caller: String)
    case refusedCall(service: String, message: String)

    // Faults of the rehearsal's own plan
    /// A fault happens, with its number in the plan.
    case fault(Int, String)
    /// The seed itself took this task's agent: a job that it holds is lost to that.
    case doomed(TaskID, cause: String)
    /// Somebody wrote `desiredCount`, past the ledger.
    case desiredCountEdited(from: Int, to: Int)

    // The rehearsal itself
    /// What the service looked like at the end, and how long no task had started or stopped and no
    /// container been restarted.
    case rest(Rest)
    case note(String)

    /// Where a line of output comes from.
    enum Source: Hashable, Sendable {
        case endpoint
        case container(TaskID, String)
    }

    struct Rest: Equatable, Sendable {
        var floor: Int
        var desired: Int
        var running: Int
        var pending: Int
        /// Tasks of a revision that is no longer the service's own.
        var outdated = 0
        var quietSeconds: Double
        /// So long the service was watched, and nothing may have started or stopped.
        var watchedSeconds = 3.0
        /// Jobs and reservations that the ledger still holds; `nil` when it has no item.
        var ledger: LedgerRecord?
    }
}

/// The ledger's parts that rules speak about, put together from its items.
struct LedgerRecord: Equatable, Sendable {
    var version = 0
    var size = 0
    var jobs: Set<String> = []
    var leaving: Set<TaskID> = []
    var exposed: Set<TaskID> = []
    var departed: Set<TaskID> = []

    init() {}

    /// - Parameter items: of the service, by their sort keys. Absent parts count as empty; nil
    ///   where none is of the ledger.
    init?(_ items: [String: Item]) {
        func rest(after start: String) -> Set<String> {
            Set(items.keys.filter { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) })
        }
        let counted = items["ledger"]
        func number(_ name: String) -> Int { Int(counted?[name]?["N"]?.string ?? "") ?? 0 }
        func keys(_ name: String) -> Set<String> {
            Set((counted?[name]?["M"]?.object ?? [:]).keys)
        }
        version = number("version")
        size = number("size")
        leaving = keys("leaving")
        exposed = keys("exposed")
        jobs = rest(after: "job/")
        departed = rest(after: "task/")
        if counted == nil, jobs.isEmpty, departed.isEmpty { return nil }
    }

    /// One write of the ledger: what it was, what it is.
    struct Write: Equatable, Sendable {
        var old: LedgerRecord?
        var new: LedgerRecord

        /// Tasks that this write added to `departed`.
        var departures: [TaskID] {
            new.departed.subtracting(old?.departed ?? []).sorted()
        }
    }
}
