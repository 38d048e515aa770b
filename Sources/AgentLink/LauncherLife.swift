/// The launcher's decisions as a value: what happened goes in, what is to be done comes out. It
/// knows no clock, process or socket, so that its promises can be checked over every order of
/// events: one stop signal at most, none to an agent that works when the sidecar asked, and no
/// departure before the agent is gone.
///
/// ### Legal transitions
///
///     waiting ── named, startLimitReached ──► running ── agentExited ──► ended ──► left
///     waiting ── drainAsked ──► ended (nothing was started; held open until the release)
///     waiting ── outsideStop ──► left
package struct LauncherLife: Sendable, Equatable {
    /// What happened.
    package enum Observation: Sendable, Equatable {
        /// A sidecar gave the agent its name.
        case named(String)
        /// No sidecar did so in time.
        case startLimitReached
        /// The agent's output has a line about its status.
        case statusLine(LauncherMessage)
        /// Somebody outside asked the launcher to stop, by this signal.
        case outsideStop(signal: Int32)
        /// The sidecar asked for a drain.
        case drainAsked
        /// No sidecar has been there for so long that none will come any more.
        case aloneLimitReached
        /// The answer to `countJobProcesses`; nil when they could not be counted.
        case jobProcesses(Int?)
        /// The agent's process is gone, or could not be started.
        case agentExited(code: Int32)
        /// All that the agent wrote was passed on.
        case outputSettled
        /// The output does not settle, since whoever reads the launcher's does not read.
        case outputLimitReached
        /// The sidecar lets the container end.
        case released
        /// The sidecar did not do so in time.
        case releaseLimitReached
    }

    /// What is to be done, in order.
    package enum Directive: Sendable, Equatable {
        /// Start the agent, by this name if there is one.
        case start(name: String?)
        /// Send the agent its one stop signal.
        case sendStopSignal
        /// Count the child processes that work for a job, and say so at once by `jobProcesses`.
        case countJobProcesses
        /// Tell the sidecar.
        case say(LauncherMessage)
        /// End with this exit code.
        case leave(code: Int32, LeaveReason)
    }

    /// Why the launcher ends.
    package enum LeaveReason: Sendable, Equatable {
        /// The sidecar released the container.
        case released
        /// Nobody did so within the limit.
        case releaseLimitReached
        /// A stop came before the agent was started: there is no departure to wait for.
        case stoppedBeforeStart
    }

    private enum Phase: Equatable {
        case waiting
        case running(stopSignalSent: Bool)
        case ended(Ending)
        case left
    }

    private struct Ending: Equatable {
        var code: Int32
        var isOutputSettled = false
        var isTold = false
        var release: LeaveReason?
    }

    private var phase = Phase.waiting
    private var memory = LauncherMemory()

    /// A launcher that waits for its sidecar.
    package init() {}

    /// What each new connection to a sidecar begins with.
    package var greeting: [LauncherMessage] { memory.greeting }

    /// Whether the agent has not been started yet.
    package var isWaiting: Bool { phase == .waiting }

    /// Whether the agent is gone, or will never be started, and the container is held open.
    package var hasEnded: Bool {
        if case .ended = phase { true } else { false }
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
        if case .statusLine(let message) = observation { return [say(message)] }
        switch phase {
        case .waiting: return whileWaiting(observation)
        case .running(let stopSignalSent): return whileRunning(observation, stopSignalSent)
        case .ended(let ending): return afterEnd(observation, ending)
        case .left: return []
        }
    }

    private mutating func whileWaiting(_ observation: Observation) -> [Directive] {
        switch observation {
        case .named(let name):
            phase = .running(stopSignalSent: false)
            return [.start(name: name)]
        case .startLimitReached:
            phase = .running(stopSignalSent: false)
            return [.start(name: nil)]
        case .outsideStop(let signal):
            phase = .left
            return [
                say(.stopping), say(.exited(code: Int(128 + signal))),
                .leave(code: 128 + signal, .stoppedBeforeStart),
            ]
        case .drainAsked:
            // As a shell reports SIGTERM, which the agent would have had.
            phase = .ended(Ending(code: 143, isOutputSettled: true, isTold: true))
            return [say(.drained), say(.exited(code: 143))]
        default:
            return []
        }
    }

    private mutating func whileRunning(
        _ observation: Observation,
        _ stopSignalSent: Bool
    ) -> [Directive] {
        switch observation {
        case .outsideStop where !stopSignalSent:
            phase = .running(stopSignalSent: true)
            return [.sendStopSignal, say(.stopping)]
        case .drainAsked where stopSignalSent:
            return repeatState()
        case .drainAsked:
            return [.countJobProcesses]
        case .aloneLimitReached where !stopSignalSent && memory.agentWaits:
            // Without a sidecar nobody renews the task's protection or ever retires it. ECS starts
            // a fresh task in its place; the same last look as for a drain.
            return [.countJobProcesses]
        case .jobProcesses(let count) where !stopSignalSent:
            guard count == 0 else { return [.say(.busy(processes: count ?? 0))] }
            phase = .running(stopSignalSent: true)
            return [.sendStopSignal, say(.drained)]
        case .agentExited(let code):
            phase = .ended(Ending(code: code))
            return []
        default:
            return []
        }
    }

    private mutating func afterEnd(
        _ observation: Observation,
        _ ending: Ending
    ) -> [Directive] {
        var ending = ending
        switch observation {
        case .outputSettled: ending.isOutputSettled = true
        case .outputLimitReached: break
        case .released: ending.release = ending.release ?? .released
        case .releaseLimitReached: ending.release = ending.release ?? .releaseLimitReached
        case .drainAsked: return repeatState()
        default: return []
        }
        var directives: [Directive] = []
        if !ending.isTold, observation == .outputSettled || observation == .outputLimitReached {
            ending.isTold = true
            directives.append(say(.exited(code: Int(ending.code))))
        }
        phase = .ended(ending)
        if ending.isOutputSettled, let reason = ending.release {
            phase = .left
            directives.append(.leave(code: ending.code, reason))
        }
        return directives
    }

    private mutating func say(_ message: LauncherMessage) -> Directive {
        memory.remember(message)
        return .say(message)
    }

    /// The stop and the exit, as far as they were said: the answer to a drain that comes again.
    private func repeatState() -> [Directive] {
        memory.greeting.compactMap { message in
            switch message {
            case .stopping, .drained, .exited: .say(message)
            default: nil
            }
        }
    }
}
