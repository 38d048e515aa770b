import Decisions
import Synchronization

/// Which process is the agent of which task, as the agents said when they registered: the rules ask
/// the kernel whether it lives, not a protocol.
final class AgentProcesses: Sendable {
    private let pids = Mutex<[TaskID: Int]>([:])

    func set(_ pid: Int, for task: TaskID) { pids.withLock { $0[task] = pid } }

    func pid(of task: TaskID) -> Int? { pids.withLock { $0[task] } }

    func isAlive(_ task: TaskID) -> Bool {
        guard let pid = pids.withLock({ $0[task] }) else { return false }
        // The number may have been given to another process after the agent's end.
        return Leftovers.isAlive(pid) && Leftovers.has(pid, "STAND_IN_TASK=\(task)")
    }
}
