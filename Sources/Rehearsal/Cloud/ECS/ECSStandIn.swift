import FoundationEssentials
import Glibc
import Seeded

/// The ECS of the rehearsal: one service, whose tasks are real processes on this machine.
///
/// Decisions are made by values (`ServiceScheduler`, `TaskLife`, `Protection`, `ContainerPlan`);
/// this actor feeds them with what happens and does what they say.
actor ECSStandIn {
    /// How often due health checks, timeouts and the scheduler are looked at.
    static let tick: Duration = .milliseconds(50)

    struct Settings: Sendable {
        var names: ServiceNames
        var definition: TaskDefinition
        var plan: ContainerPlan
        var bootMilliseconds: Milliseconds
        var speed: TaskLife.Speed
        /// Task directories are made here; short, since a Unix socket's path has 108 bytes.
        var directory: String
        /// The whole rehearsal's marker.
        var rehearsal: String
        var inherited: [String: String]
        /// Environment besides the task definition's, by container.
        var extra: [String: [String: String]] = [:]
        /// Scale-in takes protected tasks (`--break protection`).
        var ignoresProtection = false
    }

    struct RunningTask: Sendable {
        let id: TaskID
        var life: TaskLife
        /// Tasks by the order of their starts, from 1.
        let number: Int
        let revision: Int
        let startedAt: Milliseconds
        let endpointID: String
        let credentialsID: String
        let directory: String
        var metadataIDs: [String: String]
        var reported: TaskLife.State
    }

    enum Event: Sendable {
        case exited(TaskID, String, Int)
        case checked(TaskID, String, Bool)
    }

    let settings: Settings
    let time: Timebase
    let journal: Journal
    let agents: AgentProcesses
    var desiredCount: Int
    var tasks: [TaskID: RunningTask] = [:]
    /// Stopped tasks, newest last; ECS lists them for an hour.
    var stopped: [RunningTask] = []
    var protection = Protection()
    var base = ""
    var deployments = Deployments()
    private var random: SeededRandom
    private var scheduler: ServiceScheduler
    private var isClosing = false
    /// When a task started or stopped, or a container was restarted, for the last time.
    var lastChange: Milliseconds = 0
    private var count = 0
    private let events: AsyncStream<Event>
    let feed: AsyncStream<Event>.Continuation

    init(
        _ settings: Settings,
        desiredCount: Int,
        time: Timebase,
        journal: Journal,
        agents: AgentProcesses,
        random: SeededRandom
    ) {
        self.settings = settings
        self.desiredCount = desiredCount
        self.time = time
        self.journal = journal
        self.agents = agents
        self.random = random
        scheduler = ServiceScheduler(ignoresProtection: settings.ignoresProtection)
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
        for task in protection.expire(at: now) {
            journal.record(
                .unprotected(task, agentAlive: agents.isAlive(task), expired: true)
            )
        }
        let candidates = tasks.values.map { task in
            ServiceScheduler.Candidate(
                id: task.id,
                counts: task.life.stop == nil,
                isProtected: protection.isProtected(task.id, at: now),
                isCurrent: task.revision == deployments.primary.revision,
                isRunning: task.life.state == .running
            )
        }
        let decisions = scheduler.decide(
            desiredCount: desiredCount,
            tasks: candidates,
            at: now,
            random: &random
        )
        for decision in decisions {
            switch decision {
            case .start: startTask(at: now)
            case .stop(let id):
                journal.record(.scaledIn(id))
                let isCurrent = tasks[id]?.revision == deployments.primary.revision
                tasks[id]?.life.stop(
                    code: "ServiceSchedulerInitiated",
                    reason: isCurrent
                        ? "scaling activity: more tasks than desiredCount"
                        : "deployment: a newer revision is primary"
                )
            }
        }
        deployments.update(members, desiredCount: desiredCount)
        for id in tasks.keys.sorted() { advance(id) }
    }

    private func startTask(at now: Milliseconds) {
        let id = random.hex(32)
        count += 1
        let directory = "\(settings.directory)/t\(count)"
        lastChange = now
        tasks[id] = RunningTask(
            id: id,
            life: TaskLife(
                settings.definition,
                readyAt: now + settings.bootMilliseconds,
                speed: settings.speed
            ),
            number: count,
            revision: deployments.primary.revision,
            startedAt: now,
            endpointID: random.hex(32),
            credentialsID: random.hex(32),
            directory: directory,
            metadataIDs: Dictionary(
                uniqueKeysWithValues: settings.definition.containerDefinitions.map {
                    ($0.name, "\(id)-\(random.hex(10))")
                }
            ),
            reported: .provisioning
        )
        journal.record(.taskStarted(id))
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
            journal.record(.taskStopping(id, reason: stop.reason))
        }
        journal.record(.taskState(id, task.life.state))
        guard task.life.state == .stopped else { return }
        lastChange = time.now
        tasks[id] = nil
        stopped = Array((stopped + [task]).suffix(200))
        protection.forget(id)
        scheduler.taskEnded(everRan: task.life.everRan, at: time.now)
        try? FileManager.default.removeItem(atPath: task.directory)
        journal.record(.taskStopped(id))
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
