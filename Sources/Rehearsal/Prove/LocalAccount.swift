import Decisions
import FoundationEssentials
import Model
import Synchronization

/// What a proof asks of AWS beside what the rehearsed programs do: who owns what, further operations
/// of ECS, a second table, the logs. In front of the local cloud, which answers everything else.
actor LocalAccount {
    /// Lines of a page, so that there are several.
    private static let page = 200

    private let names: ProofNames
    private let service: ServiceNames
    private let tags: [String: String]
    private let ecs: ECSStandIn
    private let time: Timebase
    private let record: LocalRecord
    private var jobs: DynamoDBTable
    private var isThere = false
    /// Revisions of the task definition that are active; destroying leaves them, as the module does.
    private var definitions: Set<String> = []

    init(
        _ names: ProofNames,
        _ service: ServiceNames,
        marker: String,
        ecs: ECSStandIn,
        time: Timebase,
        record: LocalRecord
    ) {
        self.names = names
        self.service = service
        tags = [Territory.tag: marker]
        self.ecs = ecs
        self.time = time
        self.record = record
        jobs = DynamoDBTable(name: names.jobTable)
    }

    func deploy() {
        isThere = true
        definitions = ["\(names.family):1"]
    }

    func takeAway() { isThere = false }

    /// - Returns: nil for what the local cloud answers.
    func answer(_ signed: String, _ operation: String, _ input: JSON) async -> WebResponse? {
        switch signed {
        case "ecs": await control(operation, input)
        case "dynamodb": table(operation, input)
        case "logs": logs(operation, input)
        case "tagging": resources(operation)
        default: nil
        }
    }

    // MARK: ECS

    private func control(_ operation: String, _ input: JSON) async -> WebResponse? {
        switch operation {
        case "DescribeClusters":
            let tags = tags.map { name, value -> JSON in
                ["key": .string(name), "value": .string(value)]
            }
            let cluster: JSON = [
                "clusterName": .string(names.cluster), "status": "ACTIVE", "tags": .array(tags),
            ]
            return AWSAnswer.ok(["clusters": isThere ? [cluster] : [], "failures": []])
        case "UpdateService":
            guard input["forceNewDeployment"]?.bool == true else { return nil }
            await ecs.deploy(.forced)
            return AWSAnswer.ok(["service": await ecs.describedService()])
        case "DescribeTasks":
            let answer = await ecs.controlPlane(operation, input)
            guard answer.status == 200, let body = answer.json else { return answer }
            return AWSAnswer.ok(withStops(body))
        case "ListTaskDefinitions":
            let found = definitions.sorted().map { JSON.string(arn("task-definition/\($0)")) }
            return AWSAnswer.ok(["taskDefinitionArns": .array(found)])
        case "DeregisterTaskDefinition":
            definitions.remove(input["taskDefinition"]?.string ?? "")
            return AWSAnswer.ok([:])
        case "DeleteTaskDefinitions": return AWSAnswer.ok(["failures": []])
        default: return nil
        }
    }

    /// The local cloud does not keep when a task began to stop.
    private func withStops(_ answer: JSON) -> JSON {
        guard var body = answer.object, let tasks = body["tasks"]?.array else { return answer }
        body["tasks"] = .array(
            tasks.map { task in
                guard var members = task.object,
                    let at = record.stop(of: TaskID(arn: members["taskArn"]?.string ?? ""))
                else { return task }
                members["stoppingAt"] = .string(time.text(at))
                return .object(members)
            }
        )
        return .object(body)
    }

    private func arn(_ rest: String) -> String {
        "arn:aws:ecs:\(service.region):\(service.account):\(rest)"
    }

    // MARK: DynamoDB

    private func table(_ operation: String, _ input: JSON) -> WebResponse? {
        let name = input["TableName"]?.string
        switch operation {
        case "DescribeTable":
            guard isThere, let name, [names.jobTable, names.ledgerTable].contains(name) else {
                return AWSAnswer.error("ResourceNotFoundException", "Requested resource not found")
            }
            let arn = "arn:aws:dynamodb:\(service.region):\(service.account):table/\(name)"
            return AWSAnswer.ok(["Table": ["TableArn": .string(arn), "TableStatus": "ACTIVE"]])
        case "ListTagsOfResource":
            let tags = tags.map { name, value -> JSON in
                ["Key": .string(name), "Value": .string(value)]
            }
            return AWSAnswer.ok(["Tags": .array(tags)])
        default:
            guard name == names.jobTable else { return nil }
            var answer = jobs.answer(operation, input, at: time.now).0
            answer.contentType = "application/x-amz-json-1.0"
            return answer
        }
    }

    // MARK: Logs

    private func logs(_ operation: String, _ input: JSON) -> WebResponse {
        switch operation {
        case "DescribeLogGroups":
            let start = input["logGroupNamePrefix"]?.string ?? ""
            let found = [names.agentsLog, names.endpointLog].filter { $0.hasPrefix(start) }
            let groups = found.map { name -> JSON in
                let arn = "arn:aws:logs:\(service.region):\(service.account):log-group:\(name)"
                return ["logGroupName": .string(name), "logGroupArn": .string(arn)]
            }
            return AWSAnswer.ok(["logGroups": .array(isThere ? groups : [])])
        case "ListTagsForResource":
            return AWSAnswer.ok(["tags": .object(tags.mapValues(JSON.string))])
        case "FilterLogEvents":
            return lines(input)
        default:
            return AWSAnswer.error("InvalidAction", "\(operation) is not rehearsed")
        }
    }

    private func lines(_ input: JSON) -> WebResponse {
        let group = input["logGroupName"]?.string
        let isAgents = group == names.agentsLog
        guard isThere, isAgents || group == names.endpointLog else {
            return AWSAnswer.error("ResourceNotFoundException", "The log group does not exist.")
        }
        let since = input["startTime"]?.int ?? 0
        let start = Int(input["nextToken"]?.string ?? "") ?? 0
        let all = record.lines.filter { ($0.task != nil) == isAgents }
        let page = all.dropFirst(start).prefix(Self.page)
        let events = page.compactMap { line -> JSON? in
            let at = Int(time.date(line.at).timeIntervalSince1970 * 1_000)
            guard at >= since else { return nil }
            let stream = line.task.map { "\(line.program)/\(line.program)/\($0)" } ?? "function"
            return [
                "logStreamName": .string(stream), "timestamp": .int(at),
                "message": .string(line.text),
            ]
        }
        var body: [String: JSON] = ["events": .array(events)]
        if start + page.count < all.count {
            body["nextToken"] = .string("\(start + page.count)")
        }
        return AWSAnswer.ok(.object(body))
    }

    private func resources(_ operation: String) -> WebResponse {
        guard operation == "GetResources" else {
            return AWSAnswer.error("InvalidAction", "\(operation) is not rehearsed")
        }
        var arns = definitions.sorted().map { arn("task-definition/\($0)") }
        if isThere { arns.append(arn("cluster/\(names.cluster)")) }
        return AWSAnswer.ok([
            "ResourceTagMappingList": .array(arns.map { ["ResourceARN": .string($0)] }),
            "PaginationToken": "",
        ])
    }
}

/// What the local cloud's programs wrote, and when its tasks began to stop.
final class LocalRecord: Sendable {
    struct Line: Sendable {
        let at: Milliseconds
        /// Nil for the endpoint.
        let task: TaskID?
        let program: String
        let text: String
    }

    private let state = Mutex<(lines: [Line], stops: [TaskID: Milliseconds])>(([], [:]))

    var lines: [Line] { state.withLock { $0.lines } }
    func stop(of task: TaskID) -> Milliseconds? { state.withLock { $0.stops[task] } }

    func take(_ event: Happening, at now: Milliseconds) {
        state.withLock { state in
            switch event {
            case .line(.endpoint, let text):
                state.lines.append(Line(at: now, task: nil, program: "scale-up", text: text))
            case .line(.container(let task, let program), let text):
                state.lines.append(Line(at: now, task: task, program: program, text: text))
            case .taskStopping(let task, _): state.stops[task] = now
            default: break
            }
        }
    }
}
