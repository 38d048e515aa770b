import AgentLink
import Decisions
import Model
import Rules

/// The containers of a task: the one that delivers the launcher, sidecar and launcher, and the link
/// between them.
final class OurTask: Companion, SidecarHost {
    private let task: AgentTask
    private let installation: Installation
    unowned let world: World
    private var sidecar: SidecarShell?
    private var launcher: LauncherLife?
    /// Which connection of the launcher this is; what is on its way on an older one is lost.
    private var connection = 0
    private var isLinked = false
    /// Since when it has not been, where it is not.
    private var silentSince: Milliseconds = 0
    private var sidecarStartedAt: Milliseconds = 0
    /// Set by the first sidecar, kept by the volume.
    private var agentAllowed = false
    /// A sidecar of this task has run; its socket on the volume says so.
    private var hasRun = false
    private var isOver = false
    /// Set by sidecars, kept by the volume.
    var agentNumber = 1
    private var limits = LauncherLimits()
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
        if container == Deployed.deliveryName {
            return task.containerEnded(container, noticed: Self.delivery)
        }
        guard container == Deployed.sidecarName else { return startLauncher() }
        guard hasRun else { return startSidecar() }
        world.prompt(.restart, who) { [self] in startSidecar() }
    }

    func terminate(_ container: String) {
        if container == Deployed.sidecarName {
            // One that is down is not started again.
            guard sidecar != nil || !world.isPrompted else {
                world.prompter?.forget(who) { $0 == .restart }
                return task.containerEnded(Deployed.sidecarName)
            }
            tellSidecar(.stopRequested)
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
            restarted: agentAllowed,
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
        loseSidecar()
        return true
    }

    private func loseSidecar() {
        world.tell("\(task.id): its sidecar dies")
        endSidecar()
        disconnect()
        // A launcher that waits to be given the next agent's name does so for half a minute.
        let isRenewing = launcher?.hasEnded ?? false && world.setup.mode == .renewed
        let longest = isRenewing ? 60.seconds : 10.seconds
        task.containerEnded(Deployed.sidecarName, code: 137, noticed: 1.seconds...longest)
    }

    private func endSidecar() {
        guard let sidecar else { return }
        sidecar.die()
        self.sidecar = nil
        world.prompter?.forget(who, where: \.isSidecars)
        task.state(.sidecarEnded(task.id))
    }

    func allowAgent() { agentAllowed = true }

    private var who: Script.Actor { .task(task.number) }

    /// What it hears beside its link and over it, in order.
    private func tellSidecar(_ observation: Observation) {
        guard let sidecar else { return }
        world.prompt(.hear, who) { sidecar.observe(observation) }
    }

    // MARK: The link

    private func planConnection() {
        world.after(50...500) { [self] in
            world.prompt(.connect, who) { [self] in connect() }
        }
    }

    private func connect() {
        guard !isOver, !isLinked, launcher != nil, sidecar != nil else { return }
        isLinked = true
        connection += 1
        tellSidecar(.linked)
        for message in launcher?.greeting ?? [] { send(message) }
    }

    private func disconnect() {
        guard isLinked else { return }
        isLinked = false
        silentSince = world.now
        task.state(.heard(task.id, .unknown))
        tellSidecar(.unlinked)
        waitForSidecar()
    }

    /// A container that is held open ends by itself when no sidecar answers.
    private func waitForSidecar() {
        let lost = connection
        world.after(releaseLimit) { [self] in
            world.prompt(.aloneLimit, who) { [self] in
                guard !isLinked, connection == lost, launcher?.isHeld ?? false else { return }
                tellLauncher(.aloneLimitReached)
            }
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
        if world.isPrompted {
            // On its way already, also over a link that breaks.
            guard message.isHeard, let sidecar else { return }
            return world.prompt(.hear, who) { sidecar.hear(message) }
        }
        world.after(2) { [self] in
            guard isLinked, connection == sentOn, let sidecar else { return }
            sidecar.hear(message)
        }
    }

    /// What the sidecar says to the launcher.
    func say(_ observation: LauncherLife.Observation) {
        if world.isPrompted {
            guard observation == .drainAsked else { return tellLauncher(observation) }
            return world.prompt(.drain, who) { [self] in tellLauncher(observation) }
        }
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

    /// How long it takes to copy a file and to have ECS know; not measured on ECS.
    private static let delivery: ClosedRange<Milliseconds> = 200...800
    /// Longer than the sidecar's patience with its projection.
    private var releaseLimit: Milliseconds {
        world.prompter == nil ? 20.seconds : 2.seconds
    }

    /// What the launcher waits for a release or a name until, as `Supervisor.releaseDeadline`.
    private struct LauncherLimits {
        var endedAt: Milliseconds?
        var renewedAt: Milliseconds?
        /// What the queue will look at; what it looked at before is obsolete.
        var planned: Milliseconds?

        mutating func deadline(
            _ life: LauncherLife,
            at now: Milliseconds,
            releasing limit: Milliseconds
        ) -> Milliseconds? {
            guard life.hasEnded else {
                self = LauncherLimits()
                return nil
            }
            let endedAt = endedAt ?? now
            self.endedAt = endedAt
            renewedAt = life.awaitsNext ? renewedAt ?? now : nil
            return renewedAt.map { $0 + OurTask.startLimit } ?? endedAt + limit
        }
    }

    private func startLauncher() {
        guard !isOver, launcher == nil else { return }
        launcher = LauncherLife(renews: world.setup.mode == .renewed)
        silentSince = world.now
        planConnection()
        if !world.isPrompted { waitForName() }
    }

    /// As long as a sidecar is there it answers.
    private func waitForName() {
        let alone = (isLinked ? world.now : silentSince) + Self.startLimit
        world.after(alone - world.now) { [self] in
            guard launcher?.isWaiting ?? false else { return }
            guard !isLinked, world.now >= silentSince + Self.startLimit else {
                return waitForName()
            }
            tellLauncher(.startLimitReached)
        }
    }

    private func tellLauncher(_ observation: LauncherLife.Observation) {
        guard !isOver, let directives = launcher?.on(observation) else { return }
        for directive in directives { perform(directive) }
        guard let launcher,
            let deadline = limits.deadline(launcher, at: world.now, releasing: releaseLimit),
            deadline != limits.planned
        else { return }
        limits.planned = deadline
        world.after(deadline - world.now) { [self] in
            world.prompt(.releaseLimit, who) { [self] in
                guard limits.planned == deadline else { return }
                if self.launcher?.awaitsNext ?? false {
                    world.tell("\(task.id): no sidecar names its next agent")
                }
                tellLauncher(.releaseLimitReached)
            }
        }
    }

    private func perform(_ directive: LauncherLife.Directive) {
        switch directive {
        case .start: task.startAgent()
        case .sendStopSignal: task.signalAgent()
        // The command is the agent here.
        case .endCommand: break
        case .renew: renew()
        case .countJobProcesses: tellLauncher(.jobProcesses(jobProcesses))
        case .say(let message): send(message)
        case .leave: leave()
        }
    }

    /// Ends and removes what the job left, and looks again.
    private func renew() {
        task.planStrike()
        let spoilt = world.happens(.spoils) ? world.chance.pick(SpoilReason.allCases) : nil
        let takes = spoilt == .time ? 10.seconds : world.chance.within(world.setup.renewal)
        world.after(takes) { [self] in
            guard launcher != nil, !isOver else { return }
            if let spoilt {
                world.tell("\(task.id): its container is spoiled: \(spoilt.rawValue)")
            } else {
                task.leftBy = nil
            }
            if let spoilt, world.setup.broken != .clean { return tellLauncher(.spoiled(spoilt)) }
            world.tally.renewals += 1
            world.tell("\(task.id): its container is renewed")
            task.state(.renewed(task.id))
            tellLauncher(.renewed)
        }
    }

    /// Terraform runs a moment after the agent got the job, and may linger after it.
    private var jobProcesses: Int {
        if world.isPrompted { return world.prompter?.step?.numbers.first == 1 ? 2 : 0 }
        if task.agent.holdsJob { return world.now - task.agent.receivedAt > 500 ? 2 : 0 }
        return task.agent.hasWorked && world.happens(.processesLinger) ? 1 : 0
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
        world.after(world.prompter == nil ? 50 : 0) { [self] in tellLauncher(.outputSettled) }
    }

    // MARK: What a script says

    func play(_ step: Script.Step) -> Bool {
        switch step.act {
        case .crash:
            guard sidecar != nil else { return false }
            if step.numbers == [1] { landWrite() }
            loseSidecar()
            return true
        case .breakLink:
            guard isLinked else { return false }
            disconnect()
            planConnection()
            return true
        case .aloneLimit:
            guard sidecar == nil, launcher != nil else { return false }
            tellLauncher(.aloneLimitReached)
            tellLauncher(.jobProcesses(0))
            return true
        case .startLimit:
            guard sidecar == nil, launcher?.isWaiting ?? false else { return false }
            // What delivered the launcher has asked for protection too.
            task.service.grant(task)
            tellLauncher(.startLimitReached)
            return true
        default: return false
        }
    }

    /// What its sidecar has sent off arrives, and nobody hears the answer.
    private func landWrite() {
        sidecar?.die()
        for act in [Script.Act.write, .byItself] {
            if world.prompter?.perform(Script.Step(act, who)) ?? false { return }
        }
    }

    func taskEnded() {
        isOver = true
        endSidecar()
        launcher = nil
    }
}

extension LauncherMessage {
    /// Whether a sidecar has anything to do with it.
    fileprivate var isHeard: Bool {
        switch self {
        case .hello, .silenced, .ping, .renewed, .spoiled: false
        default: true
        }
    }
}
