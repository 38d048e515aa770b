/// The ECS control plane, as far as it is in use (ECS API reference: UpdateService,
/// DescribeServices, ListTasks).
extension ECSStandIn {
    /// ECS's limits per call.
    static let mostServicesDescribed = 10
    static let largestPage = 100

    func controlPlane(_ operation: String, _ input: JSON) -> WebResponse {
        switch operation {
        case "UpdateService": updateService(input)
        case "DescribeServices": describeServices(input)
        case "ListTasks": listTasks(input)
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
        guard let value = input["desiredCount"] else { return AWSAnswer.ok(described()) }
        guard let wanted = value.int, wanted >= 0 else {
            return invalid("desiredCount must be zero or more.")
        }
        let now = time.now
        let exposed = tasks.keys.sorted().filter {
            !protection.isProtected($0, at: now) && agents.isAlive($0)
        }
        let before = desiredCount
        desiredCount = wanted
        journal.record(.desiredCount(from: before, to: wanted, exposed: exposed))
        // The worst that ECS may do is to act at once, while the task that lowered the count runs.
        turn()
        return AWSAnswer.ok(["service": service()])
    }

    private func describeServices(_ input: JSON) -> WebResponse {
        if let missing = missing(input) { return missing }
        let asked = (input["services"]?.array ?? []).map { $0.string ?? "" }
        guard (1...Self.mostServicesDescribed).contains(asked.count) else {
            return invalid("Services must hold 1 to 10 names.")
        }
        let unknown = asked.filter { !settings.names.isService($0) }
        return AWSAnswer.ok([
            "services": unknown.count < asked.count ? [service()] : [],
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
        let rest = all.sorted().drop { $0 <= input["nextToken"]?.string ?? "" }
        let page = rest.prefix(size)
        var body: [String: JSON] = [
            "taskArns": .array(page.map { .string(settings.names.taskArn($0)) })
        ]
        if rest.count > size, let last = page.last { body["nextToken"] = .string(last) }
        return AWSAnswer.ok(.object(body))
    }

    /// Counts as in `DescribeServices`: RUNNING, and still on the way there.
    var counts: (running: Int, pending: Int) {
        let states = tasks.values.map(\.life.state)
        return (
            states.count { $0 == .running }, states.count { $0 == .pending || $0 == .provisioning }
        )
    }

    private func described() -> JSON { ["service": service()] }

    private func service() -> JSON {
        let names = settings.names
        let (running, pending) = counts
        return [
            "serviceName": .string(names.service), "serviceArn": .string(names.serviceArn),
            "clusterArn": .string(names.clusterArn), "status": "ACTIVE",
            "desiredCount": .int(desiredCount), "runningCount": .int(running),
            "pendingCount": .int(pending), "launchType": "FARGATE",
            "taskDefinition": .string(names.taskDefinitionArn(deployments.primary.revision)),
            "deployments": deployments.json(
                members,
                desiredCount: desiredCount,
                names: names,
                dateText: { time.text($0) }
            ),
            "deploymentConfiguration": [
                "minimumHealthyPercent": .int(ServiceScheduler.minimumHealthyPercent),
                "maximumPercent": .int(ServiceScheduler.maximumPercent),
            ],
            "events": [],
        ]
    }

    /// The tasks as deployments count them.
    var members: [Deployments.Member] {
        tasks.values.map { task in
            Deployments.Member(
                revision: task.revision,
                isRunning: task.life.state == .running,
                isPending: task.life.state < .running
            )
        }
    }

    /// The answer when the call names another cluster.
    private func missing(_ input: JSON) -> WebResponse? {
        guard !settings.names.isCluster(input["cluster"]?.string) else { return nil }
        return AWSAnswer.error("ClusterNotFoundException", "Cluster not found.")
    }

    private func invalid(_ message: String) -> WebResponse {
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
