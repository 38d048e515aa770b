/// An agent pool as a value: its agents, and the jobs that wait for one of them (HCP Terraform,
/// "Manage agent pools").
///
/// It has no clock: each call is told the time, and none may be earlier than the one before. Agents
/// are known by numbers, which count from 1 in the order of their registrations.
package struct AgentPool: Hashable, Sendable {
    package enum Status: String, Hashable, Sendable {
        case idle
        case busy
        /// Silent for longer than expected; it may recover.
        case unknown
        /// Unknown for too long; what it worked at is given up.
        case errored
        /// It said that it leaves.
        case exited

        package var isOver: Bool { self == .errored || self == .exited }
    }

    package struct Agent: Hashable, Sendable {
        package let registeredAt: Milliseconds
        package fileprivate(set) var status = Status.idle
        package fileprivate(set) var lastSeen: Milliseconds
        package fileprivate(set) var job: PoolJob?
        /// Its job's run was canceled.
        package fileprivate(set) var isCanceled = false
        /// When it was seen for the last time; nil while it is not over.
        package fileprivate(set) var endedAt: Milliseconds?
    }

    /// What an agent that asks for a job gets.
    package enum Answer: Hashable, Sendable {
        case job(PoolJob)
        case nothing
        /// HCP Terraform has given this agent up; it exits when told so.
        case gone
    }

    package enum Change: Hashable, Sendable {
        case status(Int, Status)
        case lost(Int, PoolJob)
    }

    /// How long an agent may be silent.
    package struct Patience: Hashable, Sendable {
        /// Until it is unknown; the real time is not documented.
        package let unknown: Milliseconds
        /// From then on until it is errored.
        package let errored: Milliseconds

        package init(unknown: Milliseconds, errored: Milliseconds) {
            self.unknown = unknown
            self.errored = errored
        }

        package var whole: Milliseconds { unknown + errored }
    }

    package let patience: Patience
    package private(set) var agents: [Int: Agent] = [:]
    /// Longest waiting first.
    package private(set) var queue: [PoolJob] = []
    private var agentNumber = 0
    private var waiting: [Waiting] = []
    private var awaited = 0

    package init(_ patience: Patience) { self.patience = patience }

    // MARK: Jobs

    package mutating func enqueue(_ job: PoolJob) { queue.append(job) }

    /// The run was canceled while its job waited.
    package mutating func withdraw(run: String) { queue.removeAll { $0.run == run } }

    /// The run was canceled while an agent works for it, which hears of it when it reports.
    package mutating func interrupt(run: String) {
        for (number, agent) in agents where agent.job?.run == run {
            agents[number]?.isCanceled = true
        }
    }

    // MARK: Agents

    /// - Returns: the agent's number.
    package mutating func register(at now: Milliseconds) -> Int {
        agentNumber += 1
        agents[agentNumber] = Agent(registeredAt: now, lastSeen: now)
        return agentNumber
    }

    /// An agent without a job asks for one: it gets the one that waits longest.
    package mutating func ask(_ number: Int, at now: Milliseconds) -> Answer {
        guard let index = alive(number), agents.values[index].job == nil else { return .gone }
        agents.values[index].lastSeen = now
        guard !queue.isEmpty else {
            agents.values[index].status = .idle
            return .nothing
        }
        let job = queue.removeFirst()
        agents.values[index].status = .busy
        agents.values[index].job = job
        return .job(job)
    }

    /// An agent says that it is there.
    ///
    /// - Returns: what is kept of it; nil when HCP Terraform has given it up.
    package mutating func report(_ number: Int, at now: Milliseconds) -> Agent? {
        guard let index = alive(number) else { return nil }
        agents.values[index].lastSeen = now
        agents.values[index].status = agents.values[index].job == nil ? .idle : .busy
        return agents.values[index]
    }

    /// The agent is done with its job; nil when it holds none.
    package mutating func finish(_ number: Int, at now: Milliseconds) -> PoolJob? {
        guard let index = alive(number), let job = agents.values[index].job else { return nil }
        agents.values[index].lastSeen = now
        agents.values[index].status = .idle
        release(index)
        return job
    }

    /// A graceful exit.
    package mutating func deregister(_ number: Int, at now: Milliseconds) -> [Change] {
        guard let index = alive(number) else { return [] }
        return end(number, index, .exited, at: now)
    }

    /// Looks whether an agent has been silent for too long: it becomes unknown and then errored,
    /// and a job of an errored agent is lost.
    package mutating func look(at number: Int, _ now: Milliseconds) -> [Change] {
        guard let index = alive(number) else { return [] }
        let agent = agents.values[index]
        let silent = now - agent.lastSeen
        if silent >= patience.whole { return end(number, index, .errored, at: agent.lastSeen) }
        guard silent >= patience.unknown, agent.status != .unknown else { return [] }
        agents.values[index].status = .unknown
        return [.status(number, .unknown)]
    }

    /// What is over is listed no more.
    package mutating func remove(_ number: Int) { agents[number] = nil }

    private func alive(_ number: Int) -> Dictionary<Int, Agent>.Index? {
        guard let index = agents.index(forKey: number), !agents.values[index].status.isOver else {
            return nil
        }
        return index
    }

    private mutating func end(
        _ number: Int,
        _ index: Dictionary<Int, Agent>.Index,
        _ status: Status,
        at now: Milliseconds
    ) -> [Change] {
        let job = agents.values[index].job
        agents.values[index].status = status
        agents.values[index].endedAt = now
        release(index)
        return (job.map { [.lost(number, $0)] } ?? []) + [.status(number, status)]
    }

    private mutating func release(_ index: Dictionary<Int, Agent>.Index) {
        agents.values[index].job = nil
        agents.values[index].isCanceled = false
    }

    // MARK: Requests in virtual time

    /// An agent that waits for a job: it asks at a moment and in equal steps after it.
    private struct Waiting: Hashable, Sendable {
        let agent: Int
        let since: Milliseconds
        /// Its next request was told by ``nextRequest(every:at:)``.
        var isAwaited = false
    }

    /// Agents that wait for a job and will ask.
    package var waitingAgents: Int { waiting.count }

    /// The agent begins to ask for jobs.
    package mutating func wait(_ number: Int, at now: Milliseconds) {
        waiting.append(Waiting(agent: number, since: now))
    }

    /// The agent asks for none any more, or has one.
    ///
    /// - Returns: whether its next request was told and comes no more.
    package mutating func endWait(_ number: Int) -> Bool {
        guard let place = place(number), waiting.remove(at: place).isAwaited else { return false }
        awaited -= 1
        return true
    }

    /// Its request came and brought nothing.
    package mutating func endRequest(_ number: Int) {
        guard let place = place(number), waiting[place].isAwaited else { return }
        waiting[place].isAwaited = false
        awaited -= 1
    }

    /// Whether its next request was told and has not come yet.
    package func isAwaited(_ number: Int) -> Bool {
        place(number).map { waiting[$0].isAwaited } ?? false
    }

    /// Of all requests only those that can bring a job need be played: the next one of all for each
    /// job in the queue.
    ///
    /// - Returns: one of them that was not told before, if there is any.
    package mutating func nextRequest(
        every step: Milliseconds,
        at now: Milliseconds
    ) -> (agent: Int, at: Milliseconds)? {
        guard awaited < queue.count else { return nil }
        var best: (place: Int, at: Milliseconds)?
        for place in waiting.indices where !waiting[place].isAwaited {
            let since = waiting[place].since
            let at = since + (now - since + step - 1) / step * step
            if at < best?.at ?? .max { best = (place, at) }
        }
        guard let (place, at) = best else { return nil }
        waiting[place].isAwaited = true
        awaited += 1
        return (waiting[place].agent, at)
    }

    private func place(_ number: Int) -> Int? { waiting.firstIndex { $0.agent == number } }
}

/// A piece of a run's work, in a pool's queue or in an agent's hands.
package struct PoolJob: Hashable, Sendable {
    /// As the agent logs it in `job_type`; others than these need no run.
    package enum Kind: String, Hashable, Sendable {
        case plan
        case apply
    }

    package let run: String
    package let kind: Kind
    /// How long an agent works at it.
    package let length: Milliseconds
    /// Since when the run could have gone on with an agent at hand.
    package let wantedAt: Milliseconds

    package init(run: String, kind: Kind, length: Milliseconds, wantedAt: Milliseconds) {
        self.run = run
        self.kind = kind
        self.length = length
        self.wantedAt = wantedAt
    }
}
