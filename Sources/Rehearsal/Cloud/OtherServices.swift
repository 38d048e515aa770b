/// What a pool needs around it and a person looks at: log groups, quotas, alarms (API references of
/// CloudWatch Logs, Service Quotas and CloudWatch).
struct OtherServices: Sendable {
    static let services: Set = ["logs", "monitoring", "servicequotas"]
    /// More than any rehearsal has agents for.
    private static let vCPUs = 1_000.0

    let logGroup: String?

    func answer(_ service: String, _ operation: String, _ input: JSON) -> WebResponse {
        switch (service, operation) {
        case ("logs", "DescribeLogGroups"):
            let prefix = input["logGroupNamePrefix"]?.string ?? ""
            let found = [logGroup].compactMap(\.self).filter { $0.hasPrefix(prefix) }
            return AWSAnswer.ok([
                "logGroups": .array(found.map { ["logGroupName": .string($0)] })
            ])
        case ("servicequotas", "GetServiceQuota"):
            return AWSAnswer.ok(["Quota": ["Value": .number(Self.vCPUs)]])
        case ("monitoring", "DescribeAlarms"):
            // Nobody is called when something is wrong with a rehearsal.
            return AWSAnswer.ok(["MetricAlarms": [], "CompositeAlarms": []])
        default:
            return AWSAnswer.error("InvalidAction", "\(operation) is not rehearsed")
        }
    }
}

extension JSON {
    /// The texts of DynamoDB's values in every member of that name, however deep.
    func texts(at name: String) -> [String] {
        switch self {
        case .object(let members):
            members.flatMap { key, value in
                key == name ? [value["S"]?.string].compactMap(\.self) : value.texts(at: name)
            }
        case .array(let items): items.flatMap { $0.texts(at: name) }
        default: []
        }
    }

    /// The names of all members, and all texts, which hold the attributes that an expression names.
    var names: Set<String> {
        switch self {
        case .object(let members):
            members.reduce(into: []) { $0.formUnion($1.value.names.union([$1.key])) }
        case .array(let items): items.reduce(into: []) { $0.formUnion($1.names) }
        case .string(let text): [text]
        default: []
        }
    }
}
