/// What the launcher says, one message for each line.
package enum LauncherMessage: Sendable, Hashable {
    /// The first line of each connection: the protocol's version as the launcher speaks it.
    case hello(version: Int)
    /// A log line of the agent that says registered, job received or waiting, passed on unparsed.
    case status(String)
    /// A line that looked like a status line and has this many bytes, more than a message may have.
    case unreadable(bytes: Int)
    /// An outside stop was passed to the agent as its one stop signal.
    case stopping
    /// The agent was given its one stop signal because the sidecar asked.
    case drained
    /// A drain was refused and nothing was sent: the agent has this many child processes that work
    /// for a job. 0 when they could not be counted.
    case busy(processes: Int)
    /// The agent's process is gone; the code as a shell reports it, 128 + signal when it was killed.
    case exited(code: Int)
    /// The agent logs at this level only, by what its own command says, so that none of the lines
    /// can be seen that its state is read from.
    case silenced(level: String)
    /// After `exited 0` of an agent that had a job: the container is as it was at its start. The answer
    /// is `next` or `release`; without one within half a minute the container ends.
    case renewed
    /// After the same, where it is not, or where that cannot be shown: the task leaves.
    case spoiled(SpoilReason)
    /// Is the sidecar awake? To be answered by `pong` with the same number, by whatever decides
    /// there: a thread that only reads the link proves nothing.
    case ping(Int)

    /// Reads one line, without its newline.
    ///
    /// - Parameter line: The bytes before the newline.
    /// - Throws: Why the line is not one of the launcher's messages. The link stays usable.
    package init(parsing line: [UInt8]) throws(MessageFault) {
        let words = try MessageWords(line)
        switch words.word {
        case "hello": self = .hello(version: try words.number(upTo: Int(Int32.max)))
        case "status": self = .status(try words.text())
        case "unreadable": self = .unreadable(bytes: try words.number(upTo: Int.max))
        case "stopping": self = try words.alone(.stopping)
        case "drained": self = try words.alone(.drained)
        case "busy": self = .busy(processes: try words.number(upTo: Int(Int32.max)))
        case "exited": self = .exited(code: try words.number(upTo: 255))
        case "silenced": self = .silenced(level: try words.text())
        case "renewed": self = try words.alone(.renewed)
        case "spoiled": self = .spoiled(try words.oneOf(SpoilReason.self))
        case "ping": self = .ping(try words.number(upTo: Int.max))
        default: throw words.unknown
        }
    }

    /// The message as it travels, its newline included.
    ///
    /// - Throws: `tooLong`, `missingValue` or `forbiddenByte`, for a text that no line can carry.
    ///   Nothing is to be sent then.
    package func serialised() throws(MessageFault) -> [UInt8] {
        switch self {
        case .hello(let version): try MessageWords.line("hello", String(version))
        case .status(let line): try MessageWords.line("status", line)
        case .unreadable(let bytes): try MessageWords.line("unreadable", String(bytes))
        case .stopping: try MessageWords.line("stopping")
        case .drained: try MessageWords.line("drained")
        case .busy(let processes): try MessageWords.line("busy", String(processes))
        case .exited(let code): try MessageWords.line("exited", String(code))
        case .silenced(let level): try MessageWords.line("silenced", level)
        case .renewed: try MessageWords.line("renewed")
        case .spoiled(let reason): try MessageWords.line("spoiled", reason.rawValue)
        case .ping(let number): try MessageWords.line("ping", String(number))
        }
    }
}

/// What the sidecar says, one message for each line.
package enum SidecarMessage: Sendable, Equatable {
    /// The answer to `hello`: the agent's name. The first one starts the agent.
    case name(String)
    /// The answer to `renewed`: the next agent's name. A word of its own, since a sidecar says `name`
    /// on each connection, and one that knows nothing of renewal must not start a second agent.
    case next(String)
    /// Please give the agent its one stop signal, unless it works.
    case drain
    /// The departure is booked, or there is nothing to book: the container may end.
    case release
    /// The departure is booked, and ECS is to stop the task, which ends the container at once. Until
    /// then it stays open, for as long as the sidecar answers `ping`.
    case hold
    /// The answer to the `ping` of this number.
    case pong(Int)

    /// Reads one line, without its newline.
    ///
    /// - Parameter line: The bytes before the newline.
    /// - Throws: Why the line is not one of the sidecar's messages. The link stays usable.
    package init(parsing line: [UInt8]) throws(MessageFault) {
        let words = try MessageWords(line)
        switch words.word {
        case "name": self = .name(try words.text())
        case "next": self = .next(try words.text())
        case "drain": self = try words.alone(.drain)
        case "release": self = try words.alone(.release)
        case "hold": self = try words.alone(.hold)
        case "pong": self = .pong(try words.number(upTo: Int.max))
        default: throw words.unknown
        }
    }

    /// The message as it travels, its newline included.
    ///
    /// - Throws: `tooLong`, `missingValue` or `forbiddenByte`, for a name that no line can carry.
    ///   Nothing is to be sent then.
    package func serialised() throws(MessageFault) -> [UInt8] {
        switch self {
        case .name(let name): try MessageWords.line("name", name)
        case .next(let name): try MessageWords.line("next", name)
        case .drain: try MessageWords.line("drain")
        case .release: try MessageWords.line("release")
        case .hold: try MessageWords.line("hold")
        case .pong(let number): try MessageWords.line("pong", String(number))
        }
    }
}
