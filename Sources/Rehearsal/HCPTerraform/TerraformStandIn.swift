import Curl
import Decisions
import Model
import Rules
import Seeded

/// The HCP Terraform of the rehearsal: one organization, one agent pool, one run task.
///
/// `RunLife`, `AgentPool` and `TaskCall` decide; this actor carries out their effects and serves the
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
        /// Of a run's way, to the run task's address and with its key.
        var sendsNotifications = false
    }

    /// How often and how patiently a run task is called: the real numbers are not documented.
    static let attempts = 8
    static let pace = Pace(first: 500, longest: 60_000)
    static let answerDeadline: Duration = .seconds(10)
    /// A stage without a result is given up after this; the real limit is 10 minutes.
    static let stageDeadline: Duration = .seconds(60)
    static let tick: Duration = .milliseconds(200)
    /// From the start of a plan to its run's cancellation.
    static let cancelDelay: Duration = .milliseconds(500)
    /// In proportion to the stand-in agent's polling interval; really an agent is errored 5 minutes
    /// after it became unknown (HCP Terraform, "Manage agent pools").
    static let patience = AgentPool.Patience(unknown: 4_000, errored: 6_000)

    let settings: Settings
    let time: Timebase
    let journal: PlayJournal
    let agentProcesses: AgentProcesses
    private let client: any HTTPClient
    private var random: SeededRandom
    private var base = ""
    private(set) var endpoint = ""
    var runs: [String: RehearsedRun] = [:]
    /// Run ids in order of their creation.
    var order: [String] = []
    var pool = AgentPool(patience)
    /// By their numbers in the pool.
    var agents: [Int: RegisteredAgent] = [:]
    var requests = TokenBucket.terraformAPI
    private var tasks: [String: RunTaskMessage] = [:]

    init(
        _ settings: Settings,
        client: any HTTPClient,
        time: Timebase,
        journal: PlayJournal,
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
        let body = RunTaskMessage.verificationPayload(base: base)
        let answer = try await post(body)
        guard answer.status == 200 else {
            throw PlayError(description: "the verification request was answered \(answer.status)")
        }
        guard settings.sendsNotifications else { return }
        let verified = try await client.send(request(.verification)).status
        guard (200..<300).contains(verified) else {
            throw PlayError(description: "the notification's verification was answered \(verified)")
        }
    }

    // MARK: - Notifications

    private func request(_ message: RunNotificationMessage) -> HTTPRequest {
        HTTPRequest(
            .post,
            endpoint,
            headers: message.headers(token: settings.hmacKey),
            body: message.body,
            deadline: Self.answerDeadline
        )
    }

    private func notify(of run: RehearsedRun) {
        guard settings.sendsNotifications,
            let message = RunNotificationMessage(
                run,
                organization: settings.organization,
                base: base,
                at: time.text(time.now)
            )
        else { return }
        let draw = Int.random(in: 0..<RunNotificationMessage.oneIn, using: &random)
        let status = run.life.status.rawValue
        if draw == 0 { journal.record(.notified(run: run.id, status: status, result: "lost")) }
        for _ in 0..<(draw == 0 ? 0 : draw == 1 ? 2 : 1) {
            let delay = Int.random(in: 0..<RunNotificationMessage.longestDelay, using: &random)
            Task { [client, request = request(message), journal] in
                try? await Task.sleep(for: .milliseconds(delay))
                let result: String
                do throws(HTTPFailure) {
                    result = "\(try await client.send(request).status)"
                } catch {
                    result = error.description
                }
                journal.record(.notified(run: run.id, status: status, result: result))
            }
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
    func expire(at now: Milliseconds) {
        for number in agents.keys.sorted() { apply(pool.look(at: number, now)) }
    }

    func create(_ run: RehearsedRun) async {
        runs[run.id] = run
        order.append(run.id)
        journal.record(
            .runCreated(run.id, workspace: run.workspace, meant: run.life.outcome)
        )
        notify(of: run)
        handle(.created, of: run.id)
    }

    var allFinal: Bool { runs.values.allSatisfy(\.life.status.isFinal) }

    // MARK: - Runs

    func handle(_ input: RunLife.Input, of id: String) {
        guard var run = runs[id] else { return }
        let before = run.life.status
        let effect = run.handle(input, at: time.now)
        runs[id] = run
        if run.life.status != before {
            journal.record(.runStatus(id, run.life.status, run.life.end))
            notify(of: run)
        }
        if let effect { perform(effect, of: id) }
        // With notifications while its agent boots: without one its announcement would stay.
        let canceledAt: RunLife.Input =
            settings.sendsNotifications ? .taskEnded(.prePlan) : .received(.plan)
        if input == canceledAt, run.life.outcome == .canceled {
            Task {
                try? await Task.sleep(for: Self.cancelDelay)
                self.handle(.canceled, of: id)
            }
        }
    }

    private func perform(_ effect: RunLife.Effect, of id: String) {
        switch effect {
        case .callTask(let stage):
            Task { await self.call(stage, of: id) }
        case .queue(let job): pool.enqueue(job)
        case .withdraw: pool.withdraw(run: id)
        case .interrupt: pool.interrupt(run: id)
        case .awaitDecision:
            Task { [settings] in
                try? await Task.sleep(for: .seconds(settings.approvalSeconds))
                self.handle(.decided, of: id)
            }
        }
    }

    // MARK: - Run tasks

    private func call(_ stage: TaskStage, of id: String) async {
        guard let run = runs[id] else { return }
        let rest = [random.hex(4), random.hex(4), random.hex(4), random.hex(12)]
        // The first group of a UUID is as long as a secret's mark.
        let guid = SecretKind.callback.mark + "-" + rest.joined(separator: "-")
        tasks[guid] = RunTaskMessage(
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
        var call = task.call
        for attempt in 1...Self.attempts {
            let result = await attemptCall(body)
            journal.record(
                .runTask(run: id, stage: stage.rawValue, attempt: attempt, result: result)
            )
            if result == "200" { return }
            try? await Task.sleep(for: .milliseconds(call.failed(Self.pace)))
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
                headers: RunTaskMessage.headers(for: body, key: settings.hmacKey),
                body: body,
                deadline: Self.answerDeadline
            )
        )
    }

    /// The endpoint never answered, or told no result in time; the stage is over.
    private func giveUp(_ guid: String) {
        guard tasks[guid]?.call.told(.unreachable) == true else { return }
        tell(guid)
    }

    /// Answers `PATCH /api/v2/task-results/<guid>/callback`.
    func callback(_ request: WebRequest, guid: String) -> WebResponse {
        guard request.method == "PATCH", let answer = tasks[guid]?.callback(request) else {
            return JSONAPI.error(404, "not found")
        }
        if answer.status == 200 {
            tell(guid)
        } else {
            journal.record(.refusedCall(service: "callback", message: "\(answer.status)"))
        }
        return answer
    }

    /// There is news of a task's result.
    private func tell(_ guid: String) {
        guard let task = tasks[guid] else { return }
        let call = task.call
        journal.record(
            .runTaskResult(
                run: task.run,
                stage: call.stage.rawValue,
                status: call.result.rawValue,
                message: task.message
            )
        )
        if call.result.isFinal { handle(.taskEnded(call.stage), of: task.run) }
    }

    // MARK: - Agents

    func register(name: String, task: TaskID, pid: Int) -> String {
        let id = random.id("agent")
        agentProcesses.register(pid, for: task)
        let number = pool.register(at: time.now)
        agents[number] = RegisteredAgent(
            id: id,
            name: name,
            task: task,
            number: number,
            registeredAt: time.now
        )
        let pid = agentProcesses.pid(of: task) ?? pid
        journal.record(.agentRegistered(task, agent: id, pid: pid, name: name))
        journal.record(.agentStatus(task, agent: id, .idle))
        return id
    }

    func apply(_ changes: [AgentPool.Change]) {
        for change in changes {
            switch change {
            case .status(let number, let status):
                guard let agent = agents[number] else { continue }
                agents[number]?.endedAt = pool.agents[number]?.endedAt
                journal.record(.agentStatus(agent.task, agent: agent.id, status))
                if status == .exited { watchEnd(of: agent) }
            case .lost(let number, let job):
                guard let agent = agents[number] else { continue }
                agents[number]?.ends(at: pool.agents[number]?.endedAt ?? time.now)
                if let job = Job(job) { journal.record(.jobLost(job, agent.task)) }
                handle(.agentLost(job.kind), of: job.run)
            }
        }
    }

    /// A deregistered agent's process ends soon after; only then is the agent gone.
    private func watchEnd(of agent: RegisteredAgent) {
        let pid = agentProcesses.pid(of: agent.task)
        Task { [agentProcesses, journal] in
            while agentProcesses.isAlive(agent.task), !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(20))
                // Its launcher has said by now that it is gone: there is the next one.
                guard agentProcesses.pid(of: agent.task) == pid else { return }
            }
            journal.record(.agentGone(agent.task))
        }
    }
}

extension Job {
    /// The job as agents and ledger call it.
    init?(_ job: PoolJob) { self.init(id: job.run, type: job.kind.rawValue) }
}
