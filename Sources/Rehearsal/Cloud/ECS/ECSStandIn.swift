import Decisions
import FoundationEssentials
import Glibc
import Model
import Rules
import Seeded

/// The ECS of the rehearsal: one service, whose tasks are real processes on this machine.
///
/// Decisions are made by values (`ServiceState`, `TaskLife`, `ContainerPlan`); this actor feeds them
/// with what happens and does what they say.
actor ECSStandIn {
    /// How often due health checks, timeouts and the scheduler are looked at.
    static let tick: Duration = .milliseconds(50)

    /// Much less than ECS's own, and enough to keep a broken image from becoming a storm of
    /// processes.
    static let pace = Pace(first: 500, longest: 10_000)

    /// A restart attempt period of 1 s: about what a sidecar runs before its agent's first job, so
    /// one that is killed during a job is restarted as on ECS.
    static let restartSpeed = 60

    struct Settings: Sendable {
        var names: ServiceNames
        var definition: TaskDefinition
        var deployed: Deployed
        var replacement: Replacement
        var plan: ContainerPlan
        var bootMilliseconds: Milliseconds
        /// Task directories are made here; short, since a Unix socket's path has 108 bytes.
        var directory: String
        /// The whole rehearsal's marker.
        var rehearsal: String
        var inherited: [String: String]
        /// Environment besides the task definition's, by container.
        var extra: [String: [String: String]] = [:]
        /// The agent's program, where each agent's container has a root to itself.
        var enclosedAgent: String?
        /// Scale-in takes protected tasks (`--break protection`).
        var ignoresProtection = false
    }

    struct RunningTask: Sendable {
        let id: TaskID
        var life: TaskLife
        /// Tasks by the order of their starts, from 1; the model's name for it.
        let number: Int
        let deployment: DeploymentID
        /// Of the task definition.
        let revision: Int
        let startedAt: Milliseconds
        let endpointID: String
        let credentialsID: String
        let directory: String
        var metadataIDs: [String: String]
        var reported: TaskLife.State
        /// When it first ran; nil before, and for one that never does.
        var ranAt: Milliseconds?
        var stoppedAt: Milliseconds?
    }

    enum Event: Sendable {
        case exited(TaskID, String, Int)
        case checked(TaskID, String, Bool)
    }

    let settings: Settings
    let time: Timebase
    let journal: PlayJournal
    let agents: AgentProcesses
    var service: ServiceState
    var account = Account()
    /// The count is the one that a person set.
    var isEdited = false
    var tasks: [TaskID: RunningTask] = [:]
    /// Stopped tasks, newest last; ECS lists them for an hour.
    var stopped: [RunningTask] = []
    var base = ""
    /// Starts that fail for now, whatever they start.
    var outage: (failure: StartFailure, until: Milliseconds)?
    /// How the next agents end, one each.
    var badEnds: [BadEnd] = []
    /// Revisions of the task definition that cannot start.
    var broken: [Int: StartFailure] = [:]
    var newestRevision = 1
    private var ids: [Int: TaskID] = [:]
    private var random: SeededRandom
    private var isClosing = false
    /// When a task started or stopped, or a container was restarted, for the last time.
    var lastChange: Milliseconds = 0
    private let events: AsyncStream<Event>
    let feed: AsyncStream<Event>.Continuation

    init(
        _ settings: Settings,
        desiredCount: Int,
        time: Timebase,
        journal: PlayJournal,
        agents: AgentProcesses,
        random: SeededRandom
    ) {
        self.settings = settings
        self.time = time
        self.journal = journal
        self.agents = agents
        self.random = random
        service = ServiceState(
            settings.deployed,
            replacement: settings.replacement,
            desired: desiredCount,
            pace: Self.pace
        )
        service.events.isOn = true
        service.ignoresProtection = settings.ignoresProtection
        (events, feed) = AsyncStream.makeStream()
    }

    /// Runs the service until cancelled. `base` is the address of the stand-ins' server.
    func run(base: String) async {
        self.base = base
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [events] in
                for await event in events { await self.handle(event) }
            }
            group.addTask {
                while !Task.isCancelled {
                    await self.turn()
                    try? await Task.sleep(for: Self.tick)
                }
            }
        }
    }

    /// Ends everything at once and starts nothing more.
    func close() {
        isClosing = true
        for task in tasks.values {
            for container in task.life.containers {
                if let pid = container.pid { kill(-pid_t(pid), SIGKILL) }
            }
        }
    }

    // MARK: - Turns

    func turn() {
        guard !isClosing else { return }
        let now = time.now
        noteExpiry(at: now)
        let turn = service.turn(at: now, launches: &account.launches, draw: draw)
        for decision in turn.decisions {
            switch decision {
            case .start(let number, let deployment, let revision):
                startTask(number, deployment, revision, at: now)
            case .stop(let number, let stop):
                guard let id = ids[number] else { continue }
                journal.record(.scaledIn(id, cause(of: id)))
                tasks[id]?.life.stop(stop)
            }
        }
        for id in tasks.keys.sorted() { advance(id) }
    }

    private func cause(of id: TaskID) -> Fact.StopCause {
        guard service.status == .active else { return .deletion }
        guard tasks[id]?.deployment == service.primary.id else { return .deployment }
        return isEdited ? .personsScaleIn : .scaleIn
    }

    /// A number from 0 to one less than the bound.
    func draw(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    /// Says whose protection has run out.
    func noteExpiry(at now: Milliseconds) {
        for id in service.expire(at: now).compactMap({ ids[$0] }) {
            journal.record(.unprotected(id, agentAlive: agents.isAlive(id), expired: true))
        }
    }

    private func startTask(
        _ number: Int,
        _ deployment: DeploymentID,
        _ revision: Int,
        at now: Milliseconds
    ) {
        let failure = failure(of: revision, at: now)
        if let failure, failure.isUnplaced {
            journal.record(.note("ECS finds no place for a task: \(failure.reason)"))
            return service.unplaced(number, failure, at: now)
        }
        let id = TaskID(random.hex(32))
        ids[number] = id
        lastChange = now
        tasks[id] = RunningTask(
            id: id,
            life: TaskLife(
                settings.deployed.containers,
                readyAt: now + settings.bootMilliseconds,
                restartSpeed: Self.restartSpeed,
                failure: failure
            ),
            number: number,
            deployment: deployment,
            revision: revision,
            startedAt: now,
            endpointID: random.hex(32),
            credentialsID: random.hex(32),
            directory: "\(settings.directory)/t\(number)",
            metadataIDs: Dictionary(
                uniqueKeysWithValues: settings.definition.containerDefinitions.map {
                    ($0.name, "\(id)-\(random.hex(10))")
                }
            ),
            reported: .provisioning
        )
        journal.record(.taskStarted(id))
    }

    private func failure(of revision: Int, at now: Milliseconds) -> StartFailure? {
        if let outage, now < outage.until { return outage.failure }
        return broken[revision]
    }

    /// Lets one task's life take its next steps.
    func advance(_ id: TaskID) {
        guard !isClosing, let actions = tasks[id]?.life.step(at: time.now) else { return }
        for action in actions { perform(action, of: id) }
        report(id)
    }

    private func report(_ id: TaskID) {
        guard let task = tasks[id], task.life.state != task.reported else { return }
        tasks[id]?.reported = task.life.state
        if task.reported < .deactivating, task.life.state >= .deactivating,
            let stop = task.life.stop
        {
            service.leaves(task.number, failsToStart: task.failsToStart, at: time.now)
            journal.record(.taskStopping(id, reason: stop.reason))
        }
        journal.record(.taskState(id, task.life.state))
        switch task.life.state {
        case .running:
            tasks[id]?.ranAt = time.now
            service.ran(task.number, at: time.now)
        case .stopped: forget(task)
        default: break
        }
    }

    private func forget(_ task: RunningTask) {
        var task = task
        task.stoppedAt = time.now
        lastChange = time.now
        tasks[task.id] = nil
        ids[task.number] = nil
        stopped = Array((stopped + [task]).suffix(200))
        service.stopped(task.number, at: time.now)
        try? FileManager.default.removeItem(atPath: task.directory)
        journal.record(.taskStopped(task.id))
    }

    private func handle(_ event: Event) {
        let now = time.now
        switch event {
        case .exited(let id, let name, let code):
            journal.record(.containerExited(id, container: name, code: code))
            tasks[id]?.life.exited(name, code: code, at: now)
            if !agents.isAlive(id) { journal.record(.agentGone(id)) }
            advance(id)
        case .checked(let id, let name, let healthy):
            let before = tasks[id]?.life.container(name)?.health
            tasks[id]?.life.checked(name, healthy: healthy, at: now)
            if tasks[id]?.life.container(name)?.health == .healthy && before != .healthy {
                journal.record(.containerHealthy(id, container: name))
            }
            advance(id)
        }
    }
}

extension ECSStandIn.RunningTask {
    /// It ends on its way, and nobody asked it to.
    fileprivate var failsToStart: Bool {
        guard !life.everRan, let code = life.stop?.code else { return false }
        return code == .failedToStart || code == .essentialContainerExited
    }
}
