import AgentLink
import Glibc

/// Looks for the agent's process below the launcher, at once and then less and less often: a
/// command that is a script may take minutes before it starts the agent, or never start one.
struct AgentSearch {
    /// What one look at the process table brought.
    enum Outcome {
        case agent(ProcessTable.Entry)
        case none(othersLive: Bool)
        /// The table cannot be read.
        case unknown
    }

    private var pause = AgentSearch.shortestPause
    private var nextLook: MonotonicMilliseconds = 0
    private var limit: MonotonicMilliseconds?

    private static let shortestPause: MonotonicMilliseconds = 50
    private static let longestPause: MonotonicMilliseconds = 5000

    /// How long a script has, after its agent's end, to start another one or to end with the
    /// agent's exit code.
    private static let limitAfterAgent: MonotonicMilliseconds = 10_000

    /// How long a fork needs at most to become the agent, when the script that made it is over.
    private static let limitAfterCommand: MonotonicMilliseconds = 3000

    /// When there is something to do; nil while nothing is sought.
    func deadline(_ life: LauncherLife) -> MonotonicMilliseconds? {
        guard life.seeksAgent else { return nil }
        return life.seeksAgentInTime ? min(nextLook, limit ?? nextLook) : nextLook
    }

    /// Makes the next look the first of a search.
    mutating func startOver() {
        pause = AgentSearch.shortestPause
        nextLook = 0
        limit = nil
    }

    /// Whether to look now.
    mutating func isDue(_ now: MonotonicMilliseconds) -> Bool {
        guard now >= nextLook else { return false }
        nextLook = now + pause
        pause = min(pause * 2, AgentSearch.longestPause)
        return true
    }

    /// Whether the limit is over that a search has which must end.
    ///
    /// - Parameters:
    ///   - now: The time.
    ///   - commandLives: Whether there is a script that may go on.
    mutating func isOver(_ now: MonotonicMilliseconds, commandLives: Bool) -> Bool {
        let last =
            limit ?? now
            + (commandLives ? AgentSearch.limitAfterAgent : AgentSearch.limitAfterCommand)
        limit = last
        return now >= last
    }

    /// Gives the search its whole limit once more, from the next look at it on.
    mutating func extend() {
        limit = nil
    }

    /// - Parameters:
    ///   - command: The process that was started, until it is reaped.
    ///   - acceptsOrphans: Whether the agent may be elsewhere than below it.
    static func look(from command: pid_t?, acceptsOrphans: Bool) -> Outcome {
        guard let table = ProcessTable() else { return .unknown }
        let agent =
            acceptsOrphans
            ? table.agent(below: getpid()) : command.flatMap { table.agent(of: $0) }
        return agent.map { .agent($0) } ?? .none(othersLive: table.anyLives(below: getpid()))
    }
}
