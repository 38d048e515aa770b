/// The launcher's decisions as a value: what happened goes in, what is to be done comes out. It
/// knows no clock, process or socket, so that its promises can be checked over every order of
/// events: one stop signal at most, none to an agent that works when the sidecar asked, and no
/// departure before the agent is gone.
///
/// ### Legal transitions
///
///     waiting ── named, startLimitReached ──► running ── the agent's end ──► ended ──► left
///     waiting ── drainAsked ──► ended (nothing was started; held open until the release)
///     waiting ── outsideStop ──► left
///     ended ── the output is passed on ──► renewing ── renewed ──► renewed ── nextNamed ──► running
///     ended ── its limit is up ──► renewing ── renewed ──► clean ── the output is passed on ──► renewed
///
/// A process that a job left may write for ever: renewal ends it, and only then can the output be
/// passed on. The last two lines only where renewal was asked for and is possible, and after an agent
/// that had a job, ended with code 0 and was not to stop. `renewing`, `clean` and `renewed` are kinds
/// of `ended`: a release ends each, and whatever stands against a next agent (a stop, a drain, a hold,
/// a spoiled container) makes it `ended` as it is without renewal.
///
/// `ended` lasts until the release, or a limit that is shorter than what ECS gives a container that
/// it stops. A task that is handed over is held open for longer, as long as its sidecar answers, and
/// until ECS stops it.
///
/// ### Which process is the agent
///
/// The command may be a script that starts the agent as its child, and may end before or after it.
/// So the agent is the process that has the agent's own name, and the command only until one was
/// found, or for good once the agent has registered and there is none. An agent's end ends the life
/// if the command ends as well, or starts no other within a limit: it may have been asked for its
/// version only, or be started over and over.
///
/// What a job leaves behind may have any name, and so may the rest of an agent that was killed. So
/// once an agent is gone that has said anything or was to stop, only a process below the command can
/// follow it, since nobody gets there but by the command; and where the command is gone, none can.
///
/// A stop goes to the agent, which is looked for before the stop is taken in. While none was found it
/// goes to the command; whatever agent is found below that afterwards gets none, since a script may
/// pass on what it gets, and a second signal would make the agent drop its job. An agent that a
/// signalled one is followed by has had none, and gets its own at once.
package struct LauncherLife: Sendable, Hashable {
    private enum Phase: Hashable {
        case waiting
        case running(RunningPhase)
        case ended(EndedPhase)
        case left
    }

    private struct RunningPhase: Hashable {
        enum Agent: Hashable {
            /// Not found yet, or an earlier one is gone.
            case unseen
            /// The command's process.
            case command
            /// Another process.
            case process
        }

        enum Stop: Hashable {
            case notAsked
            /// Nobody was there to get it, or whoever got it is gone.
            case owed
            /// The command got it while the agent was unseen, and may have passed it on.
            case withCommand
            /// The agent got it.
            case withAgent
        }

        var agent = Agent.unseen
        var stop = Stop.notAsked
        /// The command's exit code, once it is gone.
        var commandCode: Int32?
        var former: Former?
        /// Whether an agent is gone that may have left something behind, or have had a stop: one
        /// that was only asked for its version did not.
        var hadAgent = false
    }

    /// An agent that ended while its command goes on.
    private struct Former: Hashable {
        let code: Int32?
    }

    /// How far the container is from having a next agent.
    private enum RenewalPhase: Hashable {
        /// There will be none.
        case none
        /// Once the last one's output is passed on.
        case due
        case renewing
        /// Renewed, while the last one's output is still being passed on: what it says must not be
        /// taken for the next one's words.
        case clean
        /// It waits for a name.
        case renewed
    }

    private struct EndedPhase: Hashable {
        var code: Int32
        var isOutputSettled = false
        var isTold = false
        var isHeld = false
        var isStopped = false
        var renewal = RenewalPhase.none
        var release: LeaveReason?
    }

    private var phase = Phase.waiting
    private var memory = LauncherMemory()
    private let renews: Bool

    /// A launcher that waits for its sidecar.
    ///
    /// - Parameter renews: Whether the container can be renewed after a job.
    package init(renews: Bool = false) {
        self.renews = renews
    }

    /// What each new connection to a sidecar begins with.
    package var greeting: [LauncherMessage] { memory.greeting }

    /// Whether the agent has not been started yet.
    package var isWaiting: Bool { phase == .waiting }

    /// Whether the agent was started and its end has not come yet.
    package var isRunning: Bool { running != nil }

    /// Whether the agent's process is to be looked for.
    package var seeksAgent: Bool { running?.agent == .unseen }

    /// Whether it has to be found within a limit: something that should be followed by it is over.
    package var seeksAgentInTime: Bool {
        guard let running, running.agent == .unseen else { return false }
        return running.commandCode != nil || running.former != nil
    }

    /// Whether an orphan may be the agent, as well as what is below the command.
    package var acceptsOrphans: Bool { running?.hadAgent == false }

    private var running: RunningPhase? {
        if case .running(let running) = phase { running } else { nil }
    }

    /// Whether the agent is gone, or will never be started, and the container is held open.
    package var hasEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    /// Whether the container is held open for as long as the sidecar answers.
    package var isHeld: Bool {
        if case .ended(let ending) = phase { ending.isHeld && ending.release == nil } else { false }
    }

    /// Whether the container is as it was, and waits for the next agent's name.
    package var awaitsNext: Bool {
        if case .ended(let ending) = phase { ending.renewal == .renewed } else { false }
    }

    /// Whether the agent is gone and its output is still being passed on.
    package var awaitsOutput: Bool {
        if case .ended(let ending) = phase { !ending.isOutputSettled } else { false }
    }

    /// Takes in what happened.
    ///
    /// - Parameter observation: What happened.
    /// - Returns: What is to be done now. Empty when the observation changes nothing here.
    package mutating func on(_ observation: Observation) -> [Directive] {
        switch observation {
        case .statusLine(let message): return [say(message)]
        case .silenced(let level): return [say(.silenced(level: level))]
        default: break
        }
        switch phase {
        case .waiting: return whileWaiting(observation)
        case .running(let running): return whileRunning(observation, running)
        case .ended(let ending): return afterEnd(observation, ending)
        case .left: return []
        }
    }

    private mutating func whileWaiting(_ observation: Observation) -> [Directive] {
        switch observation {
        case .named(let name):
            phase = .running(RunningPhase())
            return [.start(name: name)]
        case .startLimitReached:
            phase = .running(RunningPhase())
            return [.start(name: nil)]
        case .outsideStop(let signal):
            phase = .left
            return [
                say(.stopping), say(.exited(code: Int(128 + signal))),
                .leave(code: 128 + signal, .stoppedBeforeStart),
            ]
        case .drainAsked:
            // As a shell reports SIGTERM, which the agent would have had.
            phase = .ended(EndedPhase(code: 143, isOutputSettled: true, isTold: true))
            return [say(.drained), say(.exited(code: 143))]
        default:
            return []
        }
    }

    private mutating func whileRunning(
        _ observation: Observation,
        _ running: RunningPhase
    ) -> [Directive] {
        switch observation {
        case .outsideStop where running.stop == .notAsked:
            return stop(running, as: .stopping)
        case .drainAsked where running.stop != .notAsked:
            return repeatState()
        case .drainAsked:
            return [.countJobProcesses]
        case .aloneLimitReached where running.stop == .notAsked && memory.agentWaits:
            // Without a sidecar nobody renews the task's protection or ever retires it. ECS starts
            // a fresh task in its place; the same last look as for a drain.
            return [.countJobProcesses]
        case .jobProcesses(let count) where running.stop == .notAsked:
            guard count == 0 else { return [.say(.busy(processes: count ?? 0))] }
            return stop(running, as: .drained)
        case .agentFound(let isCommand) where running.agent == .unseen:
            return found(running, isCommand: isCommand)
        case .noAgentFound(let othersLive) where running.agent == .unseen:
            return foundNone(running, othersLive: othersLive)
        case .searchLimitReached where running.agent == .unseen:
            return foundNoneInTime(running)
        case .commandExited(let code):
            return commandExited(running, code)
        case .agentExited(let code):
            return agentExited(running, code)
        default:
            return []
        }
    }

    private mutating func stop(_ running: RunningPhase, as message: LauncherMessage) -> [Directive]
    {
        var running = running
        var directives: [Directive] = []
        switch running.agent {
        case .process:
            running.stop = .withAgent
            directives = [.sendStopSignal(to: .agent)]
        case .command:
            running.stop = .withAgent
            directives = [.sendStopSignal(to: .command)]
        case .unseen where running.commandCode == nil:
            running.stop = .withCommand
            directives = [.sendStopSignal(to: .command)]
        case .unseen:
            running.stop = .owed
        }
        phase = .running(running)
        return directives + [say(message)]
    }

    private mutating func found(_ running: RunningPhase, isCommand: Bool) -> [Directive] {
        var running = running
        running.agent = isCommand ? .command : .process
        running.former = nil
        var directives: [Directive] = []
        switch running.stop {
        case .owed:
            running.stop = .withAgent
            directives = [.sendStopSignal(to: isCommand ? .command : .agent)]
        case .withCommand where isCommand:
            // A program that another one replaces takes its signals along.
            running.stop = .withAgent
        case .notAsked, .withCommand, .withAgent:
            break
        }
        phase = .running(running)
        return directives
    }

    private mutating func foundNone(_ running: RunningPhase, othersLive: Bool) -> [Directive] {
        var running = running
        if let code = running.commandCode {
            // A fork that has not become the agent yet is waited for; what was left behind by an
            // agent of another name is not.
            let wasAgent = running.former == nil && memory.agentIsRegistered
            guard !othersLive || wasAgent else { return [] }
            end(running.former?.code ?? code)
        } else if running.former == nil, memory.agentIsRegistered {
            running.agent = .command
            if running.stop == .withCommand { running.stop = .withAgent }
            phase = .running(running)
        }
        return []
    }

    private mutating func foundNoneInTime(_ running: RunningPhase) -> [Directive] {
        var running = running
        if let code = running.commandCode {
            end(running.former?.code ?? code)
            return []
        }
        guard let former = running.former else { return [] }
        guard memory.agentIsRegistered || running.stop != .notAsked else {
            // It was asked for its version, or failed: the command goes on as if it had not been.
            running.former = nil
            phase = .running(running)
            return []
        }
        // Its command keeps the code to itself. Nobody signalled the agent but to stop, so that it
        // most likely ended well.
        end(former.code ?? 0)
        return [.endCommand]
    }

    private mutating func commandExited(_ running: RunningPhase, _ code: Int32) -> [Directive] {
        var running = running
        guard running.agent != .command else {
            end(code)
            return []
        }
        guard running.agent != .unseen || !running.hadAgent else {
            end(running.former?.code ?? code)
            return []
        }
        running.commandCode = code
        phase = .running(running)
        return []
    }

    private mutating func agentExited(_ running: RunningPhase, _ code: Int32?) -> [Directive] {
        var running = running
        guard running.agent == .process else {
            end(code ?? 0)
            return []
        }
        running.agent = .unseen
        running.former = Former(code: code)
        if running.stop != .notAsked || memory.agentHasSpoken { running.hadAgent = true }
        if running.hadAgent, let commandCode = running.commandCode {
            end(code ?? commandCode)
            return []
        }
        if running.stop == .withAgent { running.stop = .owed }
        phase = .running(running)
        return []
    }

    private mutating func end(_ code: Int32) {
        var ending = EndedPhase(code: code)
        if renews, code == 0, memory.agentHadJob, running?.stop == .notAsked {
            ending.renewal = .due
        }
        phase = .ended(ending)
    }

    private mutating func afterEnd(
        _ observation: Observation,
        _ ending: EndedPhase
    ) -> [Directive] {
        var ending = ending
        switch observation {
        case .outputSettled: ending.isOutputSettled = true
        case .outputLimitReached: break
        case .released: ending.release = ending.release ?? .released
        case .releaseLimitReached where !ending.isHeld:
            ending.release = ending.release ?? .releaseLimitReached
        case .held: ending.isHeld = true
        case .outsideStop: ending.isStopped = true
        case .aloneLimitReached where ending.isHeld:
            ending.release = ending.release ?? .heldAlone
        case .drainAsked where ending.renewal != .none:
            endRenewal(&ending)
            phase = .ended(ending)
            return [say(.drained)] + (ending.isTold ? [say(.exited(code: Int(ending.code)))] : [])
        case .drainAsked: return repeatState()
        case .renewed where ending.renewal == .renewing:
            ending.renewal = ending.isOutputSettled ? .renewed : .clean
            phase = .ended(ending)
            return ending.renewal == .renewed ? [say(.renewed)] : []
        case .spoiled(let reason) where ending.renewal == .renewing:
            ending.renewal = .none
            phase = .ended(ending)
            return [say(.spoiled(reason))]
        case .nextNamed(let name) where ending.renewal == .renewed:
            phase = .running(RunningPhase())
            memory = LauncherMemory()
            return [.start(name: name)]
        default: return []
        }
        var directives: [Directive] = []
        if ending.isStopped, ending.renewal != .none { directives.append(say(.stopping)) }
        if ending.isHeld || ending.isStopped { endRenewal(&ending) }
        // Without a hold the departure is being booked, and ECS gives it time.
        if ending.isHeld, ending.isStopped {
            ending.release = ending.release ?? .stoppedWhileHeld
        }
        if !ending.isTold, observation == .outputSettled || observation == .outputLimitReached {
            ending.isTold = true
            directives.append(say(.exited(code: Int(ending.code))))
        }
        if ending.isTold, ending.renewal == .due, ending.release == nil {
            ending.renewal = .renewing
            directives.append(.renew)
        }
        if ending.isOutputSettled, ending.renewal == .clean, ending.release == nil {
            ending.renewal = .renewed
            directives.append(say(.renewed))
        }
        phase = .ended(ending)
        if ending.isOutputSettled, let reason = ending.release {
            phase = .left
            directives.append(.leave(code: ending.code, reason))
        }
        return directives
    }

    /// Nobody follows the last agent. A sidecar that comes anew must not hear that somebody may: it
    /// would name an agent that is never started, and wait for its word.
    private mutating func endRenewal(_ ending: inout EndedPhase) {
        ending.renewal = .none
        memory.forgetRenewed()
    }

    private mutating func say(_ message: LauncherMessage) -> Directive {
        memory.remember(message)
        return .say(message)
    }

    /// The stop and the exit, as far as they were said: the answer to a drain that comes again.
    private func repeatState() -> [Directive] {
        memory.greeting.compactMap { message in
            switch message {
            case .stopping, .drained, .exited, .renewed, .spoiled: .say(message)
            default: nil
            }
        }
    }
}
