import FoundationEssentials

/// All items of a partition of a table as they are (DynamoDB API reference, Query).
package struct ItemReader: Sendable {
    private let aws: AWSClient
    private let table: String

    package init(_ aws: AWSClient, table: String) {
        self.aws = aws
        self.table = table
    }

    /// For whoever looks for what should not be in them.
    ///
    /// - Parameter partition: the value of `pk`.
    /// - Returns: each item in DynamoDB's JSON, by its `sk`.
    package func texts(_ partition: String) async throws(AWSFailure) -> [String: String] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var found: [String: String] = [:]
        for item in try await items(partition) {
            guard case .string(let key) = item["sk"], let data = try? encoder.encode(item)
            else { continue }
            found[key] = String(decoding: data, as: UTF8.self)
        }
        return found
    }

    func items(_ partition: String) async throws(AWSFailure) -> [Item] {
        struct Input: Encodable {
            let TableName: String
            let KeyConditionExpression = "pk = :pk"
            let ExpressionAttributeValues: Item
            let ConsistentRead = true
            let ExclusiveStartKey: Item?
        }
        struct Answer: Decodable {
            let Items: [Item]
            let LastEvaluatedKey: Item?
        }
        var found: [Item] = []
        var start: Item?
        repeat {
            let input = Input(
                TableName: table,
                ExpressionAttributeValues: [":pk": .string(partition)],
                ExclusiveStartKey: start
            )
            let answer: Answer = try await aws.call(.dynamodb, "Query", .harmless, input)
            found += answer.Items
            start = answer.LastEvaluatedKey
        } while start != nil
        return found
    }
}
