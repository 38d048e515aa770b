/// What there is under a name, and by its tags whose it is (API references of Amazon ECS, DynamoDB,
/// CloudWatch Logs, and Resource Groups Tagging). It only reads.
package struct Belongings: Sendable {
    private let aws: AWSClient

    package init(_ aws: AWSClient) { self.aws = aws }

    package typealias Tags = [String: String]

    /// - Returns: nil where there is no cluster of that name, or one that was deleted.
    package func tags(ofCluster name: String) async throws(AWSFailure) -> Tags? {
        struct Input: Encodable {
            let clusters: [String]
            let include = ["TAGS"]
        }
        struct Answer: Decodable {
            let clusters: [Cluster]?
            struct Cluster: Decodable {
                let status: String?
                let tags: [SmallTag]?
            }
        }
        let input = Input(clusters: [name])
        let answer: Answer = try await aws.call(.ecs, "DescribeClusters", .harmless, input)
        let found = (answer.clusters ?? []).first { $0.status != "INACTIVE" }
        return found.map { Self.tags($0.tags ?? []) }
    }

    /// - Returns: nil where there is no table of that name.
    package func tags(ofTable name: String) async throws(AWSFailure) -> Tags? {
        struct Table: Encodable { let TableName: String }
        struct Found: Decodable {
            let Table: Named
            struct Named: Decodable { let TableArn: String }
        }
        struct Resource: Encodable { let ResourceArn: String }
        struct Answer: Decodable { let Tags: [Tag]? }
        return try await Self.unlessMissing { () throws(AWSFailure) in
            let found: Found = try await aws.call(
                .dynamodb,
                "DescribeTable",
                .harmless,
                Table(TableName: name)
            )
            let answer: Answer = try await aws.call(
                .dynamodb,
                "ListTagsOfResource",
                .harmless,
                Resource(ResourceArn: found.Table.TableArn)
            )
            return Self.tags(answer.Tags ?? [])
        }
    }

    /// - Returns: nil where there is no log group of that name.
    package func tags(ofLogGroup name: String) async throws(AWSFailure) -> Tags? {
        struct Input: Encodable { let logGroupNamePrefix: String }
        struct Groups: Decodable {
            let logGroups: [Group]?
            struct Group: Decodable {
                let logGroupName: String?
                let logGroupArn: String?
            }
        }
        struct Resource: Encodable { let resourceArn: String }
        struct Answer: Decodable { let tags: Tags? }
        return try await Self.unlessMissing { () throws(AWSFailure) in
            let groups: Groups = try await aws.call(
                .logs,
                "DescribeLogGroups",
                .harmless,
                Input(logGroupNamePrefix: name)
            )
            let found = (groups.logGroups ?? []).first { $0.logGroupName == name }
            guard let found else { return nil }
            guard let arn = found.logGroupArn else { return [:] }
            let answer: Answer = try await aws.call(
                .logs,
                "ListTagsForResource",
                .harmless,
                Resource(resourceArn: arn)
            )
            return answer.tags ?? [:]
        }
    }

    /// Pages of a list; a try makes some forty resources.
    private static let mostPages = 20

    /// - Returns: the ARNs of everything in the region that has this tag. What was deleted may be told
    ///   for a while.
    package func resources(
        tagged key: String,
        _ value: String
    ) async throws(AWSFailure) -> [String] {
        struct Filter: Encodable {
            let Key: String
            let Values: [String]
        }
        struct Input: Encodable {
            let TagFilters: [Filter]
            let PaginationToken: String?
        }
        struct Answer: Decodable {
            let ResourceTagMappingList: [Mapping]?
            let PaginationToken: String?
            struct Mapping: Decodable { let ResourceARN: String? }
        }
        var found: [String] = []
        var token: String?
        for _ in 0..<Self.mostPages {
            let input = Input(
                TagFilters: [Filter(Key: key, Values: [value])],
                PaginationToken: token
            )
            let answer: Answer = try await aws.call(.tagging, "GetResources", .harmless, input)
            found += (answer.ResourceTagMappingList ?? []).compactMap(\.ResourceARN)
            token = answer.PaginationToken
            guard token?.isEmpty == false else { break }
        }
        return found.sorted()
    }

    // MARK: Two spellings of a tag

    private struct Tag: Decodable {
        let Key: String?
        let Value: String?
    }

    private struct SmallTag: Decodable {
        let key: String?
        let value: String?
    }

    private static func tags(_ all: [Tag]) -> Tags {
        Dictionary(all.map { ($0.Key ?? "", $0.Value ?? "") }) { $1 }
    }

    private static func tags(_ all: [SmallTag]) -> Tags {
        Dictionary(all.map { ($0.key ?? "", $0.value ?? "") }) { $1 }
    }

    private static func unlessMissing(
        _ read: () async throws(AWSFailure) -> Tags?
    ) async throws(AWSFailure) -> Tags? {
        do {
            return try await read()
        } catch {
            guard case .notFound = error.cause else { throw error }
            return nil
        }
    }
}
