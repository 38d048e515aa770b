import Decisions
import FoundationEssentials
import Model

/// What HCP Terraform serves: the agents' protocol (this project's own, since the real one is not
/// documented), run task callbacks and the documented API.
extension TerraformStandIn {
    /// Answers requests below `/api/agent/` and `/api/v2/`.
    func answer(_ request: WebRequest) -> WebResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.count >= 3 else { return JSONAPI.error(404, "not found") }
        if parts[1] == "agent" { return agent(request, parts.dropFirst(2).joined(separator: "/")) }
        if parts[2] == "task-results", parts.count == 5, parts[4] == "callback" {
            return callback(request, guid: parts[3])
        }
        return api(request, Array(parts.dropFirst(2)))
    }

    // MARK: - Agents

    private func agent(_ request: WebRequest, _ verb: String) -> WebResponse {
        guard request.bearer == settings.agentToken else { return WebResponse(401, [:]) }
        guard request.method == "POST", let body = JSON(parsing: request.body) else {
            return WebResponse(400, [:])
        }
        if verb == "register" { return register(body) }
        guard let agent = agent(body["agent_id"]?.string) else { return WebResponse(404, [:]) }
        let before = pool.agents[agent.number]?.status
        let answer: WebResponse
        switch verb {
        case "jobs/next": answer = next(agent)
        case "jobs/finish": answer = finish(agent, body)
        case "status":
            let known = pool.report(agent.number, at: time.now)
            answer = known.map { WebResponse(200, ["cancel": .bool($0.isCanceled)]) } ?? Self.gone
        case "deregister":
            apply(pool.deregister(agent.number, at: time.now))
            return WebResponse(200, [:])
        default: return WebResponse(404, [:])
        }
        if let now = pool.agents[agent.number]?.status, now != before {
            journal.record(.agentStatus(agent.task, agent: agent.id, now))
        }
        return answer
    }

    private static let gone = WebResponse(410, [:])

    private func agent(_ id: String?) -> RegisteredAgent? { agents.values.first { $0.id == id } }

    private func register(_ body: JSON) -> WebResponse {
        guard let task = body["task"]?.string, let pid = body["pid"]?.int else {
            return WebResponse(422, [:])
        }
        let id = register(name: body["name"]?.string ?? "", task: TaskID(task), pid: pid)
        return WebResponse(
            200,
            ["agent_id": .string(id), "agent_pool_id": .string(settings.poolID)]
        )
    }

    private func next(_ agent: RegisteredAgent) -> WebResponse {
        switch pool.ask(agent.number, at: time.now) {
        case .gone: return Self.gone
        case .nothing: return WebResponse(204)
        case .job(let job):
            if let known = Job(job) {
                agents[agent.number]?.begins(known, at: time.now)
                journal.record(.jobStarted(known, agent.task, agent: agent.id))
            }
            handle(.received(job.kind), of: job.run)
            return WebResponse(
                200,
                [
                    "job_id": .string(job.run), "job_type": .string(job.kind.rawValue),
                    "seconds": .number(Double(job.length) / 1000),
                ]
            )
        }
    }

    private func finish(_ agent: RegisteredAgent, _ body: JSON) -> WebResponse {
        let result = body["result"]?.string.flatMap(RunLife.JobResult.init) ?? .errored
        let held = pool.agents[agent.number]?.job
        guard held?.run == body["job_id"]?.string, held?.kind.rawValue == body["job_type"]?.string,
            let job = pool.finish(agent.number, at: time.now)
        else { return Self.gone }
        agents[agent.number]?.ends(at: time.now)
        if let known = Job(job) {
            journal.record(.jobEnded(known, agent.task, agent: agent.id, result))
        }
        handle(.jobEnded(job.kind, result), of: job.run)
        return WebResponse(200, [:])
    }

    // MARK: - API

    private func api(_ request: WebRequest, _ path: [String]) -> WebResponse {
        guard request.bearer == settings.apiToken else { return JSONAPI.error(401, "unauthorized") }
        guard requests.take(at: time.now) else {
            let tenths = (requests.wait(at: time.now) + 99) / 100
            return JSONAPI.throttled(resetSeconds: Double(tenths) / 10)
        }
        guard request.method == "GET" else { return JSONAPI.error(404, "not found") }
        journal.record(.apiCall(service: "HCP Terraform"))
        let query = JSONAPI.parameters(request.query)
        switch path {
        case ["organizations", settings.organization, "runs"]: return runs(query)
        case ["agent-pools", settings.poolID]:
            return one("agent-pools", settings.poolID, ["name": .string(settings.poolName)])
        case _ where path.first == "workspaces" && path.count == 3 && path[2] == "tasks":
            return JSONAPI.page([attachment], query: query)
        case ["organizations", settings.organization, "tasks"]:
            return JSONAPI.page([runTask], query: query)
        case ["organizations", settings.organization, "entitlement-set"]:
            return one("entitlement-sets", path[1], ["agents": true, "run-tasks": true])
        case ["organizations", settings.organization, "subscription"]:
            return one("subscriptions", path[1], ["agents-ceiling": .int(Self.allowance)])
        case ["agent-pools", settings.poolID, "agents"]:
            let all = agents.values.sorted { $0.number < $1.number }
            let since = query["filter[last-ping-since]"].flatMap {
                try? Date.ISO8601FormatStyle().parse($0)
            }
            let recent = all.filter { agent in
                since.map { time.date(pool.agents[agent.number]?.lastSeen ?? 0) >= $0 } ?? true
            }
            return JSONAPI.page(recent.map(resource), query: query)
        case ["runs", path.last ?? ""]:
            guard let run = runs[path[1]] else { return JSONAPI.error(404, "not found") }
            return WebResponse(200, ["data": resource(run)], contentType: JSONAPI.type)
        case ["organizations", settings.organization, "workspaces", path.last ?? ""]:
            guard runs.values.contains(where: { $0.workspace == path[3] }) else {
                return JSONAPI.error(404, "not found")
            }
            return WebResponse(200, ["data": workspace(path[3])], contentType: JSONAPI.type)
        case ["agents", path.last ?? ""]:
            guard let agent = agent(path[1]) else { return JSONAPI.error(404, "not found") }
            return WebResponse(200, ["data": resource(agent)], contentType: JSONAPI.type)
        default: return JSONAPI.error(404, "not found")
        }
    }

    /// Agents that the organization may have: more than any rehearsal has.
    private static let allowance = 1_000
    private static let runTaskID = "task-rehearsal"

    private func one(_ type: JSON, _ id: String, _ attributes: JSON) -> WebResponse {
        let data: JSON = ["id": .string(id), "type": type, "attributes": attributes]
        return WebResponse(200, ["data": data], contentType: JSONAPI.type)
    }

    private var runTask: JSON {
        [
            "id": .string(Self.runTaskID), "type": "tasks",
            "attributes": [
                "name": "rehearsal", "url": .string(endpoint), "enabled": true,
                "category": "task",
            ],
        ]
    }

    /// Every workspace has the run task, at every stage.
    private var attachment: JSON {
        [
            "id": "wstask-rehearsal", "type": "workspace-tasks",
            "attributes": ["stages": .array(TaskStage.allCases.map { .string($0.rawValue) })],
            "relationships": [
                "task": ["data": ["id": .string(Self.runTaskID), "type": "tasks"]]
            ],
        ]
    }

    private func runs(_ query: [String: String]) -> WebResponse {
        let known = [
            "filter[agent_pool_names]", "filter[status_group]", "filter[status]",
            "filter[operation]",
        ]
        if query.keys.contains(where: { $0.hasPrefix("filter") && !known.contains($0) }) {
            return JSONAPI.error(400, "a filter that is not rehearsed")
        }
        let pools = query["filter[agent_pool_names]"]?.split(separator: ",").map(String.init)
        let statuses = query["filter[status]"]?.split(separator: ",").map(String.init)
        // Plans alone are left out of a workspace's list unless they are asked for; of this list it
        // is not said, so they are here as well.
        let operations = query["filter[operation]"]?.split(separator: ",").map(String.init)
        let listsPlans = operations?.contains("plan_only") ?? false
        let found = order.reversed().compactMap { runs[$0] }.filter { run in
            let group = query["filter[status_group]"]
            return (pools?.contains(settings.poolName) ?? true)
                && (listsPlans || !run.isPlanOnly)
                && (statuses?.contains(run.life.status.rawValue) ?? true)
                && (group == nil || (group == "final") == run.life.status.isFinal)
        }
        return JSONAPI.page(found.map(resource), query: query, totals: false)
    }

    /// Every workspace of the rehearsal runs on its one agent pool.
    private func workspace(_ name: String) -> JSON {
        [
            "id": .string("ws-\(name)"), "type": "workspaces",
            "attributes": ["name": .string(name), "execution-mode": "agent"],
            "relationships": [
                "agent-pool": [
                    "data": ["id": .string(settings.poolID), "type": "agent-pools"]
                ]
            ],
        ]
    }

    private func resource(_ run: RehearsedRun) -> JSON {
        [
            "id": .string(run.id), "type": "runs",
            "attributes": [
                "status": .string(run.life.status.rawValue), "plan-only": .bool(run.isPlanOnly),
                "created-at": .string(time.text(run.history.first?.at ?? 0)),
            ],
            "relationships": [
                "workspace": [
                    "data": ["id": .string("ws-\(run.workspace)"), "type": "workspaces"]
                ]
            ],
        ]
    }

    private func resource(_ agent: RegisteredAgent) -> JSON {
        let known = pool.agents[agent.number]
        return [
            "id": .string(agent.id), "type": "agents",
            "attributes": [
                "name": agent.name.isEmpty ? nil : .string(agent.name),
                "status": .optional(known?.status.rawValue), "ip-address": "127.0.0.1",
                "last-ping-at": .optional((known?.lastSeen).map(time.text)),
                "created-at": .string(time.text(agent.registeredAt)),
            ],
            "links": ["self": .string("/api/v2/agents/\(agent.id)")],
        ]
    }
}
