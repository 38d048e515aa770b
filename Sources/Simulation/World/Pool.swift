import Decisions
import Model

/// What a policy does for one pool.
protocol Keeper: AnyObject {
    /// What runs in a task.
    func companion(of task: AgentTask) -> any Companion
    /// HCP Terraform calls a run task before and after plans and applies.
    ///
    /// - Parameter done: gets true when the run may go on; false makes HCP Terraform call again.
    func webhook(_ stage: TaskStage, of run: SimulatedRun, done: @escaping (Bool) -> Void)
    /// HCP Terraform notifies of the end of a run.
    func notification(ofEndOf run: SimulatedRun)
}

extension Keeper {
    func companion(of task: AgentTask) -> any Companion { AgentAlone(task) }
    func webhook(_ stage: TaskStage, of run: SimulatedRun, done: @escaping (Bool) -> Void) {
        done(true)
    }
    func notification(ofEndOf run: SimulatedRun) {}
}

/// An agent pool in virtual time: performs what its ``AgentPool`` says, for the runs and the agents
/// of one service.
final class Pool: AgentHost, RunHost {
    let index: Int
    unowned let world: World
    private(set) lazy var service: Service = Service(index, agents: self, world: world) {
        [unowned self] in
        keeper?.companion(of: $0) ?? AgentAlone($0)
    }
    /// It learns at once that an agent is gone, and says so when it gives the job up.
    private var agents = AgentPool(.init(unknown: 0, errored: 5.minutes))
    /// Agents that have registered, by their numbers in the pool.
    private var tasks: [Int: AgentTask] = [:]
    private var tokenOutage = Outage()
    /// Runs that are not over, for those who list them.
    private(set) var runs: [String: SimulatedRun] = [:]
    /// What a policy does for this pool.
    var keeper: (any Keeper)?

    init(index: Int, world: World) {
        self.index = index
        self.world = world
    }

    func close() {
        service.close()
        tasks = [:]
        runs = [:]
        keeper = nil
    }

    /// Runs that are not over though agents come for them.
    var starvedRuns: Int { service.ending == nil ? runs.count : 0 }
    /// Agents that stay without jobs; spare ones stay as well.
    var floor: Int { service.ending == nil ? world.setup.limits.want(jobs: 0) : 0 }
    var queued: Int { agents.queue.count }
    var idleAgents: Int { agents.waitingAgents }
    /// Agents that hold a job.
    var busyAgents: Int { service.tasks.reduce(0) { $0 + ($1.agent.holdsJob ? 1 : 0) } }
    /// Agents that HCP Terraform knows and that have not left it.
    var registeredAgents: Int {
        service.tasks.reduce(0) { $0 + ($1.agent.number != nil && $1.agent.mayLive ? 1 : 0) }
    }
    /// In the order in which they arrived.
    var openRuns: [SimulatedRun] { runs.values.sorted { $0.number < $1.number } }

    func add(_ run: SimulatedRun) { runs[run.id] = run }
    func remove(_ run: SimulatedRun) { runs[run.id] = nil }

    /// HCP Terraform lets no agent in at the moment.
    func refusesAgents() -> Bool {
        world.isAway(&tokenOutage, .failedStarts)
    }

    func call(_ stage: TaskStage, of run: SimulatedRun, done: @escaping (Bool) -> Void) {
        guard let keeper else { return done(true) }
        keeper.webhook(stage, of: run, done: done)
    }

    func tellEnd(of run: SimulatedRun) { keeper?.notification(ofEndOf: run) }

    // MARK: The queue

    func enqueue(_ job: PoolJob) {
        agents.enqueue(job)
        planPolls()
    }

    func withdraw(_ run: SimulatedRun) { agents.withdraw(run: run.id) }

    // MARK: Agents

    /// An agent waits for a job; the first time it registers.
    func agentIsIdle(_ task: AgentTask) {
        let number = task.agent.number ?? agents.register(at: world.now)
        task.agent.number = number
        tasks[number] = task
        agents.wait(number, at: world.now)
        planPolls()
    }

    func agentIsNotIdle(_ task: AgentTask) {
        if let number = task.agent.number, agents.endWait(number) { planPolls() }
    }

    /// An agent asks for a job.
    func takeJob(_ task: AgentTask) -> HeldJob? {
        guard let number = task.agent.number,
            case .job(let job) = agents.ask(number, at: world.now),
            let run = runs[job.run], let known = run.job(job.kind)
        else { return nil }
        return HeldJob(
            job: known,
            kind: job.kind,
            run: run,
            length: job.length,
            wantedAt: job.wantedAt
        )
    }

    /// A script says which of the waiting jobs an agent is given.
    ///
    /// - Returns: false where that one does not wait, or the agent asks for none.
    func give(_ run: String, to task: AgentTask) -> Bool {
        guard let job = agents.queue.first(where: { $0.run == run }), task.agent.state == .idle
        else { return false }
        agents.withdraw(run: run)
        let others = agents.queue
        for other in others { agents.withdraw(run: other.run) }
        for next in [job] + others { agents.enqueue(next) }
        agentIsNotIdle(task)
        guard let held = takeJob(task) else { return false }
        task.receive(held)
        return true
    }

    /// An agent says what became of its job.
    func finished(_ job: HeldJob, as result: RunLife.JobResult, by task: AgentTask) {
        guard let number = task.agent.number, let done = agents.finish(number, at: world.now)
        else { return }
        job.run.handle(.jobEnded(done.kind, result))
    }

    /// The agent's process is gone. One that held a job has told nobody: HCP Terraform gives it and
    /// the job up after a while.
    func agentEnded(_ task: AgentTask) {
        guard let number = task.agent.number else { return }
        tasks[number] = nil
        guard let known = agents.report(number, at: world.now), known.job != nil else {
            return agents.remove(number)
        }
        world.tally.lostRuns += 1
        world.after(agents.patience.whole) { [self] in
            for case .lost(_, let job) in agents.look(at: number, world.now) {
                runs[job.run]?.handle(.agentLost(job.kind))
            }
            agents.remove(number)
        }
    }

    func planPolls() {
        guard !world.isPrompted else { return }
        while let next = agents.nextRequest(every: world.setup.agentPoll, at: world.now) {
            guard let task = tasks[next.agent] else { return }
            let jobNumber = task.agent.jobNumber
            world.after(next.at - world.now + world.chance.within(50...300)) { [self] in
                poll(task, next.agent, jobNumber)
            }
        }
    }

    private func poll(_ task: AgentTask, _ number: Int, _ jobNumber: Int) {
        guard agents.isAwaited(number), task.agent.state == .idle,
            task.agent.jobNumber == jobNumber
        else { return }
        // One that has had its signal asks no more; what its last request brings is drawn there.
        guard task.agent.signals == 0, let job = takeJob(task) else {
            agents.endRequest(number)
            if task.agent.signals == 0 { planPolls() }
            return
        }
        agentIsNotIdle(task)
        task.receive(job)
    }
}
