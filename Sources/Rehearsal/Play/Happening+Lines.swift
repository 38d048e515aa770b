import Decisions
import Telemetry

/// What the agent's container tells of itself in its log: the launcher of renewals, the stand-in of
/// its signals and of what its jobs find.
extension Happening {
    /// - Returns: nil for a line that tells nothing of that.
    init?(of task: TaskID, told line: String) {
        if line.contains("agent-launcher"), let event = Self.launcher(task, line) {
            self = event
            return
        }
        guard line.contains("Stop signal") || line.contains("earlier job"),
            let line = LogLine(agent: line)
        else { return nil }
        switch line.message {
        case "Stop signal received":
            guard let count = line.value("count").flatMap({ Int($0) }) else { return nil }
            self = .stopSignal(task, count: count)
        case "Found what an earlier job left":
            guard let id = line.value("job_id"), let type = line.value("job_type"),
                let job = Job(id: id, type: type), let left = line.value("left")
            else { return nil }
            self = .found(job, task, left: left)
        default: return nil
        }
    }

    private static func launcher(_ task: TaskID, _ line: String) -> Happening? {
        guard let members = JSON(parsing: line.utf8)?.object,
            members["program"]?.string == "agent-launcher",
            let event = members["event"]?.string.flatMap({ EventName(rawValue: $0) }),
            let message = members["message"]?.string
        else { return nil }
        return switch event {
        case .containerRenewed: .renewed(task)
        case .containerSpoiled: .spoiled(task, reason: message)
        case .renewalImpossible: .notRenewable(task, reason: message)
        default: nil
        }
    }
}
