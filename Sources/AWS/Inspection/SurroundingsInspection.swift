/// What a pool needs around it: images, log groups, quotas, alarms. Each call reads (API references of
/// Amazon ECR, CloudWatch Logs, Service Quotas and CloudWatch).
package struct SurroundingsInspection: Sendable {
    private let aws: AWSClient

    package init(_ aws: AWSClient) { self.aws = aws }

    /// An image in a private registry of ECR: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG`, or with
    /// a digest.
    package struct ECRImage: Hashable, Sendable {
        package let registry: String
        package let region: String
        package let repository: String
        package let tag: String?
        package let digest: String?

        /// - Returns: nil for an image of another registry.
        package init?(_ image: String) {
            guard let slash = image.firstIndex(of: "/") else { return nil }
            let host = image[..<slash].split(separator: ".")
            guard host.count >= 6, host[1] == "dkr", host[2] == "ecr" else { return nil }
            var rest = image[image.index(after: slash)...]
            registry = String(host[0])
            region = String(host[3])
            digest = rest.firstIndex(of: "@").map { String(rest[rest.index(after: $0)...]) }
            if let at = rest.firstIndex(of: "@") { rest = rest[..<at] }
            let colon = rest.lastIndex(of: ":")
            let named = colon.map { String(rest[rest.index(after: $0)...]) }
            repository = String(colon.map { rest[..<$0] } ?? rest)
            tag = named ?? (digest == nil ? "latest" : nil)
        }
    }

    /// - Throws: `notFound` where there is no such image.
    package func find(_ image: ECRImage) async throws(AWSFailure) {
        struct Name: Encodable {
            let imageTag: String?
            let imageDigest: String?
        }
        struct Input: Encodable {
            let registryId: String
            let repositoryName: String
            let imageIds: [Name]
        }
        struct Nothing: Decodable {}
        let input = Input(
            registryId: image.registry,
            repositoryName: image.repository,
            imageIds: [
                Name(
                    imageTag: image.digest == nil ? image.tag : nil,
                    imageDigest: image.digest
                )
            ]
        )
        let _: Nothing = try await aws.call(.ecr, "DescribeImages", .harmless, input)
    }

    package func hasLogGroup(_ name: String) async throws(AWSFailure) -> Bool {
        struct Input: Encodable { let logGroupNamePrefix: String }
        struct Answer: Decodable {
            let logGroups: [Group]?
            struct Group: Decodable { let logGroupName: String? }
        }
        let answer: Answer = try await aws.call(
            .logs,
            "DescribeLogGroups",
            .harmless,
            Input(logGroupNamePrefix: name)
        )
        return (answer.logGroups ?? []).contains { $0.logGroupName == name }
    }

    /// A quota of Fargate.
    ///
    /// - Parameter code: such as `L-3032A538`.
    package func fargateQuota(_ code: String) async throws(AWSFailure) -> Double {
        struct Input: Encodable {
            let service = "fargate"
            let code: String

            enum CodingKeys: String, CodingKey {
                case service = "ServiceCode"
                case code = "QuotaCode"
            }
        }
        struct Answer: Decodable {
            let quota: Quota
            enum CodingKeys: String, CodingKey { case quota = "Quota" }

            struct Quota: Decodable {
                let value: Double
                enum CodingKeys: String, CodingKey { case value = "Value" }
            }
        }
        let input = Input(code: code)
        let answer: Answer = try await aws.call(.servicequotas, "GetServiceQuota", .harmless, input)
        return answer.quota.value
    }

    package struct Alarm: Decodable, Hashable, Sendable {
        package let name: String
        package let isArmed: Bool
        package let state: String

        enum CodingKeys: String, CodingKey {
            case name = "AlarmName"
            case isArmed = "ActionsEnabled"
            case state = "StateValue"
        }

        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            name = try fields.decode(String.self, forKey: .name)
            isArmed = try fields.decodeIfPresent(Bool.self, forKey: .isArmed) ?? true
            state = try fields.decodeIfPresent(String.self, forKey: .state) ?? "?"
        }
    }

    /// - Returns: a hundred of the alarms whose name begins so, of both kinds.
    package func alarms(prefix: String) async throws(AWSFailure) -> [Alarm] {
        struct Input: Encodable {
            let prefix: String
            let types = ["MetricAlarm", "CompositeAlarm"]
            let most = 100

            enum CodingKeys: String, CodingKey {
                case prefix = "AlarmNamePrefix"
                case types = "AlarmTypes"
                case most = "MaxRecords"
            }
        }
        struct Answer: Decodable {
            let metric: [Alarm]?
            let composite: [Alarm]?

            enum CodingKeys: String, CodingKey {
                case metric = "MetricAlarms"
                case composite = "CompositeAlarms"
            }
        }
        let input = Input(prefix: prefix)
        let answer: Answer = try await aws.call(.monitoring, "DescribeAlarms", .harmless, input)
        return (answer.metric ?? []) + (answer.composite ?? [])
    }
}
