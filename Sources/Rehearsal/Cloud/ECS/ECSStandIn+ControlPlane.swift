import Decisions
import Model

/// The ECS control plane, as far as it is in use (ECS API reference: UpdateService,
/// DescribeServices, ListTasks), within the account's rates.
extension ECSStandIn {
    /// ECS's limits per call.
    static let mostServicesDescribed = 10
    static let largestPage = 100

    func controlPlane(_ operation: String, _ input: JSON) -> WebResponse {
        if let bucket = Account.bucket(of: operation),
            !account[keyPath: bucket].take(at: time.now)
        {
            return AWSAnswer.error("ThrottlingException", "Rate exceeded")
        }
        return switch operation {
        case "UpdateService": updateService(input)
        case "DescribeServices": describeServices(input)
        case "ListTasks": listTasks(input)
        case "DescribeTasks": describeTasks(input)
        case "DescribeTaskDefinition": describeTaskDefinition(input)
        case "GetTaskProtection": getTaskProtection(input)
        case "UpdateTaskProtection": updateTaskProtection(input)
        case "StopTask": stopTask(input)
        case "DeleteService": deleteService(input)
        default:
            AWSAnswer.error("InvalidAction", "The operation \(operation) is not rehearsed")
        }
    }

    private func updateService(_ input: JSON) -> WebResponse {
        let extra = Set((input.object ?? [:]).keys)
            .subtracting(["cluster", "service", "desiredCount"]).sorted()
        guard extra.isEmpty else {
            return invalid("not rehearsed: \(extra.joined(separator: ", "))")
        }
        if let missing = missing(input) { return missing }
        guard settings.names.isService(input["service"]?.string) else {
            return AWSAnswer.error("ServiceNotFoundException", "Service not found.")
        }
        guard let value = input["desiredCount"] else {
            return AWSAnswer.ok(["service": describedService()])
        }
        guard let wanted = value.int, wanted >= 0 else {
            return invalid("desiredCount must be zero or more.")
        }
        let now = time.now
        let dead = tasks.keys.sorted().filter {
            !isProtected($0, at: now) && !agents.isAlive($0)
        }
        let before = service.desired
        do {
            try service.setDesired(wanted, at: now, draw: draw)
        } catch {
            return AWSAnswer.error(error.code, error.message)
        }
        isEdited = false
        journal.record(.desiredCount(from: before, to: wanted, dead: dead))
        // The worst that ECS may do is to act at once, while the task that lowered the count runs.
        turn()
        return AWSAnswer.ok(["service": describedService()])
    }

    private func describeServices(_ input: JSON) -> WebResponse {
        if let missing = missing(input) { return missing }
        let asked = (input["services"]?.array ?? []).map { $0.string ?? "" }
        guard (1...Self.mostServicesDescribed).contains(asked.count) else {
            return invalid("Services must hold 1 to 10 names.")
        }
        let unknown = asked.filter { !settings.names.isService($0) }
        return AWSAnswer.ok([
            "services": unknown.count < asked.count ? [describedService()] : [],
            "failures": .array(
                unknown.map { name in
                    let arn =
                        name.hasPrefix("arn:")
                        ? name : settings.names.serviceArn.replacingLast(with: name)
                    return ["arn": .string(arn), "reason": "MISSING"]
                }
            ),
        ])
    }

    private func listTasks(_ input: JSON) -> WebResponse {
        if let missing = missing(input) { return missing }
        if let name = input["serviceName"]?.string, !settings.names.isService(name) {
            return AWSAnswer.error("ServiceNotFoundException", "Service not found.")
        }
        let size = input["maxResults"]?.int ?? Self.largestPage
        guard (1...Self.largestPage).contains(size) else {
            return invalid("maxResults must be between 1 and 100.")
        }
        let status = input["desiredStatus"]?.string ?? "RUNNING"
        let all: [TaskID] =
            switch status {
            case "RUNNING": tasks.values.filter { $0.life.stop == nil }.map(\.id)
            case "STOPPED":
                tasks.values.filter { $0.life.stop != nil }.map(\.id) + stopped.map(\.id)
            default: []
            }
        // The token is the last id of the page before, so a task that goes meanwhile hides none.
        let rest = all.sorted().drop { $0.text <= input["nextToken"]?.string ?? "" }
        let page = rest.prefix(size)
        var body: [String: JSON] = [
            "taskArns": .array(page.map { .string(settings.names.taskArn($0)) })
        ]
        if rest.count > size, let last = page.last { body["nextToken"] = .string(last.text) }
        return AWSAnswer.ok(.object(body))
    }

    func isProtected(_ id: TaskID, at now: Milliseconds) -> Bool {
        tasks[id].map { service.protection(of: $0.number, at: now) > 0 } ?? false
    }

    func describedService() -> JSON {
        let names = settings.names
        return [
            "serviceName": .string(names.service), "serviceArn": .string(names.serviceArn),
            "clusterArn": .string(names.clusterArn), "status": .string(service.status.rawValue),
            "desiredCount": .int(service.desired), "runningCount": .int(service.running),
            "pendingCount": .int(service.pending), "launchType": "FARGATE",
            "schedulingStrategy": "REPLICA", "platformVersion": "LATEST",
            "networkConfiguration": [
                "awsvpcConfiguration": [
                    "subnets": ["subnet-rehearsal"], "securityGroups": ["sg-rehearsal"],
                    "assignPublicIp": "ENABLED",
                ]
            ],
            "deploymentController": ["type": "ECS"], "availabilityZoneRebalancing": "DISABLED",
            "taskDefinition": .string(names.taskDefinitionArn(service.primary.taskDefinition)),
            "deployments": .array(service.deployments.map(describe)),
            "deploymentConfiguration": [
                "minimumHealthyPercent": .int(service.deployed.minimumHealthyPercent),
                "maximumPercent": .int(service.deployed.maximumPercent),
                "deploymentCircuitBreaker": [
                    "enable": .bool(service.deployed.breaker.isOn),
                    "rollback": .bool(service.deployed.breaker.rollsBack),
                ],
            ],
            "events": .array(service.events.entries.reversed().map(describe)),
        ]
    }

    private func describe(_ deployment: Deployment) -> JSON {
        let isPrimary = deployment.id == service.primary.id
        return [
            "id": .string("\(deployment.id)"),
            "status": isPrimary ? "PRIMARY" : "ACTIVE",
            "taskDefinition": .string(settings.names.taskDefinitionArn(deployment.taskDefinition)),
            "desiredCount": .int(isPrimary ? service.desired : deployment.kept),
            "runningCount": .int(deployment.running),
            "pendingCount": .int(deployment.pending),
            "failedTasks": .int(deployment.failedTasks),
            "launchType": "FARGATE",
            "rolloutState": .string(deployment.rollout.rawValue),
            "rolloutStateReason": .string(deployment.reason),
            "createdAt": .string(time.text(deployment.createdAt)),
        ]
    }

    private func describe(_ entry: ServiceEvents.Entry) -> JSON {
        let text = entry.event.text(service: settings.names.service) { idText($0) }
        return [
            "id": .string("\(entry.number)"), "createdAt": .string(time.text(entry.at)),
            "message": .string(text),
        ]
    }

    /// A task that was forgotten long ago is known by its number alone.
    private func idText(_ number: Int) -> String {
        let task =
            tasks.values.first { $0.number == number } ?? stopped.last { $0.number == number }
        return task?.id.text ?? "\(number)"
    }

    /// The answer when the call names another cluster.
    func missing(_ input: JSON) -> WebResponse? {
        guard !settings.names.isCluster(input["cluster"]?.string) else { return nil }
        return AWSAnswer.error("ClusterNotFoundException", "Cluster not found.")
    }

    func invalid(_ message: String) -> WebResponse {
        AWSAnswer.error("InvalidParameterException", message)
    }
}

extension String {
    /// An ARN or path with its last component replaced.
    fileprivate func replacingLast(with name: String) -> String {
        guard let slash = lastIndex(of: "/") else { return name }
        return self[...slash] + name
    }
}
