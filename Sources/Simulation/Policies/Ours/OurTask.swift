import AgentLink
import Decisions
import Model
import Rules

/// The two containers of a task: sidecar and launcher, and the link between them.
final class OurTask: Companion, SidecarHost {
    private let task: AgentTask
    private let installation: Installation
    unowned let world: World
    private var sidecar: SidecarShell?
    private var launcher: LauncherLife?
    /// Which connection of the launcher this is; what is on its way on an older one is lost.
    private var connection = 0
    private var isLinked = false
    private var sidecarStartedAt: Milliseconds = 0
    /// Set by the first sidecar, kept by the volume.
    private(set) var isHealthy = false
    /// A sidecar of this task has run; the launcher on the volume says so.
    private var hasRun = false
    private var isOver = false
    private var releaseLimitPlanned = false
    private var agentExitedAt: Milliseconds?
    private let clockSkew: Milliseconds

    init(_ task: AgentTask, _ installation: Installation) {
        self.task = task
        self.installation = installation
        world = task.world
        let skew = world.faults[.clockSkew]
        clockSkew = world.chance.within(-skew...skew)
        if clockSkew != 0 { world.tally.played[.clockSkew] += 1 }
    }

    // MARK: Its containers

    func start(_ container: String) {
        if container == Deployed.sidecarName { startSidecar() } else { startLauncher() }
    }

    func terminate(_ container: String) {
        if container == Deployed.sidecarName {
            sidecar?.observe(.stopRequested)
        } else {
            stopLauncher()
        }
    }

    func kill(_ container: String) {
        if container == Deployed.sidecarName { sidecarEnded() } else { killLauncher() }
    }

    // MARK: The sidecar's container

    private func startSidecar() {
        guard !isOver else { return }
        sidecarStartedAt = world.now
        task.state(.sidecarStarted(task.id))
        let shell = SidecarShell(
            of: task,
            self,
            installation,
            restarted: isHealthy,
            hasPredecessor: hasRun,
            clockSkew: clockSkew
        )
        hasRun = true
        sidecar = shell
        shell.observe(.woke)
        if launcher != nil { planConnection() }
    }

    /// Its process is gone. ECS starts the container again, once it ran for a minute; one that did
    /// not stays away, which is not played here.
    func sidecarDies() -> Bool {
        guard sidecar != nil, world.now - sidecarStartedAt >= 60.seconds, !isOver else {
            return false
        }
        world.tell("\(task.id): its sidecar dies")
        endSidecar()
        disconnect()
        task.containerEnded(Deployed.sidecarName, code: 137, noticed: 1.seconds...10.seconds)
        return true
    }

    private func endSidecar() {
        guard let sidecar else { return }
        sidecar.die()
        self.sidecar = nil
        task.state(.sidecarEnded(task.id))
    }

    /// The sidecar says that the agent's container may start; its health check says so later.
    func becomeHealthy() { isHealthy = true }

    // MARK: The link

    private func planConnection() {
        world.after(50...500) { [self] in
            guard !isOver, !isLinked, launcher != nil, let sidecar else { return }
            isLinked = true
            connection += 1
            sidecar.observe(.linked)
            for message in launcher?.greeting ?? [] { send(message) }
        }
    }

    private func disconnect() {
        guard isLinked else { return }
        isLinked = false
        task.state(.heard(task.id, .unknown))
        sidecar?.observe(.unlinked)
        waitForSidecar()
    }

    /// A container that is held open ends by itself when no sidecar answers.
    private func waitForSidecar() {
        let lost = connection
        world.after(Self.releaseLimit) { [self] in
            guard !isLinked, connection == lost, launcher?.isHeld ?? false else { return }
            tellLauncher(.aloneLimitReached)
        }
    }

    func linkBreaks() -> Bool {
        guard isLinked else { return false }
        world.tell("\(task.id): the link breaks")
        if world.setup.broken == .unknownIsBusy {
            // Silence is taken for idleness: the sidecar goes on with what it heard last.
            isLinked = false
            task.state(.heard(task.id, .unknown))
            sidecar?.observe(.agent(.waiting))
        } else {
            disconnect()
        }
        world.after(100...2.seconds) { [self] in planConnection() }
        return true
    }

    private func send(_ message: LauncherMessage) {
        guard isLinked else { return }
        let sentOn = connection
        world.after(2) { [self] in
            guard isLinked, connection == sentOn, let sidecar else { return }
            sidecar.hear(message)
        }
    }

    /// What the sidecar says to the launcher.
    func say(_ observation: LauncherLife.Observation) {
        guard isLinked else { return }
        let sentOn = connection
        world.after(2) { [self] in
            guard isLinked, connection == sentOn else { return }
            tellLauncher(observation)
        }
    }

    // MARK: The launcher

    /// As in `LauncherSettings`.
    private static let startLimit: Milliseconds = 30.seconds
    private static let releaseLimit: Milliseconds = 20.seconds

    private func startLauncher() {
        guard !isOver, launcher == nil else { return }
        launcher = LauncherLife()
        planConnection()
        world.after(Self.startLimit) { [self] in
            if launcher?.isWaiting ?? false { tellLauncher(.startLimitReached) }
        }
    }

    private func tellLauncher(_ observation: LauncherLife.Observation) {
        guard !isOver, let directives = launcher?.on(observation) else { return }
        for directive in directives { perform(directive) }
        if launcher?.hasEnded ?? false, !releaseLimitPlanned {
            releaseLimitPlanned = true
            world.after(Self.releaseLimit) { [self] in tellLauncher(.releaseLimitReached) }
        }
    }

    private func perform(_ directive: LauncherLife.Directive) {
        switch directive {
        case .start: task.startAgent()
        case .sendStopSignal: task.signalAgent()
        // The command is the agent here.
        case .endCommand: break
        // No container is renewed here.
        case .renew: break
        case .countJobProcesses: tellLauncher(.jobProcesses(jobProcesses))
        case .say(let message): send(message)
        case .leave: leave()
        }
    }

    /// Terraform runs a moment after the agent got the job, and may linger after it.
    private var jobProcesses: Int {
        let hasWorked = task.agent.jobNumber > 0
        if task.agent.holdsJob { return world.now - task.agent.receivedAt > 500 ? 2 : 0 }
        return hasWorked && world.happens(.processesLinger) ? 1 : 0
    }

    /// The agent's container ends, and with it the task.
    private func leave() {
        if let agentExitedAt { world.tally.departed(after: world.now - agentExitedAt) }
        launcher = nil
        disconnect()
        task.containerEnded(Deployed.agentName)
    }

    func sidecarEnded() {
        guard !isOver, sidecar != nil else { return }
        endSidecar()
        task.containerEnded(Deployed.sidecarName)
    }

    private func stopLauncher() {
        if world.setup.broken == .oneSignal { task.signalAgent() }
        tellLauncher(.outsideStop(signal: 15))
    }

    private func killLauncher() {
        guard launcher != nil else { return }
        task.killAgent()
        leave()
    }

    // MARK: The agent

    func agentSays(_ line: AgentLine) { tellLauncher(.statusLine(.status(line.text))) }

    func agentExited(code: Int32) {
        agentExitedAt = world.now
        tellLauncher(.agentExited(code: code))
        // All its output has been passed on.
        world.after(50) { [self] in tellLauncher(.outputSettled) }
    }

    func taskEnded() {
        isOver = true
        endSidecar()
        launcher = nil
    }
}
