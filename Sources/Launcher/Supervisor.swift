import AgentLink
import Glibc
import Renewal
import Telemetry

/// The launcher's main thread: gathers what happened, asks `LauncherLife`, and does what it says.
/// Nothing here waits but `sleep`.
struct Supervisor {
    private let settings: LauncherSettings
    private let command: AgentCommand
    /// Whom the agent runs as, and how the container is renewed; nil in other modes.
    private let separation: Separation?
    private let signals: SignalSource
    private let mailbox: StatusMailbox
    private var life: LauncherLife
    private var link: LinkClient
    private var processes = ProcessWatch()
    private var pumps: [OutputPump] = []
    private var output = OutputWatch()
    private var endedAt: MonotonicMilliseconds?
    private var renewedAt: MonotonicMilliseconds?
    /// Nil for one that started without a sidecar.
    private var agentName: String?
    private var hasReleaseLimitPassed = false
    private var exitCode: Int32?
    private var hasReportedMalformed = false
    /// From the launcher's start, then from the agent's, then from when the container is held open.
    private var solitude: Solitude

    /// How long the sidecar may be kept from booking the departure by an output that nobody reads.
    private static let outputLimit: MonotonicMilliseconds = 2000

    /// How long the container may be kept open by an output that nobody reads: the rest of it is
    /// lost then. As long as by a sidecar that does not answer.
    private static let outputAbandonLimit = LauncherSettings.defaultReleaseLimit

    init(
        settings: LauncherSettings,
        command: AgentCommand,
        separation: Separation?,
        signals: SignalSource,
        mailbox: StatusMailbox
    ) {
        self.settings = settings
        self.command = command
        self.separation = separation
        life = LauncherLife(renews: separation?.renewer != nil)
        self.signals = signals
        self.mailbox = mailbox
        link = LinkClient(path: settings.socketPath)
        solitude = Solitude(limit: settings.startLimit, at: MonotonicClock.now)
    }

    /// Runs the agent from its start to the container's end.
    ///
    /// - Returns: The exit code.
    mutating func run() -> Int32 {
        while true {
            connect()
            meetDeadlines()
            if let exitCode { return exitCode }
            sleep()
            takeStatusLines()
            takeSignals()
            takeAgentEnd()
            takeSidecarMessages()
        }
    }

    // MARK: What happened

    private mutating func connect() {
        guard link.connectIfDue(MonotonicClock.now, isEager: life.isWaiting || life.awaitsNext)
        else { return }
        for message in life.greeting {
            link.say(message)
        }
    }

    private mutating func meetDeadlines() {
        let now = MonotonicClock.now
        if life.seeksAgent, processes.isLookDue(now) { lookForAgent() }
        if isSearchOver(now) {
            // Between two looks it may have come.
            lookForAgent()
            if isSearchOver(now) { observe(.searchLimitReached) }
        }
        watchSolitude(now)
        guard let endedAt, let releaseDeadline else { return }
        if life.awaitsOutput {
            let isSettled = output.isSettled(pumps, now)
            // The agent's last words before its end.
            takeStatusLines()
            if isSettled || now >= endedAt + Supervisor.outputAbandonLimit {
                observe(.outputSettled)
            } else if now >= endedAt + Supervisor.outputLimit {
                observe(.outputLimitReached)
            }
        }
        if !hasReleaseLimitPassed, !life.isHeld, now >= releaseDeadline {
            hasReleaseLimitPassed = true
            observe(.releaseLimitReached)
        }
    }

    /// How long a sidecar is waited for: less while it has a departure to book than while it may name
    /// another agent.
    private var releaseDeadline: MonotonicMilliseconds? {
        if life.awaitsNext, let renewedAt { return renewedAt + settings.startLimit }
        return endedAt.map { $0 + settings.releaseLimit }
    }

    private mutating func isSearchOver(_ now: MonotonicMilliseconds) -> Bool {
        life.seeksAgentInTime && processes.isSearchOver(now)
    }

    private mutating func watchSolitude(_ now: MonotonicMilliseconds) {
        guard needsSidecar else { return }
        for step in solitude.due(at: now, isConnected: link.isConnected) {
            switch step {
            case .ask(let number):
                link.say(.ping(number))
            case .alone where life.isWaiting:
                observe(.startLimitReached)
            case .alone where life.isHeld:
                observe(.aloneLimitReached)
            case .alone:
                Notice.say(
                    .agentAlone,
                    "the agent has had no sidecar that answers for \(settings.aloneLimit) ms or more"
                )
                lookForAgent()
                observe(.aloneLimitReached)
            }
        }
    }

    /// Whether somebody has to be awake at the other end of the link.
    private var needsSidecar: Bool { life.isWaiting || life.isRunning || life.isHeld }

    private mutating func takeSignals() {
        while let signal = signals.next() {
            if signal == SIGCHLD {
                reap()
            } else {
                // It goes to whoever is the agent now.
                lookForAgent()
                observe(.outsideStop(signal: signal))
            }
        }
    }

    private mutating func reap() {
        while let (pid, code) = Reaper.next() {
            switch processes.reaped(pid) {
            case .command:
                observe(.commandExited(code: code))
                lookForAgent()
            case .agent: agentEnded(code)
            case .other: break
            }
        }
    }

    /// The end of an agent that is somebody else's child, whose code is not for us.
    private mutating func takeAgentEnd() {
        guard processes.hasAgentEnded else { return }
        let ended = processes.agentsFound
        // It may have become ours. Then its end is booked at once, and the next one may be found.
        reap()
        guard processes.hasAgent, processes.agentsFound == ended else { return }
        processes.letAgentGo()
        agentEnded(nil)
    }

    private mutating func agentEnded(_ code: Int32?) {
        // Its last words tell whether it had registered.
        takeStatusLines()
        observe(.agentExited(code: code))
        lookForAgent()
    }

    /// Looks whether the agent has appeared, if that is not known.
    private mutating func lookForAgent() {
        guard life.seeksAgent else { return }
        switch processes.look(acceptsOrphans: life.acceptsOrphans) {
        case .agent(let pid, let isCommand):
            observe(.agentFound(isCommand: isCommand))
            reportLevel(of: pid)
            if !isCommand { reportOpenness(of: pid) }
        case .commandInItsPlace:
            observe(.agentFound(isCommand: true))
        case .none(let othersLive):
            observe(.noAgentFound(othersLive: othersLive))
        case .unknown:
            break
        }
    }

    private func reportOpenness(of agent: pid_t) {
        guard processes.commandLives else { return }
        Notice.say(
            .startReadable,
            "the agent is process \(agent) below its command: runs can read what the command was"
                + " started with, the agent's token included, unless it starts the agent by exec"
        )
    }

    private mutating func reportLevel(of agent: pid_t) {
        guard let level = FoundAgent.hidingLevel(of: agent).map(AgentLogLevel.described) else {
            return
        }
        Notice.say(
            .logLevelHidesState,
            "the agent's own command sets its log level to " + level
                + ", which hides what the agent says of its state: it will count as busy"
        )
        observe(.silenced(level: level))
    }

    private mutating func takeStatusLines() {
        let lines = mailbox.take()
        for line in lines {
            observe(.statusLine(line.message))
        }
        // It lives now, if it has never been seen.
        if !lines.isEmpty { lookForAgent() }
    }

    private mutating func takeSidecarMessages() {
        for arrival in link.serve() {
            if case .message(let message) = arrival {
                solitude.heard(message, at: MonotonicClock.now)
            }
            switch arrival {
            case .message(.name(let name)): observe(.named(name))
            case .message(.next(let name)): observe(.nextNamed(name))
            case .message(.drain):
                lookForAgent()
                observe(.drainAsked)
            case .message(.release): observe(.released)
            case .message(.hold): hold()
            case .message(.pong): break
            case .malformed(let fault): reportMalformed(fault)
            }
        }
    }

    /// From here on the sidecar's silence ends the container, not the time since the agent's end.
    private mutating func hold() {
        let wasHeld = life.isHeld
        observe(.held)
        guard life.isHeld, !wasHeld else { return }
        solitude = Solitude(limit: settings.releaseLimit, at: MonotonicClock.now)
    }

    /// Once: a sidecar of another version would otherwise fill the agent's log.
    private mutating func reportMalformed(_ fault: MessageFault) {
        guard !hasReportedMalformed else { return }
        hasReportedMalformed = true
        Notice.say(
            .messageIgnored,
            "ignored from the sidecar: " + fault.description + "; said only once"
        )
    }

    // MARK: What is to be done

    private mutating func observe(_ observation: LauncherLife.Observation) {
        for directive in life.on(observation) {
            perform(directive)
        }
        if life.hasEnded, endedAt == nil { endedAt = MonotonicClock.now }
    }

    private mutating func perform(_ directive: LauncherLife.Directive) {
        switch directive {
        case .start(let name): startAgent(name)
        case .sendStopSignal(let target):
            processes.signal(target, SIGTERM)
            Notice.say(
                .stopSignalGiven,
                "the agent has been given its one stop signal",
                agentName.map { [.agent: .text($0)] } ?? [:]
            )
        case .endCommand:
            Notice.say(
                .commandStopped,
                "the agent has ended, and its command has not within a while: it is stopped"
            )
            processes.signal(.command, SIGTERM)
        case .countJobProcesses:
            observe(.jobProcesses(jobProcesses()))
        case .say(let message): link.say(message)
        case .renew: renew()
        case .leave(let code, let reason): leave(code, reason)
        }
    }

    private func jobProcesses() -> Int? {
        // Between two agents nothing is there to be counted.
        guard !life.seeksAgentInTime else { return nil }
        return processes.jobProcesses(commandName: command.baseName)
    }

    /// Nothing else is done meanwhile: signals and the sidecar's words wait for it.
    private mutating func renew() {
        guard let renewer = separation?.renewer else { return }
        switch renewer.renew() {
        case .renewed(let milliseconds):
            Notice.say(.containerRenewed, "the container is renewed, in \(milliseconds) ms")
            renewedAt = MonotonicClock.now
            observe(.renewed)
        case .spoiled(let reason, let text):
            Notice.say(.containerSpoiled, "spoiled " + reason.rawValue + ": " + text)
            observe(.spoiled(reason))
        }
    }

    private mutating func startAgent(_ name: String?) {
        agentName = name
        endedAt = nil
        processes = ProcessWatch()
        output = OutputWatch()
        if name == nil {
            Notice.say(
                .startedAlone,
                "no sidecar within \(settings.startLimit) ms: the agent starts without one"
            )
        }
        do throws(LaunchFailure) {
            // The pumps first: once the agent runs, nothing may fail any more.
            let output = try OutputPump.open(to: STDOUT_FILENO, mailbox: mailbox)
            let errors = try OutputPump.open(to: STDERR_FILENO, mailbox: mailbox)
            pumps = [output.pump, errors.pump]
            defer {
                close(output.writer)
                close(errors.writer)
            }
            processes.commandStarted(
                try AgentProcess.start(
                    command,
                    name: name,
                    output: output.writer,
                    errors: errors.writer,
                    takesOneJob: settings.takesOneJob,
                    as: separation?.identity
                )
            )
            // A later agent needs it too.
            if separation?.renewer == nil { Secrecy.forgetStart() }
            solitude = Solitude(limit: settings.aloneLimit, at: MonotonicClock.now)
            lookForAgent()
        } catch {
            Notice.say(.notStarted, error.text)
            observe(.agentExited(code: error.exitCode))
        }
    }

    private mutating func leave(_ code: Int32, _ reason: LauncherLife.LeaveReason) {
        reason.say(limit: settings.releaseLimit)
        exitCode = code
    }

    // MARK: The one wait

    private func sleep() {
        let deadlines = [
            link.deadline,
            needsSidecar ? solitude.deadline(isConnected: link.isConnected) : nil,
            processes.deadline(life),
            life.awaitsOutput ? MonotonicClock.now + OutputWatch.lookEvery : nil,
            hasReleaseLimitPassed || life.isHeld ? nil : releaseDeadline,
        ]
        var timeout: Int32 = -1
        if let next = deadlines.compactMap({ $0 }).min() {
            timeout = Int32(max(0, next - MonotonicClock.now))
        }
        var entries = [
            pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0),
            processes.pollEntry,
            link.pollEntry,
        ]
        _ = poll(&entries, nfds_t(entries.count), timeout)
    }
}

extension LauncherLife.LeaveReason {
    /// Says what a person should know of a container that ends so; nothing where all is as it should
    /// be.
    ///
    /// - Parameter limit: How long a sidecar was waited for.
    fileprivate func say(limit: MonotonicMilliseconds) {
        switch self {
        case .released, .stoppedBeforeStart, .stoppedWhileHeld: break
        case .releaseLimitReached:
            Notice.say(.releaseMissing, "no release within \(limit) ms after the agent's end")
        case .heldAlone:
            Notice.say(
                .heldAlone,
                "the container was held open, and no sidecar has answered for \(limit) ms or more"
            )
        }
    }
}
