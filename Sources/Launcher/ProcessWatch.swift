import AgentLink
import Glibc
import Telemetry

/// The command that the launcher started, and the agent, which may be another process. It looks and
/// signals; `LauncherLife` decides what follows.
struct ProcessWatch {
    /// What a look for the agent brought.
    enum Outcome {
        /// The agent is this process.
        case agent(pid_t, isCommand: Bool)
        /// The agent cannot be watched, and the command, which it is below, stands for it.
        case commandInItsPlace
        case none(othersLive: Bool)
        /// It cannot be told now.
        case unknown
    }

    /// Whose end it was.
    enum Ended {
        case command
        case agent
        case other
    }

    /// Until it is reaped.
    private var command: pid_t?
    /// Once it was found to be another process than the command.
    private var agent: FoundAgent?
    /// How often an agent was found, so that one is told from the next.
    private(set) var agentsFound = 0
    /// An agent that nothing can watch, to be named once.
    private var unwatchedAgent: pid_t?
    private var search = AgentSearch()

    /// Whether the command was started and has not been reaped.
    var commandLives: Bool { command != nil }

    /// Whether the agent is another process than the command, and its end has not been taken in.
    var hasAgent: Bool { agent != nil }

    /// Whether that agent's process has ended.
    var hasAgentEnded: Bool { agent?.hasEnded == true }

    /// What poll(2) should watch.
    var pollEntry: pollfd {
        // Ignored by poll(2) while negative.
        pollfd(fd: agent?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)
    }

    mutating func commandStarted(_ pid: pid_t) {
        command = pid
    }

    // MARK: Ends

    mutating func reaped(_ pid: pid_t) -> Ended {
        if pid == command {
            command = nil
            search.startOver()
            return .command
        }
        guard pid == agent?.pid else { return .other }
        letAgentGo()
        return .agent
    }

    mutating func letAgentGo() {
        agent?.letGo()
        agent = nil
        search.startOver()
    }

    // MARK: The search for the agent

    /// When a look for the agent is due; nil while none is sought.
    func deadline(_ life: LauncherLife) -> MonotonicMilliseconds? {
        search.deadline(life)
    }

    mutating func isLookDue(_ now: MonotonicMilliseconds) -> Bool {
        search.isDue(now)
    }

    mutating func isSearchOver(_ now: MonotonicMilliseconds) -> Bool {
        search.isOver(now, commandLives: commandLives)
    }

    /// Looks for the agent, and watches what was found.
    mutating func look(acceptsOrphans: Bool) -> Outcome {
        switch AgentSearch.look(from: command, acceptsOrphans: acceptsOrphans) {
        case .agent(let entry) where entry.pid == command:
            agentsFound += 1
            return .agent(entry.pid, isCommand: true)
        case .agent(let entry):
            return watch(entry)
        case .none(let othersLive):
            return .none(othersLive: othersLive)
        case .unknown:
            return .unknown
        }
    }

    private mutating func watch(_ entry: ProcessTable.Entry) -> Outcome {
        switch FoundAgent.watch(entry.pid) {
        case .watched(let found):
            agent = found
            agentsFound += 1
            return .agent(found.pid, isCommand: false)
        case .gone:
            return .unknown
        case .impossible(let code):
            return watchWithoutDescriptor(entry, code)
        }
    }

    private mutating func watchWithoutDescriptor(
        _ entry: ProcessTable.Entry,
        _ code: Int32
    ) -> Outcome {
        let reason = ": pidfd_open: " + Notice.errorText(code)
        if entry.parent == getpid() {
            Notice.say(
                .agentWatchedByID,
                "the agent is process \(entry.pid), watched by its id alone" + reason
            )
            agent = FoundAgent(child: entry.pid)
            agentsFound += 1
            return .agent(entry.pid, isCommand: false)
        }
        if commandLives {
            Notice.say(
                .agentUnwatched,
                "the agent is below its command and cannot be watched, so the command's end is"
                    + " taken for its own" + reason
            )
            agentsFound += 1
            return .commandInItsPlace
        }
        // It lives all the same, and is ours once what is between us has ended.
        search.extend()
        if unwatchedAgent != entry.pid {
            unwatchedAgent = entry.pid
            Notice.say(
                .agentUnwatched,
                "the agent is process \(entry.pid) and cannot be watched until its parent has ended"
                    + reason
            )
        }
        return .unknown
    }

    // MARK: Signals and jobs

    /// Signals a process alone: its job's processes are its own to end.
    func signal(_ target: LauncherLife.Target, _ number: Int32) {
        switch target {
        case .agent: agent?.signal(number)
        case .command:
            // Until we have reaped it, the id cannot be another's.
            if let command { kill(command, number) }
        }
    }

    /// How many processes work for the agent's jobs; nil if they cannot be counted.
    ///
    /// - Parameter commandName: What the agent's own processes are called while none was found.
    func jobProcesses(commandName: String) -> Int? {
        guard !hasAgentEnded, let pid = agent?.pid ?? command else { return nil }
        return ProcessTable()?.jobProcesses(
            of: pid,
            agentName: agentsFound > 0 ? ProcessTable.agentPrefix : commandName
        )
    }
}
