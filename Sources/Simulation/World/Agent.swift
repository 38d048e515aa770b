import AgentLink
import Decisions
import Model

/// `tfc-agent` as HashiCorp documents it: one job at a time, a first signal to finish and leave, a
/// second one to drop everything (HCP Terraform agents, "Stop the agent").
struct Agent {
    enum State {
        /// Its container has not started.
        case absent
        case starting
        case idle
        case busy
        /// Between a job and the request for the next one.
        case pausing
        /// Deregisters; takes no job.
        case leaving
        case gone
    }

    var state = State.absent
    var signals = 0
    var job: HeldJob?
    var receivedAt: Milliseconds = 0
    /// In its pool, from its registration on.
    var number: Int?
    /// Told apart from the callbacks of an earlier job.
    var jobNumber = 0

    /// A process that lives, or is about to.
    var mayLive: Bool { state != .absent && state != .gone }
    /// Any state in which killing it costs a run.
    var holdsJob: Bool { job != nil }
}

/// One of the agent's status lines (HCP Terraform agents, "Logging").
enum AgentLine {
    case registered
    case waiting
    case received(Job)

    private static let registeredText = "core: \(StatusPhrase.registered.words) with HCP Terraform"
    private static let waitingText = "core: \(StatusPhrase.waiting.words)"
    private static let receivedText = "core: \(StatusPhrase.jobReceived.words): "

    var text: String {
        switch self {
        case .registered: Self.registeredText
        case .waiting: Self.waitingText
        case .received(let job):
            "\(Self.receivedText)job_type=\(job.type) job_id=\(job.id)"
        }
    }
}

extension AgentTask {
    /// The agent's process starts.
    func startAgent() {
        guard agent.state == .absent, !isOver else { return }
        agent.state = .starting
        world.rules?.agentStarted(self)
        world.after(2.seconds...6.seconds) { [self] in
            guard agent.state == .starting else { return }
            if world.faults[.failedStarts] > 0, service.pool.refusesAgents() {
                world.tell("\(id): its agent is not let in")
                agent.state = .gone
                world.rules?.agentEnded(self)
                return agentGone(code: 1)
            }
            companion?.agentSays(.registered)
            becomeIdle()
        }
    }

    private func becomeIdle() {
        agent.state = .idle
        companion?.agentSays(.waiting)
        service.pool.agentIsIdle(self)
    }

    /// A request of the agent brought a job.
    func receive(_ job: HeldJob) {
        agent.state = .busy
        agent.job = job
        agent.receivedAt = world.now
        agent.jobNumber += 1
        world.tally.received(job, at: world.now)
        world.rules?.received(job, by: self)
        world.tell("\(id) receives \(job.job)")
        companion?.agentSays(.received(job.job))
        job.run.received(job, by: self)
        let number = agent.jobNumber
        world.after(job.length) { [self] in
            if agent.jobNumber == number, agent.job != nil { finishJob(as: .finished) }
        }
    }

    /// The job is over, or was canceled.
    func finishJob(as result: RunLife.JobResult) {
        guard let job = agent.job else { return }
        agent.job = nil
        world.tally.worked(world.now - agent.receivedAt)
        world.rules?.ended(job, by: self)
        agent.state = .pausing
        world.tell("\(id) ends \(job.job)")
        if world.policy.isSingleJob(world.setup) || agent.signals > 0 {
            leave()
        } else {
            let number = agent.jobNumber
            world.after(200...3.seconds) { [self] in
                if agent.state == .pausing, agent.jobNumber == number { becomeIdle() }
            }
        }
        service.pool.finished(job, as: result, by: self)
    }

    /// SIGTERM, or one like it.
    func signalAgent() {
        guard agent.mayLive else { return }
        agent.signals += 1
        world.rules?.signalled(self)
        if agent.signals > 1 {
            world.tell("\(id): a second signal ends the agent at once")
            killAgent()
            return agentGone(code: 143)
        }
        switch agent.state {
        case .idle:
            // Its last request may be under way, and bring a job.
            if world.happens(.catchesJob) {
                world.after(50...600) { [self] in
                    guard agent.state == .idle else { return }
                    service.pool.agentIsNotIdle(self)
                    if let job = service.pool.takeJob(self) { receive(job) } else { leave() }
                }
            } else {
                leave()
            }
        case .pausing, .starting: leave()
        case .absent, .busy, .leaving, .gone: break
        }
    }

    private func leave() {
        service.pool.agentIsNotIdle(self)
        agent.state = .leaving
        world.after(300...2.seconds) { [self] in
            guard agent.state == .leaving else { return }
            agent.state = .gone
            world.rules?.agentEnded(self)
            service.pool.agentEnded(self)
            agentGone(code: 0)
        }
    }

    /// The process is gone; the container's first process notices.
    func agentGone(code: Int32) {
        if let companion {
            companion.agentExited(code: code)
        } else {
            containerEnded()
        }
    }

    /// SIGKILL: the process ends whatever it does.
    func killAgent() {
        guard agent.mayLive else { return }
        service.pool.agentIsNotIdle(self)
        agent.state = .gone
        world.rules?.agentEnded(self)
        defer { service.pool.agentEnded(self) }
        guard let job = agent.job else { return }
        agent.job = nil
        world.tally.worked(world.now - agent.receivedAt)
        world.tell("\(id) is killed and with it \(job.job)")
        world.tally.killed(outside: hasOutsideCause)
        world.rules?.jobLost(job, with: self)
    }
}
