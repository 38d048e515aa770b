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
    /// The process that was started, until it is reaped.
    private var started: pid_t?
    /// The agent, once it was found to be another process than that.
    private var agent: FoundAgent?
    /// How often an agent was found, so that one is told from the next.
    private var agentsFound = 0
    /// An agent that can be held by nothing, to be named once.
    private var unheldAgent: pid_t?
    private var search = AgentSearch()
    private var pumps: [OutputPump] = []
    private var output = OutputWatch()
    private var endedAt: Milliseconds?
    private var hasReleaseLimitPassed = false
    private var exitCode: Int32?
    private var hasReportedMalformed = false
    private var solitude: Solitude?

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
            takeStatusLines()
            takeSignals()
            takeAgentEnd()
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
        if life.seeksAgent, search.isDue(now) { lookForAgent() }
        if isSearchOver(now) {
            // Between two looks it may have come.
            lookForAgent()
            if isSearchOver(now) { observe(.searchLimitReached) }
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
        if !hasReleaseLimitPassed, !life.isHeld, now >= endedAt + settings.releaseLimit {
            hasReleaseLimitPassed = true
            observe(.releaseLimitReached)
        }
    }

    private mutating func isSearchOver(_ now: Milliseconds) -> Bool {
        life.seeksAgentInTime && search.isOver(now, commandLives: started != nil)
    }

    private mutating func watchSolitude(_ now: Milliseconds) {
        guard needsSidecar else { return }
        for step in solitude?.due(at: now, isConnected: link.isConnected) ?? [] {
            switch step {
            case .ask(let number):
                link.say(.ping(number))
            case .alone where life.isHeld:
                observe(.aloneLimitReached)
            case .alone:
                Notice.say(
                    "the agent has had no sidecar that answers for \(settings.aloneLimit) ms or more"
                )
                lookForAgent()
                observe(.aloneLimitReached)
            }
        }
    }

    /// Whether somebody has to be awake at the other end of the link.
    private var needsSidecar: Bool { life.isRunning || life.isHeld }

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
            if pid == started {
                started = nil
                observe(.commandExited(code: code))
                search.startOver()
                lookForAgent()
            } else if pid == agent?.pid {
                agentEnded(code)
            }
        }
    }

    /// The end of an agent that is somebody else's child, whose code is not for us.
    private mutating func takeAgentEnd() {
        guard agent?.hasEnded == true else { return }
        let ended = agentsFound
        // It may have become ours. Then its end is booked at once, and the next one may be found.
        reap()
        if agent != nil, agentsFound == ended { agentEnded(nil) }
    }

    private mutating func agentEnded(_ code: Int32?) {
        agent?.letGo()
        agent = nil
        // Its last words tell whether it had registered.
        takeStatusLines()
        observe(.agentExited(code: code))
        search.startOver()
        lookForAgent()
    }

    /// Looks whether the agent has appeared, if that is not known.
    private mutating func lookForAgent() {
        guard life.seeksAgent else { return }
        switch AgentSearch.look(from: started, acceptsOrphans: life.acceptsOrphans) {
        case .agent(let entry) where entry.pid == started:
            found(nil)
            reportLevel(of: entry.pid)
        case .agent(let entry):
            hold(entry)
        case .none(let othersLive):
            observe(.noAgentFound(othersLive: othersLive))
        case .unknown:
            break
        }
    }

    private mutating func hold(_ entry: ProcessTable.Entry) {
        switch FoundAgent.hold(entry.pid) {
        case .held(let process):
            found(process)
            reportFound(process.pid)
        case .gone:
            break
        case .impossible(let code):
            holdWithoutDescriptor(entry, code)
        }
    }

    private mutating func holdWithoutDescriptor(_ entry: ProcessTable.Entry, _ code: Int32) {
        let reason = ": pidfd_open: " + Notice.errorText(code)
        if entry.parent == getpid() {
            Notice.say("the agent is process \(entry.pid), watched by its id alone" + reason)
            found(FoundAgent(child: entry.pid))
            reportFound(entry.pid)
        } else if started != nil {
            Notice.say(
                "the agent is below its command and cannot be watched, so the command's end is"
                    + " taken for its own" + reason
            )
            found(nil)
        } else {
            // It lives all the same, and is ours once what is between us has ended.
            search.extend()
            guard unheldAgent != entry.pid else { return }
            unheldAgent = entry.pid
            Notice.say(
                "the agent is process \(entry.pid) and cannot be watched until its parent has ended"
                    + reason
            )
        }
    }

    private mutating func reportFound(_ pid: pid_t) {
        reportLevel(of: pid)
        guard started != nil else { return }
        Notice.say(
            "the agent is process \(pid) below its command: runs can read what the command was"
                + " started with, the agent's token included, unless it starts the agent by exec"
        )
    }

    /// - Parameter process: Nil if it is the command.
    private mutating func found(_ process: FoundAgent?) {
        agent = process
        agentsFound += 1
        observe(.agentFound(isCommand: process == nil))
    }

    private mutating func reportLevel(of agent: pid_t) {
        guard let level = FoundAgent.hidingLevel(of: agent).map(AgentLogLevel.described) else {
            return
        }
        Notice.say(
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
                solitude?.heard(message, at: MonotonicClock.now)
            }
            switch arrival {
            case .message(.name(let name)): observe(.named(name))
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
        case .sendStopSignal(let target):
            // The process alone: its job's processes are its own to end.
            switch target {
            case .agent: agent?.signal(SIGTERM)
            case .command: signalCommand()
            }
            Notice.say("the agent has been given its one stop signal")
        case .endCommand:
            Notice.say("the agent has ended, and its command has not within a while: it is stopped")
            signalCommand()
        case .countJobProcesses:
            observe(.jobProcesses(jobProcesses()))
        case .say(let message): link.say(message)
        case .leave(let code, let reason): leave(code, reason)
        }
    }

    /// Until we have reaped it, the id cannot be another's.
    private func signalCommand() {
        if let started { kill(started, SIGTERM) }
    }

    private func jobProcesses() -> Int? {
        // Between two agents nothing is there to be counted below.
        guard !life.seeksAgentInTime, agent?.hasEnded != true, let pid = agent?.pid ?? started
        else { return nil }
        return ProcessTable()?.jobProcesses(
            of: pid,
            agentName: agentsFound > 0 ? ProcessTable.agentPrefix : command.baseName
        )
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
            started = try AgentProcess.start(
                command,
                name: name,
                output: output.writer,
                errors: errors.writer
            )
            Secrecy.forgetStart()
            solitude = Solitude(limit: settings.aloneLimit, at: MonotonicClock.now)
            lookForAgent()
        } catch {
            Notice.say(error.text)
            observe(.agentExited(code: error.exitCode))
        }
    }

    private mutating func leave(_ code: Int32, _ reason: LauncherLife.LeaveReason) {
        if let notice = reason.notice(limit: settings.releaseLimit) { Notice.say(notice) }
        exitCode = code
    }

    // MARK: The one wait

    private func sleep() {
        let deadlines = [
            link.deadline,
            life.isWaiting ? startedAt + settings.startLimit : nil,
            needsSidecar ? solitude?.deadline(isConnected: link.isConnected) : nil,
            search.deadline(life),
            life.awaitsOutput ? MonotonicClock.now + OutputWatch.lookEvery : nil,
            hasReleaseLimitPassed || life.isHeld
                ? nil : endedAt.map { $0 + settings.releaseLimit },
        ]
        var timeout: Int32 = -1
        if let next = deadlines.compactMap({ $0 }).min() {
            timeout = Int32(max(0, next - MonotonicClock.now))
        }
        var entries = [
            pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0),
            // Ignored by poll(2) while negative.
            pollfd(fd: agent?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            link.pollEntry,
        ]
        _ = poll(&entries, nfds_t(entries.count), timeout)
    }
}
