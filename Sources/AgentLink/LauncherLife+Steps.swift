extension LauncherLife {
    /// What happened.
    package enum Observation: Sendable, Equatable {
        /// A sidecar gave the agent its name.
        case named(String)
        /// No sidecar did so, nor answered in any other way, within the limit.
        case startLimitReached
        /// The agent's output has a line about its status.
        case statusLine(LauncherMessage)
        /// Somebody outside asked the launcher to stop, by this signal.
        case outsideStop(signal: Int32)
        /// The sidecar asked for a drain.
        case drainAsked
        /// No sidecar has answered for so long that none will any more.
        case aloneLimitReached
        /// The answer to `countJobProcesses`; nil when they could not be counted.
        case jobProcesses(Int?)
        /// The agent's process was found, an orphan only while `acceptsOrphans`. It may be the command
        /// itself, once that has replaced itself by the agent.
        case agentFound(isCommand: Bool)
        /// All processes below the launcher were looked at, the command's included, and none is the
        /// agent's. Whether any lives.
        case noAgentFound(othersLive: Bool)
        /// No agent was found within the limit after the command or an earlier agent ended.
        case searchLimitReached
        /// The agent that was found logs at a level that hides its state.
        case silenced(level: String)
        /// The command's process is gone. To be followed by a look for the agent.
        case commandExited(code: Int32)
        /// The agent's process is gone, or could not be started. Nil if the code is known to its
        /// parent only.
        case agentExited(code: Int32?)
        /// All that the agent wrote was passed on.
        case outputSettled
        /// The output does not settle, since whoever reads the launcher's does not read.
        case outputLimitReached
        /// The sidecar lets the container end.
        case released
        /// The departure is booked, and ECS is to stop the task: the container stays open until then.
        case held
        /// The sidecar did not do so in time.
        case releaseLimitReached
        /// The container is as it was at its start.
        case renewed
        /// It is not, or that cannot be shown.
        case spoiled(SpoilReason)
        /// The sidecar gave the next agent its name.
        case nextNamed(String)
    }

    /// What is to be done, in order.
    package enum Directive: Sendable, Equatable {
        /// Start the agent, by this name if there is one.
        case start(name: String?)
        /// Send this process its one stop signal.
        case sendStopSignal(to: Target)
        /// Stop the command, which has outlived its agent: it must not start another one now.
        case endCommand
        /// Count the child processes that work for a job, and say so at once by `jobProcesses`.
        case countJobProcesses
        /// Tell the sidecar.
        case say(LauncherMessage)
        /// End what is left of the job, make the container as it was, and say so at once by `renewed`
        /// or `spoiled`.
        case renew
        /// End with this exit code.
        case leave(code: Int32, LeaveReason)
    }

    /// Who is sent a signal.
    package enum Target: Sendable, Equatable {
        /// The process that the launcher started.
        case command
        /// The agent that was found below it.
        case agent
    }

    /// Why the launcher ends.
    package enum LeaveReason: Sendable, Equatable {
        /// The sidecar released the container.
        case released
        /// Nobody did so within the limit.
        case releaseLimitReached
        /// A stop came before the agent was started: there is no departure to wait for.
        case stoppedBeforeStart
        /// The container was held open for this stop.
        case stoppedWhileHeld
        /// It was held open, and no sidecar answers any more that could release it.
        case heldAlone
    }
}
