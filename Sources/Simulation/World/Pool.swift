import Decisions
import Model

/// A job in the pool's queue or in an agent's hands.
final class PoolJob {
    let job: Job
    let run: Run
    let length: Milliseconds
    /// Since when the run could have gone on with an agent at hand.
    let wantedAt: Milliseconds

    init(_ job: Job, of run: Run, length: Milliseconds, wantedAt: Milliseconds) {
        self.job = job
        self.run = run
        self.length = length
        self.wantedAt = wantedAt
    }
}

/// An agent pool of HCP Terraform: a queue of jobs, and agents that ask for one now and then.
final class Pool {
    let index: Int
    unowned let world: World
    private(set) lazy var service = Service(pool: self, world: world)
    private var queue: [PoolJob] = []
    private var idle: [AgentTask] = []
    private var pollsPlanned = 0
    private var tokenOutage = Outage()
    /// Runs that are not over, for those who list them.
    private(set) var runs: [String: Run] = [:]
    /// What the policy keeps for this pool.
    var state: AnyObject?

    init(index: Int, world: World) {
        self.index = index
        self.world = world
    }

    func close() {
        service.close()
        queue = []
        idle = []
        runs = [:]
        state = nil
    }

    /// Runs that are not over though agents come for them.
    var starvedRuns: Int { service.ending == nil ? runs.count : 0 }
    /// Agents that stay without jobs; spare ones stay as well.
    var floor: Int { service.ending == nil ? world.setup.limits.want(jobs: 0) : 0 }
    var queued: Int { queue.count }
    var idleAgents: Int { idle.count }
    /// Agents that hold a job.
    var busyAgents: Int { service.tasks.reduce(0) { $0 + ($1.agent.holdsJob ? 1 : 0) } }
    /// In the order in which they arrived.
    var openRuns: [Run] { runs.values.sorted { $0.number < $1.number } }

    /// Runs that an agent works for or that wait for one, as a list of runs tells it.
    var runsThatNeedAgent: Int { runs.values.reduce(0) { $0 + ($1.needsAgent ? 1 : 0) } }

    func add(_ run: Run) { runs[run.id] = run }
    func remove(_ run: Run) { runs[run.id] = nil }

    /// HCP Terraform lets no agent in at the moment.
    func refusesAgents() -> Bool {
        world.isAway(&tokenOutage, .failedStarts)
    }

    // MARK: The queue

    func enqueue(_ job: PoolJob) {
        queue.append(job)
        planPolls()
    }

    /// The run was canceled while its job waited.
    func withdraw(_ job: PoolJob) {
        queue.removeAll { $0 === job }
    }

    func takeJob() -> PoolJob? {
        queue.isEmpty ? nil : queue.removeFirst()
    }

    // MARK: Agents

    func agentIsIdle(_ task: AgentTask) {
        idle.append(task)
        planPolls()
    }

    func agentIsNotIdle(_ task: AgentTask) {
        guard let index = idle.firstIndex(where: { $0 === task }) else { return }
        idle.remove(at: index)
        if task.agent.pollPlanned {
            task.agent.pollPlanned = false
            pollsPlanned -= 1
            planPolls()
        }
    }

    /// Idle agents ask at fixed moments. Only those requests are played that can bring a job: for
    /// each job in the queue the next request of all.
    private func planPolls() {
        while pollsPlanned < queue.count {
            var best: (task: AgentTask, at: Milliseconds)?
            for task in idle where !task.agent.pollPlanned {
                let at = nextPoll(of: task)
                if at < best?.at ?? .max { best = (task, at) }
            }
            guard let (task, at) = best else { return }
            task.agent.pollPlanned = true
            pollsPlanned += 1
            let number = task.agent.jobNumber
            world.after(at - world.now + world.chance.within(50...300)) { [self] in
                poll(task, number)
            }
        }
    }

    private func nextPoll(of task: AgentTask) -> Milliseconds {
        let every = world.setup.agentPoll
        let waited = world.now - task.agent.polledAt
        return task.agent.polledAt + (waited + every - 1) / every * every
    }

    private func poll(_ task: AgentTask, _ number: Int) {
        guard task.agent.pollPlanned, task.agent.state == .idle, task.agent.jobNumber == number
        else { return }
        // One that has had its signal asks no more; what its last request brings is drawn there.
        guard task.agent.signals == 0, let job = takeJob() else {
            task.agent.pollPlanned = false
            pollsPlanned -= 1
            if task.agent.signals == 0 { planPolls() }
            return
        }
        agentIsNotIdle(task)
        task.receive(job)
    }
}
