import Decisions

/// The agents of one pool and the jobs that wait for them, as a value.
struct AgentPool: Sendable {
    typealias Status = ServerStatus

    struct Agent: Sendable {
        let id: String
        let name: String
        let task: TaskID
        let pid: Int
        let registeredAt: Milliseconds
        var status = Status.idle
        var lastSeen: Milliseconds
        var job: Job?
        var cancel = false
        var endedAt: Milliseconds?
        var busyMilliseconds = 0
        var jobStartedAt: Milliseconds?
        var jobs: [String] = []
    }

    enum Answer: Equatable, Sendable {
        case job(Job)
        case nothing
        /// HCP Terraform has given this agent up; it exits when told so.
        case gone
    }

    enum Change: Equatable, Sendable {
        case status(String, Status)
        case lost(String, Job)
    }

    /// Silence of this length makes an agent unknown (real threshold not documented), and this much
    /// more errored (documented: 5 minutes). Scaled to the stand-in agent's polling interval.
    static let unknownAfter: Milliseconds = 4_000
    static let erroredAfter: Milliseconds = 6_000

    private(set) var agents: [String: Agent] = [:]
    private(set) var queue: [Job] = []

    mutating func enqueue(_ job: Job) { queue.append(job) }

    mutating func register(
        _ id: String,
        name: String,
        task: TaskID,
        pid: Int,
        at now: Milliseconds
    ) {
        agents[id] = Agent(
            id: id,
            name: name,
            task: task,
            pid: pid,
            registeredAt: now,
            lastSeen: now
        )
    }

    /// An idle agent asks for work: the longest waiting job is its.
    mutating func poll(_ id: String, at now: Milliseconds) -> Answer {
        guard alive(id), agents[id]?.job == nil else { return .gone }
        agents[id]?.lastSeen = now
        guard !queue.isEmpty else {
            agents[id]?.status = .idle
            return .nothing
        }
        let job = queue.removeFirst()
        agents[id]?.status = .busy
        agents[id]?.job = job
        agents[id]?.jobStartedAt = now
        agents[id]?.jobs.append(job.key)
        return .job(job)
    }

    /// A busy agent reports; the answer says whether its job was canceled meanwhile.
    mutating func report(_ id: String, at now: Milliseconds) -> (known: Bool, cancel: Bool) {
        guard alive(id) else { return (false, false) }
        agents[id]?.lastSeen = now
        let isBusy = agents[id]?.job != nil
        agents[id]?.status = isBusy ? .busy : .idle
        return (true, agents[id]?.cancel ?? false)
    }

    mutating func cancel(_ key: String) {
        for id in agents.keys where agents[id]?.job?.key == key { agents[id]?.cancel = true }
    }

    /// The agent is done with its job; `nil` when it holds no such job.
    mutating func finish(_ id: String, job key: String, at now: Milliseconds) -> Job? {
        guard alive(id), let job = agents[id]?.job, job.key == key else { return nil }
        agents[id]?.lastSeen = now
        agents[id]?.status = .idle
        release(id, at: now)
        return job
    }

    /// A graceful exit.
    mutating func deregister(_ id: String, at now: Milliseconds) -> [Change] {
        guard alive(id) else { return [] }
        agents[id]?.status = .exited
        agents[id]?.endedAt = now
        guard let job = agents[id]?.job else { return [.status(id, .exited)] }
        release(id, at: now)
        return [.lost(id, job), .status(id, .exited)]
    }

    /// Agents that have been silent become unknown and then errored; a job of an errored agent is
    /// lost.
    mutating func expire(at now: Milliseconds) -> [Change] {
        var changes: [Change] = []
        for id in agents.keys.sorted() {
            guard let agent = agents[id], alive(id) else { continue }
            let silent = now - agent.lastSeen
            if silent > Self.unknownAfter + Self.erroredAfter {
                agents[id]?.status = .errored
                agents[id]?.endedAt = agent.lastSeen
                changes.append(.status(id, .errored))
                if let job = agent.job {
                    release(id, at: agent.lastSeen)
                    changes.append(.lost(id, job))
                }
            } else if silent > Self.unknownAfter && agent.status != .unknown {
                agents[id]?.status = .unknown
                changes.append(.status(id, .unknown))
            }
        }
        return changes
    }

    private func alive(_ id: String) -> Bool {
        guard let status = agents[id]?.status else { return false }
        return status != .errored && status != .exited
    }

    private mutating func release(_ id: String, at now: Milliseconds) {
        let worked = now - (agents[id]?.jobStartedAt ?? now)
        agents[id]?.busyMilliseconds += worked
        agents[id]?.job = nil
        agents[id]?.cancel = false
        agents[id]?.jobStartedAt = nil
    }
}
