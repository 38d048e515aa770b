import AgentLink
import Decisions
import Seeded
import Testing

@testable import Sidecar

/// A service of ECS under deployments, second by second, with the decisions that ship: the sidecars'
/// minds, the launchers' lives and the ledger. The scheduler has a minimum of healthy tasks of 0 % and
/// a maximum of 100 %, as the module has it.
struct DeploymentWorld {
    /// What ECS starts in place of a task that ended by itself while a deployment is open.
    enum Replacement: CaseIterable, Sendable { case same, primary }

    struct Setup {
        var replacement = Replacement.primary
        var floor = 3
        var isSingle = true
        /// Of one in so many seconds a run comes; none at 0.
        var runEvery = 0
        var runsUntil = 0
        /// Of one in so many seconds an agent crashes; none at 0.
        var crashEvery = 0
        /// Of one in so many seconds a sidecar dies; none at 0.
        var deathEvery = 0
        /// Of so many calls one fails; none at 0.
        var failEvery = 0
        /// From here on nothing fails, crashes or dies.
        var faultsUntil = Int.max
        /// Tasks that are wanted while a deployment is open may be of either revision.
        var scalesBoth = false
        /// A revision that never starts is rolled back after three tries.
        var rollsBack = true
        /// ECS never stops what is handed over: no reading of it does that.
        var isDeaf = false
        /// Tasks that leave learn of deployments.
        var handsOver = true
    }

    /// How the tasks of a revision fare.
    enum Health { case starts, neverRuns, agentFails }

    struct Revision {
        var health: Health
        var createdAt: Int
        var failed = 0
        var state = DeploymentView.State.inProgress
    }

    enum Agent: Equatable {
        case none
        case starting(until: Int)
        case idle
        case busy(Job, until: Int)
        case ending(at: Int, code: Int32)
        case gone
    }

    enum TaskState: Equatable { case pending(until: Int), running, stopping(until: Int), gone }

    struct Task {
        let id: TaskID
        let revision: Int
        let createdAt: Int
        var state: TaskState
        var protectedUntil = 0
        var isStoppedByECS = false
        var retirement: Retirement?
        var bornAt = 0
        var wakeAt: Int?
        var startsAgainAt: Int?
        var agentAllowed = false
        var isLinked = false
        var launcher: LauncherLife? = LauncherLife()
        var agent = Agent.none
        var exitedAt = 0
        var silentSince = 0
        var signals = 0
        var askedToStop = false

        var lives: Bool {
            switch state {
            case .pending, .running: true
            case .stopping, .gone: false
            }
        }
        var isRunning: Bool { state == .running }
        var isIdle: Bool { isRunning && agent == .idle }
        var hasAgent: Bool {
            switch agent {
            case .none, .gone: false
            case .starting, .idle, .busy, .ending: true
            }
        }
    }

    let setup: Setup
    let limits: Limits
    var random: SeededRandom
    var now = 0
    var ledger: Ledger
    var desired: Int
    var revisions: [Revision] = []
    var primary = 0
    var tasks: [Task] = []
    /// Runs that wait in the pool's queue.
    var queue: [Job] = []
    private var runs = 0
    var owed: [Int] = []
    var startFrom = 0
    var heard: [(Int, Observation)] = []
    /// Broken rules, in words.
    var broken: [String] = []
    /// When an idle agent made room, and the revision that was the newest then.
    var roomMade: [(at: Int, task: Int, revision: Int)] = []

    init(_ setup: Setup, seed: UInt64) throws {
        self.setup = setup
        limits = try #require(
            Limits(desiredCount: setup.floor, maxCount: setup.floor + 3, spareCount: 0)
        )
        random = SeededRandom(seed: seed)
        ledger = Ledger(version: 1, size: setup.floor)
        desired = setup.floor
        deploy(.starts)
    }

    mutating func deploy(_ health: Health) {
        if !revisions.isEmpty, revisions[primary].state == .inProgress {
            revisions[primary].state = .failed
        }
        revisions.append(Revision(health: health, createdAt: now))
        primary = revisions.count - 1
        startFrom = now
    }

    mutating func live(until end: Int) {
        while now < end, broken.isEmpty {
            now += 1
            runCome()
            for index in tasks.indices where tasks[index].state != .gone { live(index) }
            if now.isMultiple(of: 5) { schedule() }
        }
    }

    // MARK: What a test asks

    var livingTasks: [Task] { living.map { tasks[$0] } }
    var isComplete: Bool {
        revisions[primary].state == .completed
            && living.allSatisfy { tasks[$0].revision == primary && tasks[$0].isIdle }
    }
    var living: [Int] { tasks.indices.filter { tasks[$0].lives } }
    /// Agents that were drained, ended or were lost, over all tasks.
    var signals: Int { tasks.reduce(0) { $0 + $1.signals } }

    func time(_ second: Int) -> WallTime { WallTime(milliseconds: second * 1000) }

    mutating func fault(_ every: Int) -> Bool {
        now < setup.faultsUntil && chance(1, every)
    }

    mutating func chance(_ part: Int, _ whole: Int) -> Bool {
        whole > 0 && Int.random(in: 0..<whole, using: &random) < part
    }

    // MARK: One task's second

    private mutating func live(_ index: Int) {
        switch tasks[index].state {
        case .pending(let until) where until <= now:
            if revisions[tasks[index].revision].health == .neverRuns { return neverRan(index) }
            tasks[index].state = .running
            startSidecar(index, restarted: false)
        case .stopping(let until) where until <= now: tasks[index].state = .gone
        case .running: run(index)
        default: break
        }
        listen()
    }

    private mutating func run(_ index: Int) {
        if let due = tasks[index].startsAgainAt, due <= now {
            startSidecar(index, restarted: tasks[index].agentAllowed)
        } else if fault(setup.deathEvery), tasks[index].retirement != nil,
            now - tasks[index].bornAt >= 60
        {
            sidecarDies(index)
        }
        act(index)
        link(index)
        limit(index)
        if tasks[index].lives, let wakeAt = tasks[index].wakeAt, wakeAt <= now {
            tasks[index].wakeAt = nil
            heard.append((index, .woke))
        }
    }

    private mutating func startSidecar(_ index: Int, restarted: Bool) {
        tasks[index].startsAgainAt = nil
        tasks[index].bornAt = now
        tasks[index].retirement = Retirement(.init(restarted: restarted))
        heard.append((index, .woke))
    }

    private mutating func sidecarDies(_ index: Int) {
        tasks[index].retirement = nil
        tasks[index].wakeAt = nil
        tasks[index].isLinked = false
        tasks[index].silentSince = now
        tasks[index].startsAgainAt = now + Int.random(in: 1...8, using: &random)
        heard.removeAll { $0.0 == index }
    }

    private mutating func link(_ index: Int) {
        guard !tasks[index].isLinked, tasks[index].agentAllowed, tasks[index].retirement != nil,
            let launcher = tasks[index].launcher
        else { return }
        tasks[index].isLinked = true
        heard.append((index, .linked))
        for message in launcher.greeting { hear(index, message) }
    }

    /// The launcher's limits, of 20 s each.
    private mutating func limit(_ index: Int) {
        guard let launcher = tasks[index].launcher, launcher.hasEnded else { return }
        if launcher.isHeld {
            let isAlone = tasks[index].retirement == nil && now - tasks[index].silentSince >= 20
            if isAlone { tell(index, .aloneLimitReached) }
        } else if now - tasks[index].exitedAt >= 20 {
            tell(index, .releaseLimitReached)
        }
    }

    // MARK: The agent

    private mutating func runCome() {
        guard now < setup.runsUntil, chance(1, setup.runEvery) else { return }
        runs += 1
        guard let job = Job(id: "run-\(runs)", type: "plan") else { return }
        queue.append(job)
        ledger.jobs[job] = .init(at: time(now))
        ledger.uphold(limits, at: time(now))
        desired = max(desired, ledger.size)
    }

    private mutating func act(_ index: Int) {
        switch tasks[index].agent {
        case .starting(let until) where until <= now:
            if revisions[tasks[index].revision].health == .agentFails {
                return agentEnds(index, code: 1)
            }
            tasks[index].agent = .idle
            hear(index, .status(Self.line("Agent registered successfully: agent-1")))
            say(index, "Waiting for next job")
        case .idle where !queue.isEmpty && chance(1, 4):
            let job = queue.removeFirst()
            let end = now + Int.random(in: 20...400, using: &random)
            tasks[index].agent = .busy(job, until: end)
            tell(
                index,
                .statusLine(
                    .status(
                        #"{"@module":"core","@message":"Job received","job_id":"\#(job.id)","#
                            + #""job_type":"\#(job.type)"}"#
                    )
                )
            )
        case .busy(_, let until) where until <= now:
            guard !setup.isSingle else { return agentEnds(index, code: 0) }
            tasks[index].agent = .idle
            say(index, "Waiting for next job")
        case .ending(let at, let code) where at <= now: agentEnds(index, code: code)
        case .idle, .busy:
            if fault(setup.crashEvery) { agentEnds(index, code: 137) }
        default: break
        }
    }

    private mutating func agentEnds(_ index: Int, code: Int32) {
        tasks[index].agent = .gone
        tasks[index].exitedAt = now
        tell(index, .agentExited(code: code))
        tell(index, .outputSettled)
    }

    private mutating func say(_ index: Int, _ text: String) {
        tell(index, .statusLine(.status(Self.line(text))))
    }

    private static func line(_ text: String) -> String {
        #"{"@module":"core","@message":"\#(text)"}"#
    }

    // MARK: The launcher

    mutating func tell(_ index: Int, _ observation: LauncherLife.Observation) {
        guard let directives = tasks[index].launcher?.on(observation) else { return }
        for directive in directives {
            switch directive {
            case .start: tasks[index].agent = .starting(until: now + 3)
            case .sendStopSignal: signal(index)
            case .endCommand, .renew: break
            case .countJobProcesses:
                if case .busy = tasks[index].agent {
                    tell(index, .jobProcesses(1))
                } else {
                    tell(index, .jobProcesses(0))
                }
            case .say(let message): hear(index, message)
            case .leave: containersEnd(index)
            }
        }
    }

    private mutating func signal(_ index: Int) {
        tasks[index].signals += 1
        if case .busy = tasks[index].agent {
            broken.append("\(tasks[index].id) was signalled at work")
        }
        if tasks[index].signals > 1 { broken.append("\(tasks[index].id) has two signals") }
        tasks[index].agent = .ending(at: now + 2, code: 0)
    }

    private mutating func hear(_ index: Int, _ message: LauncherMessage) {
        guard tasks[index].isLinked else { return }
        if let event = event(message) { heard.append((index, .agent(event))) }
    }

    private func event(_ message: LauncherMessage) -> AgentEvent? {
        switch message {
        case .hello, .silenced, .ping, .renewed, .spoiled: nil
        case .status(let line):
            if case .event(let event) = AgentLog.read(line) { event } else { .unreadable }
        case .unreadable: .unreadable
        case .stopping: .stopping
        case .drained: .drained
        case .busy(let processes): .working(processes: processes)
        case .exited(let code): .exited(code: code)
        }
    }

    // MARK: The sidecar

    private mutating func listen() {
        while !heard.isEmpty {
            let (index, observation) = heard.removeFirst()
            let age = now - tasks[index].bornAt
            guard tasks[index].isRunning,
                let steps = tasks[index].retirement?.observe(
                    observation,
                    at: Instant(sinceOrigin: .seconds(age))
                )
            else { continue }
            for step in steps { perform(step, index) }
        }
    }

    private mutating func perform(_ step: Step, _ index: Int) {
        let fails = fault(setup.failEvery)
        switch step.directive {
        case .protect: heard.append((index, .protection(protect(index, fails: fails))))
        case .unprotect:
            if tasks[index].hasAgent {
                broken.append("\(tasks[index].id) gave its protection away")
            }
            if !fails { tasks[index].protectedUntil = 0 }
            heard.append((index, fails ? .unprotectFailed("lost") : .unprotected))
        case .allowAgent: tasks[index].agentAllowed = true
        case .nameAgent: tell(index, .named("agent"))
        case .nameNext(let number): tell(index, .nextNamed("agent-\(number)"))
        case .drain:
            if step.reason == .outdated {
                roomMade.append((at: now, task: index, revision: primary))
            }
            tell(index, .drainAsked)
        case .release: tell(index, .released)
        case .hold: tell(index, .held)
        case .ledger(let operation): heard.append((index, change(operation, index, fails: fails)))
        case .project: heard.append((index, project(fails: fails)))
        case .compare: heard.append((index, .compared(fails ? nil : comparison(index))))
        case .look:
            let seen = setup.handsOver ? rollout(of: index) : .settled
            heard.append((index, .looked(fails ? nil : seen)))
        case .wakeAt(let instant):
            tasks[index].wakeAt =
                tasks[index].bornAt + Int((instant.sinceOrigin / .seconds(1)).rounded(.up))
        case .watch, .end, .note, .warn, .alarm: break
        }
    }

    private mutating func protect(_ index: Int, fails: Bool) -> ProtectionReport {
        if fails { return .unclear("lost") }
        let others = tasks.indices.count { $0 != index && tasks[$0].lives && isProtected($0) }
        guard others < desired else { return .blocked }
        tasks[index].protectedUntil = now + 7_200
        return .protected(for: .seconds(7_200))
    }

    private mutating func change(
        _ operation: LedgerOperation,
        _ index: Int,
        fails: Bool
    ) -> Observation {
        if fails, chance(1, 2) { return .ledgerFailed("lost") }
        let size = ledger.size
        let report = ledger.apply(
            operation,
            of: tasks[index].id,
            live: Set(living.map { tasks[$0].id }),
            finished: [],
            patience: .seconds(3_600),
            at: time(now),
            limits
        )
        if ledger.size < size, report != .departure(.retired) {
            broken.append("\(operation) of \(tasks[index].id) lowered the service")
        }
        return fails
            ? .ledgerFailed("lost", sizeMayHaveChanged: true)
            : .booked(report, sizeChanged: ledger.size != size)
    }

    private mutating func project(fails: Bool) -> Observation {
        if fails { return .projectionFailed("throttled") }
        switch Projection(LedgerView(ledger, limits), service: .init(desired: desired)) {
        case .agreed, .still, .look: return .projected
        case .hold: return .projectionFailed("held")
        case .write(let count):
            desired = count
            return .projected
        }
    }

    private func comparison(_ index: Int) -> Comparison {
        Comparison(
            ledger,
            limits,
            service: ServiceView(desired: desired),
            running: living.count { tasks[$0].isRunning },
            rollout: rollout(of: index),
            at: time(now)
        )
    }
}
