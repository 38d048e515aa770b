/// What the launcher tells of the agent beside it.
package enum AgentEvent: Hashable, Sendable {
    /// HCP Terraform knows the agent; its id is new with every start.
    case registered(id: String?)
    case waiting
    case received(Job)
    /// A status line that nobody could read: from here on the status is unknown.
    case unreadable
    /// The agent got its one stop signal because this sidecar asked.
    case drained
    /// The agent got its one stop signal from outside: ECS, Spot, a person.
    case stopping
    /// A drain was refused, since the agent has processes of a job.
    case working(processes: Int)
    /// The process is gone. Code as a shell reports it.
    case exited(code: Int)
    /// After that: the container is as it was at its start, and waits for the next agent's name.
    case renewed
    /// It is not, in the launcher's word for why.
    case spoiled(String)
}

/// The agent as far as it is known. Only `idle` ever leads to a departure of a living agent:
/// unknown is busy.
package enum AgentStatus: Hashable, Sendable {
    /// No launcher has spoken yet.
    case absent
    /// Alive as far as is known, with or without a job.
    case unknown
    case idle(workedBefore: Bool)
    case busy(Job)
    case exited(code: Int)
}

/// Why nobody knows what an agent does. Each is a fault of the installation or of the log.
package enum Silence: String, Hashable, Sendable, CustomStringConvertible {
    /// The launcher is connected, and no status line has come.
    case saidNothing = "said_nothing"
    /// It registered and said nothing since.
    case registered
    /// A status line could not be read.
    case unreadable
    /// The launcher is not connected.
    case unlinked

    package var description: String {
        switch self {
        case .saidNothing:
            "it has written no status line; does it reach HCP Terraform, and is its log level info?"
        case .registered: "it registered and has said nothing of jobs since"
        case .unreadable: "a status line could not be read"
        case .unlinked: "its launcher is not connected"
        }
    }
}
