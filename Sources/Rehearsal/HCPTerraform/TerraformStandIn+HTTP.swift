import Decisions
import FoundationEssentials

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
        guard let id = body["agent_id"]?.string, let agent = pool.agents[id] else {
            return WebResponse(404, [:])
        }
        switch verb {
        case "jobs/next": return next(id, agent)
        case "jobs/finish": return finish(id, agent, body)
        case "status":
            let (known, cancel) = pool.report(id, at: time.now)
            changed(agent)
            return known ? WebResponse(200, ["cancel": .bool(cancel)]) : WebResponse(410, [:])
        case "deregister":
            apply(pool.deregister(id, at: time.now))
            return WebResponse(200, [:])
        default: return WebResponse(404, [:])
        }
    }

    private func register(_ body: JSON) -> WebResponse {
        guard let task = body["task"]?.string, let pid = body["pid"]?.int else {
            return WebResponse(422, [:])
        }
        let id = register(name: body["name"]?.string ?? "", task: task, pid: pid)
        return WebResponse(
            200,
            ["agent_id": .string(id), "agent_pool_id": .string(settings.poolID)]
        )
    }

    private func next(_ id: String, _ agent: AgentPool.Agent) -> WebResponse {
        switch pool.poll(id, at: time.now) {
        case .gone: return WebResponse(410, [:])
        case .nothing:
            changed(agent)
            return WebResponse(204)
        case .job(let job):
            changed(agent)
            journal.record(.jobStarted(job.key, agent.task, agent: id))
            handle(.dispatched(job.kind), of: job.run)
            return WebResponse(
                200,
                [
                    "job_id": .string(job.run), "job_type": .string(job.kind.rawValue),
                    "seconds": .number(job.seconds),
                ]
            )
        }
    }

    private func finish(_ id: String, _ agent: AgentPool.Agent, _ body: JSON) -> WebResponse {
        let key = "\(body["job_id"]?.string ?? "")/\(body["job_type"]?.string ?? "")"
        let result = body["result"]?.string.flatMap(Run.JobResult.init) ?? .errored
        guard let job = pool.finish(id, job: key, at: time.now) else {
            return WebResponse(410, [:])
        }
        changed(agent)
        journal.record(.jobEnded(key, agent.task, agent: id, result: result.rawValue))
        handle(.jobDone(job.kind, result), of: job.run)
        return WebResponse(200, [:])
    }

    /// Tells the journal when the status is another than before.
    private func changed(_ before: AgentPool.Agent) {
        guard let now = pool.agents[before.id]?.status, now != before.status else { return }
        journal.record(.agentStatus(before.task, agent: before.id, now))
    }

    // MARK: - API

    private func api(_ request: WebRequest, _ path: [String]) -> WebResponse {
        guard request.bearer == settings.apiToken else { return JSONAPI.error(401, "unauthorized") }
        if let refusal = rateLimit.take(at: time.now) { return refusal }
        guard request.method == "GET" else { return JSONAPI.error(404, "not found") }
        journal.record(
            .apiCall(service: "HCP Terraform", operation: path.first ?? "", caller: "?")
        )
        let query = JSONAPI.parameters(request.query)
        switch path {
        case ["organizations", settings.organization, "runs"]: return runs(query)
        case ["agent-pools", settings.poolID, "agents"]:
            let all = pool.agents.values.sorted { $0.registeredAt < $1.registeredAt }
            let since = query["filter[last-ping-since]"].flatMap {
                try? Date.ISO8601FormatStyle().parse($0)
            }
            let recent = all.filter { agent in
                since.map { time.date(agent.lastSeen) >= $0 } ?? true
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
            guard let agent = pool.agents[path[1]] else { return JSONAPI.error(404, "not found") }
            return WebResponse(200, ["data": resource(agent)], contentType: JSONAPI.type)
        default: return JSONAPI.error(404, "not found")
        }
    }

    private func runs(_ query: [String: String]) -> WebResponse {
        let known = ["filter[agent_pool_names]", "filter[status_group]", "filter[status]"]
        if query.keys.contains(where: { $0.hasPrefix("filter") && !known.contains($0) }) {
            return JSONAPI.error(400, "a filter that is not rehearsed")
        }
        let pools = query["filter[agent_pool_names]"]?.split(separator: ",").map(String.init)
        let statuses = query["filter[status]"]?.split(separator: ",").map(String.init)
        let found = order.reversed().compactMap { runs[$0] }.filter { run in
            let group = query["filter[status_group]"]
            return (pools?.contains(settings.poolName) ?? true)
                && (statuses?.contains(run.phase.rawValue) ?? true)
                && (group == nil || (group == "final") == run.phase.isFinal)
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

    private func resource(_ run: Run) -> JSON {
        [
            "id": .string(run.id), "type": "runs",
            "attributes": [
                "status": .string(run.phase.rawValue), "plan-only": .bool(run.isPlanOnly),
                "created-at": .string(time.text(run.history.first?.at ?? 0)),
            ],
            "relationships": [
                "workspace": [
                    "data": ["id": .string("ws-\(run.workspace)"), "type": "workspaces"]
                ]
            ],
        ]
    }

    private func resource(_ agent: AgentPool.Agent) -> JSON {
        [
            "id": .string(agent.id), "type": "agents",
            "attributes": [
                "name": agent.name.isEmpty ? nil : .string(agent.name),
                "status": .string(agent.status.rawValue), "ip-address": "127.0.0.1",
                "last-ping-at": .string(time.text(agent.lastSeen)),
                "created-at": .string(time.text(agent.registeredAt)),
            ],
            "links": ["self": .string("/api/v2/agents/\(agent.id)")],
        ]
    }
}
