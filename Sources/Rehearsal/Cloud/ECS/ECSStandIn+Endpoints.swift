import Decisions
import Model

/// What a task can ask from inside: metadata version 4 and task scale-in protection.
extension ECSStandIn {
    /// Answers `/v4/<id>`, `/v4/<id>/task` and `/api/<id>/task-protection/v1/state`.
    func endpoint(_ request: WebRequest) -> WebResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.count >= 2 else { return WebResponse(404, text: "not found") }
        if parts[0] == "v4" { return metadata(parts[1], path: parts.dropFirst(2)) }
        guard Array(parts.dropFirst(2)) == ["task-protection", "v1", "state"],
            let task = tasks.values.first(where: { $0.endpointID == parts[1] })
        else {
            let error: JSON = [
                "Code": "ResourceNotFoundException",
                "Message": "Failed to find a task for the request",
            ]
            return WebResponse(404, ["error": error])
        }
        return protectionState(request, task.id)
    }

    private func protectionState(_ request: WebRequest, _ id: TaskID) -> WebResponse {
        let now = time.now
        journal.record(.apiCall(service: "task endpoint"))
        let endpoint = ProtectionEndpoint(arn: settings.names.taskArn(id))
        let asked = endpoint.parse(request)
        if case .wrong(let answer) = asked { return answer }
        guard account.protection.take(at: now), let number = tasks[id]?.number else {
            return ProtectionEndpoint.throttled
        }
        noteExpiry(at: now)
        switch asked {
        case .protect(let minutes):
            if let refusal = protect(number, id, minutes, at: now) {
                return endpoint.refusal(refusal)
            }
        case .unprotect: unprotect(number, id, at: now)
        case .read, .wrong: break
        }
        let left = service.protection(of: number, at: now)
        return endpoint.state(until: left > 0 ? time.text(now + left) : nil)
    }

    /// - Returns: why ECS refuses, if it does.
    private func protect(
        _ number: Int,
        _ id: TaskID,
        _ minutes: Int,
        at now: Milliseconds
    ) -> String? {
        let reason: String
        switch service.protect(number, for: minutes * 60_000, at: now) {
        case .protected:
            journal.record(.protected(id, minutes: minutes))
            return nil
        case .blocked: reason = "DEPLOYMENT_BLOCKED"
        case .notValid: reason = "TASK_NOT_VALID"
        }
        journal.record(.protectionRefused(id, reason: reason))
        return reason
    }

    private func unprotect(_ number: Int, _ id: TaskID, at now: Milliseconds) {
        let wasProtected = service.protection(of: number, at: now) > 0
        service.unprotect(number)
        guard wasProtected else { return }
        journal.record(.unprotected(id, agentAlive: agents.isAlive(id), expired: false))
    }

    private func metadata(_ id: String, path: ArraySlice<String>) -> WebResponse {
        let found = tasks.values.first { $0.metadataIDs.values.contains(id) }
        guard let task = found,
            let name = task.metadataIDs.first(where: { $0.value == id })?.key
        else { return WebResponse(404, .string("V4 metadata handler: unknown endpoint id")) }
        switch Array(path) {
        case []:
            guard let container = task.life.container(name) else {
                return WebResponse(404, .string("V4 container metadata handler: not found"))
            }
            return WebResponse(200, containerMetadata(container, task))
        case ["task"]: return WebResponse(200, taskMetadata(task))
        default: return WebResponse(404, .string("V4 metadata handler: unknown path"))
        }
    }

    private func taskMetadata(_ task: RunningTask) -> JSON {
        let names = settings.names
        // A container that has not been created yet is absent, as on ECS.
        let containers = task.life.containers.filter { $0.hasStarted || $0.isUp }
        return [
            "Cluster": .string(names.clusterArn),
            "TaskARN": .string(names.taskArn(task.id)),
            "ServiceName": .string(names.service),
            "Family": .string(names.family),
            "Revision": .string("\(task.revision)"),
            "DesiredStatus": task.life.stop == nil ? "RUNNING" : "STOPPED",
            "KnownStatus": .string(task.life.state.rawValue),
            "Limits": ["CPU": 1, "Memory": 2048],
            "PullStartedAt": .string(time.text(task.startedAt)),
            "PullStoppedAt": .string(time.text(task.life.readyAt)),
            "AvailabilityZone": .string(names.region + "a"),
            "LaunchType": "FARGATE",
            "FaultInjectionEnabled": false,
            "Containers": .array(containers.map { containerMetadata($0, task) }),
        ]
    }

    private func containerMetadata(_ container: TaskLife.Container, _ task: RunningTask) -> JSON {
        let definition = container.definition
        var result: [String: JSON] = [
            "DockerId": .string(task.metadataIDs[definition.name] ?? ""),
            "Name": .string(definition.name),
            "DockerName": .string(definition.name),
            "Image": .string(settings.definition.container(definition.name)?.image ?? ""),
            "Labels": [
                "com.amazonaws.ecs.cluster": .string(settings.names.clusterArn),
                "com.amazonaws.ecs.container-name": .string(definition.name),
                "com.amazonaws.ecs.task-arn": .string(settings.names.taskArn(task.id)),
            ],
            "DesiredStatus": task.life.stop == nil ? "RUNNING" : "STOPPED",
            "KnownStatus": container.isOver
                ? "STOPPED" : container.pid == nil ? "CREATED" : "RUNNING",
            "Limits": ["CPU": 2],
            "Type": "NORMAL",
            "LogDriver": "awslogs",
        ]
        if let code = container.exitCode { result["ExitCode"] = .int(code) }
        if let start = container.startedAt {
            result["CreatedAt"] = .string(time.text(start))
            result["StartedAt"] = .string(time.text(start))
        }
        if let end = container.finishedAt { result["FinishedAt"] = .string(time.text(end)) }
        if definition.restart != nil {
            result["RestartCount"] = .int(container.restarts)
        }
        if definition.health != nil {
            var health: [String: JSON] = [:]
            if container.health != .unknown {
                health["status"] = .string(container.health.rawValue)
            }
            result["Health"] = .object(health)
        }
        return .object(result)
    }
}
