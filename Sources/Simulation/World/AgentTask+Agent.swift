import Decisions
import Model
import Rules

extension AgentTask {
    /// The agent's process starts, the first one or the next one in its container.
    func startAgent() {
        if agent.state == .gone { agent = VirtualAgent(after: agent) }
        guard agent.state == .absent, !isOver else { return }
        agent.state = .starting
        state(.agentStarted(id))
        world.after(2.seconds...6.seconds) { [self] in
            world.prompt(.startAgent, .task(number)) { [self] in agentStarts() }
        }
    }

    private func agentStarts() {
        guard agent.state == .starting else { return }
        if world.faults[.failedStarts] > 0, service.pool.refusesAgents() {
            world.tell("\(id): its agent is not let in")
            return failAgent(code: 1)
        }
        companion?.agentSays(.registered)
        becomeIdle()
    }

    /// It ends before it waits for a job.
    func failAgent(code: Int32) {
        agent.state = .gone
        state(.agentEnded(id))
        agentGone(code: code)
    }

    private func becomeIdle() {
        agent.state = .idle
        companion?.agentSays(.waiting)
        service.pool.agentIsIdle(self)
    }

    /// A request of the agent brought a job.
    func receive(_ job: HeldJob) {
        let length = job.length + (agent.hasWorked ? 0 : world.setup.coldJob)
        agent.state = .busy
        agent.job = job
        agent.receivedAt = world.now
        agent.jobNumber += 1
        world.tally.received(job.kind, after: world.now - job.wantedAt)
        state(.jobReceived(job.job, id))
        if let former = leftBy { state(.found(job.job, id, left: "what \(former) left")) }
        leftBy = job.job
        world.tell("\(id) receives \(job.job)")
        companion?.agentSays(.received(job.job))
        job.run.received(job) { [self] in finishJob(as: .canceled) }
        let number = agent.jobNumber
        world.after(length) { [self] in
            world.prompt(.finish, .task(self.number)) { [self] in
                if agent.jobNumber == number, agent.job != nil { finishJob(as: .finished) }
            }
        }
    }

    /// The job is over, or was canceled.
    func finishJob(as result: RunLife.JobResult) {
        guard let job = agent.job else { return }
        agent.job = nil
        world.tally.worked(world.now - agent.receivedAt)
        state(.jobEnded(job.job, id))
        agent.state = .pausing
        world.tell("\(id) ends \(job.job)")
        if world.terms.isSingleJob || agent.signals > 0 {
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
        state(.stopSignal(id, count: agent.signals))
        if agent.signals > 1 {
            world.tell("\(id): a second signal ends the agent at once")
            killAgent()
            return agentGone(code: 143)
        }
        switch agent.state {
        case .idle:
            // Its last request may be under way, and bring a job.
            if world.isPrompted {
                world.prompt(.exit, .task(number)) { [self] in
                    if agent.state == .idle { leave() }
                }
            } else if world.happens(.catchesJob) {
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
            state(.agentEnded(id))
            service.pool.agentEnded(self)
            agentGone(code: 0)
        }
    }

    /// The process is gone; the container's first process notices.
    func agentGone(code: Int32) { companion?.agentExited(code: code) }

    /// SIGKILL: the process ends whatever it does.
    func killAgent() {
        guard agent.mayLive else { return }
        service.pool.agentIsNotIdle(self)
        agent.state = .gone
        state(.agentEnded(id))
        defer { service.pool.agentEnded(self) }
        guard let job = agent.job else { return }
        agent.job = nil
        world.tally.worked(world.now - agent.receivedAt)
        world.tell("\(id) is killed and with it \(job.job)")
        if hasOutsideCause {
            state(.doomed(id, cause: "an outside cause"))
        } else {
            world.tally.killedBusy += 1
        }
        state(.jobLost(job.job, id))
    }
}
