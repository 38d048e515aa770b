import AgentLink
import Glibc

/// The launcher's main thread: gathers what happened, asks `LauncherLife`, and does what it says.
/// Nothing here waits but `sleep`.
struct Supervisor {
    private let settings: Settings
    private let command: AgentCommand
    private let signals: SignalSource
    private let mailbox: StatusMailbox
    private let startedAt = MonotonicClock.now

    private var life = LauncherLife()
    private var link: LinkClient
    private var agent: pid_t?
    private var pumps: [OutputPump] = []
    private var output = OutputWatch()
    private var endedAt: Milliseconds?
    private var hasReleaseLimitPassed = false
    private var exitCode: Int32?
    private var hasReportedMalformed = false
    /// When an agent that is still without a sidecar is looked at.
    private var solitudeLook: Milliseconds?

    /// How long the sidecar may be kept from booking the departure by an output that nobody reads.
    private static let outputLimit: Milliseconds = 2000

    /// How long the container may be kept open by an output that nobody reads: the rest of it is
    /// lost then. As long as by a sidecar that does not answer.
    private static let outputAbandonLimit = Settings.defaultReleaseLimit

    init(
        settings: Settings,
        command: AgentCommand,
        signals: SignalSource,
        mailbox: StatusMailbox
    ) {
        self.settings = settings
        self.command = command
        self.signals = signals
        self.mailbox = mailbox
        link = LinkClient(path: settings.socketPath)
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
            takeSignals()
            takeStatusLines()
            takeSidecarMessages()
        }
    }

    // MARK: What happened

    private mutating func connect() {
        guard link.connectIfDue(MonotonicClock.now, isEager: life.isWaiting) else { return }
        for message in life.greeting {
            link.say(message)
        }
    }

    private mutating func meetDeadlines() {
        let now = MonotonicClock.now
        if life.isWaiting, now >= startedAt + settings.startLimit {
            observe(.startLimitReached)
        }
        watchSolitude(now)
        guard let endedAt else { return }
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
        if !hasReleaseLimitPassed, now >= endedAt + settings.releaseLimit {
            hasReleaseLimitPassed = true
            observe(.releaseLimitReached)
        }
    }

    /// The link is tried again every second while it is down, so nothing has to wake for this.
    private mutating func watchSolitude(_ now: Milliseconds) {
        guard agent != nil, !life.hasEnded, !link.isConnected else {
            solitudeLook = nil
            return
        }
        guard let look = solitudeLook else {
            solitudeLook = now + settings.aloneLimit
            return
        }
        guard now >= look else { return }
        // Again after a while: by then the agent may be done with its job.
        solitudeLook = now + Supervisor.lookAgain
        Notice.say("the agent has had no sidecar for \(settings.aloneLimit) ms or more")
        observe(.aloneLimitReached)
    }

    private static let lookAgain: Milliseconds = 60_000

    private mutating func takeSignals() {
        while let signal = signals.next() {
            guard signal == SIGCHLD else {
                observe(.outsideStop(signal: signal))
                continue
            }
            while let (pid, code) = Reaper.next() {
                if pid == agent { observe(.agentExited(code: code)) }
            }
        }
    }

    private mutating func takeStatusLines() {
        for line in mailbox.take() {
            observe(.statusLine(line.message))
        }
    }

    private mutating func takeSidecarMessages() {
        for arrival in link.serve() {
            switch arrival {
            case .message(.name(let name)): observe(.named(name))
            case .message(.drain): observe(.drainAsked)
            case .message(.release): observe(.released)
            case .malformed(let fault): reportMalformed(fault)
            }
        }
    }

    /// Once: a sidecar of another version would otherwise fill the agent's log.
    private mutating func reportMalformed(_ fault: MessageFault) {
        guard !hasReportedMalformed else { return }
        hasReportedMalformed = true
        Notice.say("ignored from the sidecar: " + fault.description + "; said only once")
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
        case .sendStopSignal:
            // The process alone: its job's processes are its own to end. Until we have reaped it,
            // the id cannot be another's.
            if let agent { kill(agent, SIGTERM) }
            Notice.say("the agent has been given its one stop signal")
        case .countJobProcesses:
            let count = agent.flatMap {
                ProcessTable()?.jobProcesses(of: $0, agentName: command.baseName)
            }
            observe(.jobProcesses(count))
        case .say(let message): link.say(message)
        case .leave(let code, let reason): leave(code, reason)
        }
    }

    private mutating func startAgent(_ name: String?) {
        if name == nil {
            Notice.say(
                "no sidecar within \(settings.startLimit) ms: the agent starts without one"
            )
        }
        do throws(Refusal) {
            // The pumps first: once the agent runs, nothing may fail any more.
            let output = try OutputPump.open(to: STDOUT_FILENO, mailbox: mailbox)
            let errors = try OutputPump.open(to: STDERR_FILENO, mailbox: mailbox)
            pumps = [output.pump, errors.pump]
            defer {
                close(output.writer)
                close(errors.writer)
            }
            agent = try AgentProcess.start(
                command,
                name: name,
                output: output.writer,
                errors: errors.writer
            )
        } catch {
            Notice.say(error.text)
            observe(.agentExited(code: error.exitCode))
        }
    }

    private mutating func leave(_ code: Int32, _ reason: LauncherLife.LeaveReason) {
        if reason == .releaseLimitReached {
            Notice.say("no release within \(settings.releaseLimit) ms after the agent's end")
        }
        exitCode = code
    }

    // MARK: The one wait

    private func sleep() {
        let deadlines = [
            link.deadline,
            life.isWaiting ? startedAt + settings.startLimit : nil,
            life.awaitsOutput ? MonotonicClock.now + OutputWatch.lookEvery : nil,
            hasReleaseLimitPassed ? nil : endedAt.map { $0 + settings.releaseLimit },
        ]
        var timeout: Int32 = -1
        if let next = deadlines.compactMap({ $0 }).min() {
            timeout = Int32(max(0, next - MonotonicClock.now))
        }
        var entries = [
            pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0),
            link.pollEntry,
        ]
        _ = poll(&entries, nfds_t(entries.count), timeout)
    }
}
