import AWS

/// The ARNs of a pool, by which IAM's simulator is asked what the task role may do.
struct RoleNames {
    private let place: ECSPlace
    private let table: String
    /// `arn:aws`, region and account, of the task definition's ARN.
    private let partition: Substring
    private let region: Substring
    private let account: Substring
    /// The ARN of the agent token's parameter.
    private let token: String?

    /// - Returns: nil where no ARN tells the account.
    init?(_ place: ECSPlace, table: String, _ found: Examination) {
        let fields = (found.service.value?.taskDefinition ?? "")
            .split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count > 5, fields[0] == "arn" else { return nil }
        self.place = place
        self.table = table
        (partition, region, account) = (fields[1], fields[3], fields[4])
        token = found.definition.value?.container(ContainerName.agent)?.secrets?
            .first { $0.name == "TFC_AGENT_TOKEN" }?.valueFrom
            .flatMap { $0.hasPrefix("arn:") && $0.contains(":ssm:") ? $0 : nil }
    }

    private func arn(_ service: String, _ resource: String) -> String {
        "arn:\(partition):\(service):\(region):\(account):\(resource)"
    }

    /// - Returns: nil where the resource has no name that is known.
    func question(_ permission: Permission) -> RoleInspection.Question? {
        let cluster = ["ecs:cluster": arn("ecs", "cluster/\(place.cluster)")]
        let service = arn("ecs", "service/\(place.cluster)/\(place.service)")
        let task = arn("ecs", "task/\(place.cluster)/00000000000000000000000000000000")
        let own = "\(place.cluster)/\(place.service)"
        func ledger(_ action: String, _ key: String, _ attributes: [String])
            -> RoleInspection.Question
        {
            .init(
                "dynamodb:" + action,
                on: arn("dynamodb", "table/\(table)"),
                lists: ["dynamodb:LeadingKeys": [key], "dynamodb:Attributes": attributes]
            )
        }
        switch permission {
        case .describeServices: return .init(permission.rawValue, on: service, texts: cluster)
        case .updateService: return .init(permission.rawValue, on: service)
        case .listTasks: return .init(permission.rawValue, on: "*", texts: cluster)
        case .describeTasks, .protectTasks:
            return .init(permission.rawValue, on: task, texts: cluster)
        case .readLedger: return ledger("Query", own, ["pk"])
        case .writeLedger: return ledger("UpdateItem", own, ["pk", "sk", "size"])
        case .writeLimits: return ledger("UpdateItem", own, ["pk", "sk", "max_count"])
        case .writeElsewhere: return ledger("UpdateItem", own + "-of-nobody", ["pk", "sk", "size"])
        case .readAgentToken: return token.map { .init("ssm:GetParameter", on: $0) }
        }
    }
}
