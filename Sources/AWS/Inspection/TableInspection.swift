/// The ledger's table from outside, and what one may write to it, found out by writes whose condition
/// cannot hold: DynamoDB denies them before it looks at the condition.
package struct TableInspection: Sendable {
    private let aws: AWSClient
    private let table: String

    package init(_ aws: AWSClient, table: String) {
        self.aws = aws
        self.table = table
    }

    package struct Description: Hashable, Sendable {
        package let status: String
        /// `pk HASH`, `sk RANGE`.
        package let keys: [String]
        /// With what DynamoDB deletes it only when that is taken back.
        package let isProtected: Bool
        /// Nil where items never expire.
        package let expiryAttribute: String?

        package init(
            status: String,
            keys: [String],
            isProtected: Bool,
            expiryAttribute: String?
        ) {
            self.status = status
            self.keys = keys
            self.isProtected = isProtected
            self.expiryAttribute = expiryAttribute
        }
    }

    private struct Input: Encodable {
        let table: String
        enum CodingKeys: String, CodingKey { case table = "TableName" }
    }

    package func describe() async throws(AWSFailure) -> Description {
        let found: TableAnswer = try await aws.call(
            .dynamodb,
            "DescribeTable",
            .harmless,
            Input(table: table)
        )
        let expiry: ExpiryAnswer = try await aws.call(
            .dynamodb,
            "DescribeTimeToLive",
            .harmless,
            Input(table: table)
        )
        return Description(
            status: found.table.status ?? "?",
            keys: (found.table.keys ?? []).map { "\($0.name) \($0.type)" },
            isProtected: found.table.isProtected ?? false,
            expiryAttribute: expiry.description?.attribute
        )
    }

    private struct TableAnswer: Decodable {
        let table: Table
        enum CodingKeys: String, CodingKey { case table = "Table" }

        struct Table: Decodable {
            let status: String?
            let keys: [Key]?
            let isProtected: Bool?

            enum CodingKeys: String, CodingKey {
                case status = "TableStatus"
                case keys = "KeySchema"
                case isProtected = "DeletionProtectionEnabled"
            }
        }

        struct Key: Decodable {
            let name: String
            let type: String

            enum CodingKeys: String, CodingKey {
                case name = "AttributeName"
                case type = "KeyType"
            }
        }
    }

    private struct ExpiryAnswer: Decodable {
        let description: Expiry?
        enum CodingKeys: String, CodingKey { case description = "TimeToLiveDescription" }

        struct Expiry: Decodable {
            let attribute: String?
            enum CodingKeys: String, CodingKey { case attribute = "AttributeName" }
        }
    }

    // MARK: What one may do

    /// - Throws: `denied` where the pool's items may not be read.
    package func tryRead(partition: String) async throws(AWSFailure) {
        struct Read: Encodable {
            let table: String
            let condition = "pk = :pk"
            let values: Item
            let limit = 1

            enum CodingKeys: String, CodingKey {
                case table = "TableName"
                case condition = "KeyConditionExpression"
                case values = "ExpressionAttributeValues"
                case limit = "Limit"
            }
        }
        struct Nothing: Decodable {}
        let read = Read(table: table, values: [":pk": .string(partition)])
        let _: Nothing = try await aws.call(.dynamodb, "Query", .harmless, read)
    }

    /// Finds out whether an item with this attribute might be written.
    ///
    /// - Throws: `denied` where it might not; anything else tells nothing.
    package func tryWrite(
        partition: String,
        sort: String,
        attribute: String
    ) async throws(AWSFailure) {
        struct Write: Encodable {
            let table: String
            let key: Item
            let update = "SET #a = :v"
            let condition = "attribute_exists(#k) AND attribute_not_exists(#k)"
            let names: [String: String]
            let values: Item = [":v": .number(0)]

            enum CodingKeys: String, CodingKey {
                case table = "TableName"
                case key = "Key"
                case update = "UpdateExpression"
                case condition = "ConditionExpression"
                case names = "ExpressionAttributeNames"
                case values = "ExpressionAttributeValues"
            }
        }
        struct Nothing: Decodable {}
        let write = Write(
            table: table,
            key: ["pk": .string(partition), "sk": .string(sort)],
            names: ["#a": attribute, "#k": "pk"]
        )
        do {
            let _: Nothing = try await aws.call(.dynamodb, "UpdateItem", .harmless, write)
        } catch {
            if case .service(code: "ConditionalCheckFailedException", _, _) = error.cause {
                return
            }
            throw error
        }
    }
}
