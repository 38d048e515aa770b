import Curl
import Decisions
import Rules
import Seeded

/// The HCP Terraform of the rehearsal: one organization, one agent pool, one run task.
///
/// `Run`, `AgentPool` and `RunTask` decide; this actor carries out their effects and serves the
/// agents and the API.
actor TerraformStandIn {
    struct Settings: Sendable {
        var organization = "rehearsal"
        var poolID: String
        var poolName = "ecs"
        var agentToken: String
        var apiToken: String
        var hmacKey: String
        /// Between a plan and its confirmation, as if by a person.
        var approvalSeconds: Double
    }

    /// How often and how patiently a run task is called: the real numbers are not documented.
    static let attempts = 8
    static let firstBackOff: Duration = .milliseconds(500)
    static let answerDeadline: Duration = .seconds(10)
    /// A stage without a result is given up after this; the real limit is 10 minutes.
    static let stageDeadline: Duration = .seconds(60)
    static let tick: Duration = .milliseconds(200)

    let settings: Settings
    let time: Timebase
    let journal: Journal
    let agentProcesses: AgentProcesses
    private let client: any HTTPClient
    private var random: SeededRandom
    private var base = ""
    private var endpoint = ""
    var runs: [String: Run] = [:]
    /// Run ids in order of their creation.
    var order: [String] = []
    var pool = AgentPool()
    var rateLimit = RateLimit()
    private var tasks: [String: RunTask] = [:]

    init(
        _ settings: Settings,
        client: any HTTPClient,
        time: Timebase,
        journal: Journal,
        agents: AgentProcesses,
        random: SeededRandom
    ) {
        self.settings = settings
        self.client = client
        self.time = time
        self.journal = journal
        agentProcesses = agents
        self.random = random
    }

    /// Sets the own address and the run task's, and sends the verification request.
    func createRunTask(base: String, endpoint: String) async throws {
        self.base = base
        self.endpoint = endpoint
        let body = RunTask.verificationPayload(base: base)
        let answer = try await post(body)
        guard answer.status == 200 else {
            throw PlayError(description: "the verification request was answered \(answer.status)")
        }
    }

    /// Watches for agents that fell silent, until cancelled.
    func watch() async {
        while !Task.isCancelled {
            expire(at: time.now)
            try? await Task.sleep(for: Self.tick)
        }
    }

    /// Takes notice of agents that have been silent for too long.
    func expire(at now: Milliseconds) { apply(pool.expire(at: now)) }

    func create(_ run: Run) async {
        runs[run.id] = run
        order.append(run.id)
        journal.record(
            .runCreated(run.id, workspace: run.workspace, plan: run.script.rawValue)
        )
        handle(.created, of: run.id)
    }

    var allFinal: Bool { runs.values.allSatisfy(\.phase.isFinal) }

    // MARK: - Runs

    func handle(_ input: Run.Input, of id: String) {
        guard let before = runs[id]?.phase, let effects = runs[id]?.handle(input, at: time.now)
        else { return }
        if let run = runs[id], run.phase != before {
            journal.record(.runPhase(id, run.phase, note: run.note))
        }
        for effect in effects { perform(effect, of: id) }
    }

    private func perform(_ effect: Run.Effect, of id: String) {
        switch effect {
        case .callRunTask(let stage):
            Task { await self.call(stage, of: id) }
        case .enqueue(let job):
            pool.enqueue(job)
        case .awaitConfirmation:
            Task { [settings] in
                try? await Task.sleep(for: .seconds(settings.approvalSeconds))
                self.handle(.confirmed, of: id)
            }
        case .cancelSoon:
            Task {
                try? await Task.sleep(for: .milliseconds(500))
                self.pool.cancel("\(id)/plan")
            }
        }
    }

    // MARK: - Run tasks

    private func call(_ stage: Run.Stage, of id: String) async {
        guard let run = runs[id] else { return }
        let rest = [random.hex(4), random.hex(4), random.hex(4), random.hex(12)]
        // The first group of a UUID is as long as a secret's mark.
        let guid = SecretKind.callback.mark + "-" + rest.joined(separator: "-")
        tasks[guid] = RunTask(
            run: id,
            stage: stage,
            resultID: random.id("taskrs"),
            accessToken: SecretKind.accessToken.make(60, from: &random),
            guid: guid
        )
        guard let task = tasks[guid] else { return }
        let body = task.payload(
            workspace: run.workspace,
            organization: settings.organization,
            planOnly: run.isPlanOnly,
            base: base,
            createdAt: time.text(time.now)
        )
        Task {
            try? await Task.sleep(for: Self.stageDeadline)
            self.giveUp(guid)
        }
        var wait = Self.firstBackOff
        for attempt in 1...Self.attempts {
            let result = await attemptCall(body)
            journal.record(
                .runTask(run: id, stage: stage.rawValue, attempt: attempt, result: result)
            )
            if result == "200" { return }
            try? await Task.sleep(for: wait)
            wait *= 2
        }
        giveUp(guid)
    }

    private func attemptCall(_ body: [UInt8]) async -> String {
        do {
            return "\(try await post(body).status)"
        } catch {
            return error.description
        }
    }

    private func post(_ body: [UInt8]) async throws(HTTPFailure) -> HTTPResponse {
        try await client.send(
            HTTPRequest(
                .post,
                endpoint,
                headers: RunTask.headers(for: body, key: settings.hmacKey),
                body: body,
                deadline: Self.answerDeadline
            )
        )
    }

    private func giveUp(_ guid: String) {
        guard let task = tasks[guid], !task.state.isFinal else { return }
        tasks[guid]?.giveUp()
        journal.record(
            .runTaskResult(
                run: task.run,
                stage: task.stage.rawValue,
                status: "unreachable",
                message: ""
            )
        )
        handle(.stageDone(task.stage), of: task.run)
    }

    /// Answers `PATCH /api/v2/task-results/<guid>/callback`.
    func callback(_ request: WebRequest, guid: String) -> WebResponse {
        guard tasks[guid] != nil, request.method == "PATCH",
            let answer = tasks[guid]?.callback(request)
        else { return JSONAPI.error(404, "not found") }
        guard answer.status == 200, let task = tasks[guid] else {
            journal.record(.refusedCall(service: "callback", message: "\(answer.status)"))
            return answer
        }
        journal.record(
            .runTaskResult(
                run: task.run,
                stage: task.stage.rawValue,
                status: task.state.rawValue,
                message: task.message
            )
        )
        if task.state.isFinal { handle(.stageDone(task.stage), of: task.run) }
        return answer
    }

    // MARK: - Agents

    func register(name: String, task: TaskID, pid: Int) -> String {
        let id = random.id("agent")
        agentProcesses.set(pid, for: task)
        pool.register(id, name: name, task: task, pid: pid, at: time.now)
        journal.record(.agentRegistered(task, agent: id, pid: pid, name: name))
        journal.record(.agentStatus(task, agent: id, .idle))
        return id
    }

    func apply(_ changes: [AgentPool.Change]) {
        for change in changes {
            switch change {
            case .status(let id, let status):
                guard let agent = pool.agents[id] else { continue }
                journal.record(.agentStatus(agent.task, agent: id, status))
                if status == .exited { watchEnd(of: agent) }
            case .lost(let id, let job):
                guard let agent = pool.agents[id] else { continue }
                journal.record(.jobLost(job.key, agent.task, agent: id))
                handle(.agentLost(job.kind), of: job.run)
            }
        }
    }

    /// A deregistered agent's process ends soon after; only then is the agent gone.
    private func watchEnd(of agent: AgentPool.Agent) {
        Task { [agentProcesses, journal] in
            while agentProcesses.isAlive(agent.task) && !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(20))
            }
            journal.record(.agentGone(agent.task))
        }
    }
}
