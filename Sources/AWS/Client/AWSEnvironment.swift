import Curl

/// The services in use and how each is spoken to (botocore's service models, `metadata`).
package enum AWSService: String, Sendable, CaseIterable {
    case ecs
    case dynamodb
    case ssm
    case ecr

    // Only looked at for a person who asks what is wrong.
    case logs
    case monitoring
    case servicequotas

    // Only of `rehearsal prove`.
    case tagging

    /// What goes before the operation's name in `X-Amz-Target`.
    var targetPrefix: String {
        switch self {
        case .ecs: "AmazonEC2ContainerServiceV20141113"
        case .dynamodb: "DynamoDB_20120810"
        case .ssm: "AmazonSSM"
        case .ecr: "AmazonEC2ContainerRegistry_V20150921"
        case .logs: "Logs_20140328"
        case .monitoring: "GraniteServiceVersion20100801"
        case .servicequotas: "ServiceQuotasV20190624"
        case .tagging: "ResourceGroupsTaggingAPI_20170126"
        }
    }

    var contentType: String {
        switch self {
        case .ecs, .ssm, .ecr, .logs, .servicequotas, .tagging: "application/x-amz-json-1.1"
        case .dynamodb, .monitoring: "application/x-amz-json-1.0"
        }
    }

    /// The variable that moves this one service's endpoint, as in AWS's own SDKs.
    var endpointVariable: String {
        switch self {
        case .logs: "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"
        case .monitoring: "AWS_ENDPOINT_URL_CLOUDWATCH"
        case .servicequotas: "AWS_ENDPOINT_URL_SERVICE_QUOTAS"
        case .tagging: "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API"
        case .ecs, .dynamodb, .ssm, .ecr: "AWS_ENDPOINT_URL_" + rawValue.uppercased()
        }
    }
}

/// Settings that cannot be used, all of them together. Values of secrets are never quoted.
package struct AWSSettingsFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence each: which variable, what is wrong, what is expected.
    package let problems: [String]

    package init(problems: [String]) { self.problems = problems }

    package var description: String { problems.joined(separator: "; ") }
}

/// Where the services are.
package struct AWSEnvironment: Sendable {
    package let region: String
    private let endpoints: [AWSService: String]
    private let iamEndpoint: String?
    private let usesFIPS: Bool
    private let usesDualStack: Bool

    /// - Parameters:
    ///   - environment: the process's variables; an empty one counts as unset.
    ///   - region: the region when it is known from elsewhere (the task's ARN), after
    ///     `AWS_REGION` and `AWS_DEFAULT_REGION`.
    /// - Throws: ``AWSSettingsFailure`` naming every faulty variable.
    package init(
        _ environment: [String: String],
        region: String? = nil
    ) throws(AWSSettingsFailure) {
        var problems: [String] = []
        let region =
            environment.setting("AWS_REGION") ?? environment.setting("AWS_DEFAULT_REGION") ?? region
        if let region {
            if !Self.isRegion(region) {
                problems.append("AWS_REGION is no name of a region; expected one like eu-central-1")
            }
        } else {
            problems.append("AWS_REGION is not set; expected a name like eu-central-1")
        }
        usesFIPS = Self.flag("AWS_USE_FIPS_ENDPOINT", environment, &problems)
        usesDualStack = Self.flag("AWS_USE_DUALSTACK_ENDPOINT", environment, &problems)
        endpoints = Self.endpoints(environment, &problems)
        iamEndpoint = Self.iamEndpoint(environment, &problems)
        if !endpoints.isEmpty, usesFIPS || usesDualStack {
            problems.append(
                "AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT is true beside an "
                    + "AWS_ENDPOINT_URL; expected: one or the other, as AWS's SDKs have it"
            )
        }
        guard let region, problems.isEmpty else { throw AWSSettingsFailure(problems: problems) }
        self.region = region
    }

    private static func iamEndpoint(
        _ environment: [String: String],
        _ problems: inout [String]
    ) -> String? {
        guard let url = environment.setting("AWS_ENDPOINT_URL_IAM") else {
            return environment.setting("AWS_ENDPOINT_URL").flatMap { endpoint($0) }
        }
        if let endpoint = endpoint(url) { return endpoint }
        problems.append("AWS_ENDPOINT_URL_IAM is not an http or https URL without path and query")
        return nil
    }

    private static func endpoints(
        _ environment: [String: String],
        _ problems: inout [String]
    ) -> [AWSService: String] {
        var endpoints: [AWSService: String] = [:]
        for service in AWSService.allCases {
            for name in [service.endpointVariable, "AWS_ENDPOINT_URL"] {
                guard let url = environment.setting(name) else { continue }
                if let endpoint = Self.endpoint(url) {
                    endpoints[service] = endpoint
                } else {
                    let problem = "\(name) is not an http or https URL without path and query"
                    if !problems.contains(problem) { problems.append(problem) }
                }
                break
            }
        }
        return endpoints
    }

    /// In letters of either case, as AWS's SDKs take it.
    private static func flag(
        _ name: String,
        _ environment: [String: String],
        _ problems: inout [String]
    ) -> Bool {
        switch environment.setting(name)?.lowercased() {
        case "true": return true
        case nil, "false": return false
        default:
            problems.append("\(name) is neither true nor false; expected one of them")
            return false
        }
    }

    /// The URL to which every call of a service is posted; ends with a slash.
    package func endpoint(_ service: AWSService) -> String {
        if let endpoint = endpoints[service] { return endpoint }
        let host = service.host(
            region: region,
            usesFIPS: usesFIPS,
            usesDualStack: usesDualStack
        )
        return "https://\(host)/"
    }

    /// Where IAM is, which has one place for all regions of a partition, and the region that calls are
    /// signed for (botocore, `endpoint-rule-set-1.json` of IAM).
    package var iam: (url: String, region: String) {
        let partition = AWSPartition(region: region)
        let (host, signed) =
            switch partition.id {
            case "aws": ("iam.amazonaws.com", "us-east-1")
            case "aws-cn": ("iam.cn-north-1.amazonaws.com.cn", "cn-north-1")
            case "aws-us-gov": ("iam.us-gov.amazonaws.com", "us-gov-west-1")
            default: ("iam.\(region).\(partition.domain)", region)
            }
        return (iamEndpoint ?? "https://\(host)/", signed)
    }

    /// libcurl signs a path with few characters rightly in every version; AWS's JSON services
    /// need none.
    private static func endpoint(_ url: String) -> String? {
        guard let address = try? WebAddress(url), address.path == "/", !address.hasQuery else {
            return nil
        }
        return "\(address.scheme)://\(address.host):\(address.port)/"
    }

    private static func isRegion(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count < 64
            && text.utf8.allSatisfy {
                $0 == UInt8(ascii: "-") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
    }
}

extension [String: String] {
    /// The value of a variable that is set and not empty.
    func setting(_ name: String) -> String? {
        guard let value = self[name], !value.isEmpty else { return nil }
        return value
    }
}
