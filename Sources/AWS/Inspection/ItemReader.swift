import FoundationEssentials

/// Items of a table as they are, for whoever looks for what should not be in them (DynamoDB API
/// reference, Query).
package struct ItemReader: Sendable {
    private let aws: AWSClient
    private let table: String

    package init(_ aws: AWSClient, table: String) {
        self.aws = aws
        self.table = table
    }

    /// - Parameter partition: the value of `pk`.
    /// - Returns: each item in DynamoDB's JSON, by its `sk`.
    package func items(_ partition: String) async throws(AWSFailure) -> [String: String] {
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
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var found: [String: String] = [:]
        var start: Item?
        repeat {
            let input = Input(
                TableName: table,
                ExpressionAttributeValues: [":pk": .string(partition)],
                ExclusiveStartKey: start
            )
            let answer: Answer = try await aws.call(.dynamodb, "Query", .harmless, input)
            for item in answer.Items {
                guard case .string(let key) = item["sk"], let data = try? encoder.encode(item)
                else { continue }
                found[key] = String(decoding: data, as: UTF8.self)
            }
            start = answer.LastEvaluatedKey
        } while start != nil
        return found
    }
}
