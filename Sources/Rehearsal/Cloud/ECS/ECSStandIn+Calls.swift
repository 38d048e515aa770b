import Decisions
import Model

/// Calls about single tasks and whole services that operators make (ECS API reference: StopTask,
/// DescribeTasks, DeleteService).
extension ECSStandIn {
    /// ECS's limit per call.
    static let mostTasksDescribed = 100

    func stopTask(_ input: JSON) -> WebResponse {
        if let missing = missing(input) { return missing }
        guard let task = task(named: input["task"]?.string) else {
            return invalid("The referenced task was not found.")
        }
        stopTask(task.id, reason: input["reason"]?.string)
        // It may be over already.
        return AWSAnswer.ok(["task": self.task(named: task.id.text).map(describe) ?? nil])
    }

    /// A person stops a task; that it is protected is no matter.
    func stopTask(_ id: TaskID, reason: String? = nil) {
        tasks[id]?.life.stop(reason.map { Stop(.userInitiated, $0) } ?? .byUser)
        advance(id)
    }

    func describeTasks(_ input: JSON) -> WebResponse {
        if let missing = missing(input) { return missing }
        let asked = (input["tasks"]?.array ?? []).map { $0.string ?? "" }
        guard (1...Self.mostTasksDescribed).contains(asked.count) else {
            return invalid("Tasks must hold 1 to 100 ids.")
        }
        var found: [JSON] = []
        var failures: [JSON] = []
        for name in asked {
            if let task = task(named: name) {
                found.append(describe(task))
            } else {
                failures.append(["arn": .string(name), "reason": "MISSING"])
            }
        }
        return AWSAnswer.ok(["tasks": .array(found), "failures": .array(failures)])
    }

    func deleteService(_ input: JSON) -> WebResponse {
        if let missing = missing(input) { return missing }
        guard settings.names.isService(input["service"]?.string) else {
            return AWSAnswer.error("ServiceNotFoundException", "Service not found.")
        }
        do {
            try service.delete(force: input["force"]?.bool == true, at: time.now)
        } catch {
            return AWSAnswer.error(error.code, error.message)
        }
        return AWSAnswer.ok(["service": describedService()])
    }

    // MARK: What a person looks at who asks what is wrong

    /// Of every revision the same file; a later one is the same again, or cannot start.
    func describeTaskDefinition(_ input: JSON) -> WebResponse {
        let asked = input["taskDefinition"]?.string ?? ""
        let known = (1...newestRevision).first { revision in
            let arn = settings.names.taskDefinitionArn(revision)
            return asked == arn || arn.hasSuffix("task-definition/\(asked)")
        }
        guard let revision = known else {
            return AWSAnswer.error("ClientException", "Unable to describe task definition.")
        }
        var described = settings.definition.document.object ?? [:]
        described["taskDefinitionArn"] = .string(settings.names.taskDefinitionArn(revision))
        described["revision"] = .int(revision)
        described["status"] = "ACTIVE"
        return AWSAnswer.ok(["taskDefinition": .object(described)])
    }

    func getTaskProtection(_ input: JSON) -> WebResponse {
        if let missing = missing(input) { return missing }
        let now = time.now
        let asked = (input["tasks"]?.array ?? []).map { TaskID(arn: $0.string ?? "") }
        let live = asked.filter { tasks[$0] != nil }
        return AWSAnswer.ok([
            "protectedTasks": .array(
                live.map { id in
                    [
                        "taskArn": .string(settings.names.taskArn(id)),
                        "protectionEnabled": .bool(isProtected(id, at: now)),
                    ]
                }
            ),
            "failures": .array(asked.filter { tasks[$0] == nil }.map(missingTask)),
        ])
    }

    /// Tasks protect themselves through their own endpoint; by this call none of them does.
    func updateTaskProtection(_ input: JSON) -> WebResponse {
        if let missing = missing(input) { return missing }
        let asked = (input["tasks"]?.array ?? []).map { TaskID(arn: $0.string ?? "") }
        guard asked.allSatisfy({ tasks[$0] == nil }) else {
            return AWSAnswer.error("InvalidAction", "UpdateTaskProtection is not rehearsed")
        }
        return AWSAnswer.ok([
            "protectedTasks": [], "failures": .array(asked.map(missingTask)),
        ])
    }

    private func missingTask(_ id: TaskID) -> JSON {
        ["arn": .string(settings.names.taskArn(id)), "reason": "MISSING"]
    }

    private func task(named name: String?) -> RunningTask? {
        let id = TaskID(arn: name ?? "")
        return tasks[id] ?? stopped.last { $0.id == id }
    }

    private func describe(_ task: RunningTask) -> JSON {
        let names = settings.names
        let life = task.life
        var body: [String: JSON] = [
            "taskArn": .string(names.taskArn(task.id)),
            "clusterArn": .string(names.clusterArn),
            "taskDefinitionArn": .string(names.taskDefinitionArn(task.revision)),
            "group": .string("service:\(names.service)"),
            "startedBy": .string("\(task.deployment)"),
            "lastStatus": .string(life.state.rawValue),
            "desiredStatus": life.stop == nil ? "RUNNING" : "STOPPED",
            "launchType": "FARGATE",
            "createdAt": .string(time.text(task.startedAt)),
            "connectivityAt": .string(time.text(task.startedAt)),
            "pullStartedAt": .string(time.text(task.startedAt)),
            "containers": .array(
                life.containers.map { container in
                    var body: [String: JSON] = ["name": .string(container.definition.name)]
                    if let code = container.exitCode { body["exitCode"] = .int(code) }
                    return .object(body)
                }
            ),
        ]
        if let at = task.ranAt {
            body["pullStoppedAt"] = .string(time.text(life.readyAt))
            body["startedAt"] = .string(time.text(at))
        }
        if let at = task.stoppedAt { body["stoppedAt"] = .string(time.text(at)) }
        if let stop = life.stop {
            body["stopCode"] = .string(stop.code.rawValue)
            body["stoppedReason"] = .string(stop.reason)
        }
        return .object(body)
    }
}
