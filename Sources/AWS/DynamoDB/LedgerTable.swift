import Decisions
import Ports
import StrictJSON

/// The calls of DynamoDB behind the ledger, in a table with the string keys `pk` and `sk` (DynamoDB
/// API reference, Query, GetItem, BatchGetItem, PutItem, UpdateItem, DeleteItem,
/// TransactWriteItems).
struct LedgerTable: Sendable {
    private let aws: AWSClient
    private let name: String
    private let key: String
    private let retry: RetryClock
    private let meter: LedgerMeter?

    /// Tries of a read that DynamoDB leaves unprocessed, which it does when it is throttled.
    static let maximumReads = 6
    /// Keys of one BatchGetItem.
    private static let batch = 100
    /// Pages of a reading, of 1 MB each: a hundred thousand jobs and more.
    private static let maximumPages = 16

    init(_ aws: AWSClient, name: String, key: String, retry: RetryClock, meter: LedgerMeter?) {
        self.aws = aws
        self.name = name
        self.key = key
        self.retry = retry
        self.meter = meter
    }

    /// Limits, ledger and jobs, in this order, by their sort keys; each as it is when it is read.
    func query() async throws(LedgerFailure) -> [String: Item] {
        var found: [String: Item] = [:]
        var start: Item?
        for _ in 0..<Self.maximumPages {
            let input = QueryInput(
                table: name,
                values: [":pk": .string(key), ":end": .string(LedgerKey.end)],
                start: start
            )
            let answer = try await page(input)
            for item in answer.items { found[try sortKey(item)] = item }
            guard let last = answer.last else { return found }
            start = last
        }
        throw .refused("the table has more than \(Self.maximumPages) MB of jobs of the service")
    }

    private func page(_ input: QueryInput) async throws(LedgerFailure) -> QueryAnswer {
        do {
            return try await aws.call(.dynamodb, "Query", .harmless, input) { body in
                try QueryAnswer(JSONTree(body))
            }
        } catch {
            throw .unchanged(.call("\(error)"))
        }
    }

    /// The item of what is counted; nil where there is none.
    func ledger() async throws(LedgerFailure) -> Item? {
        let input = GetInput(table: name, key: itemKey(LedgerKey.ledger), isConsistent: true)
        let answer: GetAnswer = try await reading("GetItem", input)
        return answer.item
    }

    /// Limits and ledger by their sort keys, each as it is when it is read.
    func overview() async throws(LedgerFailure) -> [String: Item] {
        var found: [String: Item] = [:]
        for item in try await batchGet(LedgerKey.allButJobs) { found[try sortKey(item)] = item }
        return found
    }

    /// The items of these tasks that have departed.
    func departed(_ tasks: Set<TaskID>) async throws(LedgerFailure) -> [TaskID: Ledger.Departed] {
        var departed: [TaskID: Ledger.Departed] = [:]
        var rest = tasks.sorted()[...]
        while !rest.isEmpty {
            let keys = rest.prefix(Self.batch).map(LedgerKey.task)
            rest = rest.dropFirst(Self.batch)
            for item in try await batchGet(Set(keys)) {
                let key = try sortKey(item)
                guard let task = LedgerKey.task(at: key) else { continue }
                do throws(ItemFault) {
                    departed[task] = try DepartedItem.decode(item, key: key)
                } catch {
                    throw .refused("\(error)")
                }
            }
        }
        return departed
    }

    private func batchGet(_ sortKeys: Set<String>) async throws(LedgerFailure) -> [Item] {
        var wanted = sortKeys
        var found: [Item] = []
        for attempt in 1...Self.maximumReads {
            let keys = KeysAndConsistency(
                keys: wanted.sorted().map { itemKey($0) },
                isConsistent: true
            )
            let answer: BatchAnswer = try await reading(
                "BatchGetItem",
                BatchInput(items: [name: keys])
            )
            found += answer.responses?[name] ?? []
            wanted = []
            for key in answer.unprocessed?[name]?.keys ?? [] { wanted.insert(try sortKey(key)) }
            if wanted.isEmpty { return found }
            guard await retry.pause(afterTry: attempt) else { throw .unchanged(.cancelled) }
        }
        throw .unchanged(
            .call("dynamodb BatchGetItem left keys unprocessed, \(Self.maximumReads) times")
        )
    }

    private func sortKey(_ item: Item) throws(LedgerFailure) -> String {
        guard case .string(let key) = item["sk"] else {
            throw .refused("\(ItemFault.malformed(attribute: "sk", expected: "text"))")
        }
        return key
    }

    private func itemKey(_ sortKey: String) -> Item {
        ["pk": .string(key), "sk": .string(sortKey)]
    }

    private func reading<Answer: Decodable>(
        _ operation: String,
        _ input: some Encodable
    ) async throws(LedgerFailure) -> Answer {
        do {
            return try await aws.call(.dynamodb, operation, .harmless, input)
        } catch {
            throw .unchanged(.call("\(error)"))
        }
    }

    // MARK: Writing

    enum WriteFailure: Error {
        /// A condition did not hold: someone else has written, or this very write arrived before.
        case lostRace
        case service(AWSFailure)
    }

    /// One or several writes, all of them or none.
    func write(_ writes: [TableWrite], _ repetition: AWSClient.Repetition)
        async throws(WriteFailure)
    {
        if writes.count == 1 {
            _ = try await write(writes[0].action(table: name, key: itemKey), repetition)
            return
        }
        let actions = writes.map { $0.action(table: name, key: itemKey, isAlone: false) }
        let answer: TransactionAnswer = try await metered { () throws(AWSFailure) in
            try await aws.call(
                .dynamodb,
                "TransactWriteItems",
                repetition,
                TransactionInput(actions: actions)
            )
        }
        meter?.wrote(units: answer.consumed?.units ?? 0)
    }

    /// One write by itself, which may be repeated.
    ///
    /// - Returns: the item before it; empty for none.
    func replace(_ write: TableWrite) async throws(WriteFailure) -> Item {
        try await self.write(
            write.action(table: name, key: itemKey, returns: "ALL_OLD"),
            .harmless
        )
    }

    /// Updates the item of what is counted.
    ///
    /// - Returns: the item after it.
    func update(
        _ update: TableWrite.Update,
        if condition: TableWrite.Condition
    ) async throws(WriteFailure) -> Item {
        let write = TableWrite(
            key: LedgerKey.ledger,
            kind: .update(update),
            condition: condition
        )
        return try await self.write(
            write.action(table: name, key: itemKey, returns: "ALL_NEW"),
            .harmless
        )
    }

    /// - Returns: the item that was asked for; empty for none.
    private func write(
        _ action: TableWrite.Action,
        _ repetition: AWSClient.Repetition
    ) async throws(WriteFailure) -> Item {
        let answer: WriteAnswer = try await metered { () throws(AWSFailure) in
            try await aws.call(.dynamodb, action.operation, repetition, action.input)
        }
        meter?.wrote(units: answer.consumed?.units ?? 0)
        return answer.attributes ?? [:]
    }

    private func metered<Answer>(
        _ call: () async throws(AWSFailure) -> Answer
    ) async throws(WriteFailure) -> Answer {
        do {
            return try await call()
        } catch {
            guard error.isLostRace else { throw .service(error) }
            meter?.lostRace()
            throw .lostRace
        }
    }

    // MARK: The shapes of the calls

    private struct QueryInput: Encodable {
        let table: String
        let condition = "pk = :pk AND sk < :end"
        let values: Item
        let isConsistent = true
        /// Ledger and limits before the jobs: what is committed while the pages are read then fails
        /// the condition on the ledger's version. A query is not one moment.
        let isForward = false
        let start: Item?

        enum CodingKeys: String, CodingKey {
            case table = "TableName"
            case condition = "KeyConditionExpression"
            case values = "ExpressionAttributeValues"
            case isConsistent = "ConsistentRead"
            case isForward = "ScanIndexForward"
            case start = "ExclusiveStartKey"
        }
    }

    /// Read without a decoder: of thousands of jobs that would take tens of milliseconds.
    private struct QueryAnswer {
        let items: [Item]
        let last: Item?

        init(_ tree: JSONTree) throws(AttributeValue.Misshapen) {
            guard let members = tree.members, case .array(let items)? = members["Items"] else {
                throw AttributeValue.Misshapen()
            }
            self.items = try items.map { item throws(AttributeValue.Misshapen) in
                try AttributeValue.item(item)
            }
            switch members["LastEvaluatedKey"] {
            case nil, .null?: last = nil
            case let key?: last = try AttributeValue.item(key)
            }
        }
    }

    private struct GetInput: Encodable {
        let table: String
        let key: Item
        let isConsistent: Bool

        enum CodingKeys: String, CodingKey {
            case table = "TableName"
            case key = "Key"
            case isConsistent = "ConsistentRead"
        }
    }

    private struct GetAnswer: Decodable {
        let item: Item?
        enum CodingKeys: String, CodingKey { case item = "Item" }
    }

    private struct KeysAndConsistency: Codable {
        let keys: [Item]
        let isConsistent: Bool?

        enum CodingKeys: String, CodingKey {
            case keys = "Keys"
            case isConsistent = "ConsistentRead"
        }
    }

    private struct BatchInput: Encodable {
        let items: [String: KeysAndConsistency]
        enum CodingKeys: String, CodingKey { case items = "RequestItems" }
    }

    private struct BatchAnswer: Decodable {
        let responses: [String: [Item]]?
        let unprocessed: [String: KeysAndConsistency]?

        enum CodingKeys: String, CodingKey {
            case responses = "Responses"
            case unprocessed = "UnprocessedKeys"
        }
    }

    /// Of one write, or of each of a transaction. Whatever stands there, it makes no write that took
    /// effect one of which nobody knows.
    private struct Consumed: Decodable {
        let units: Double

        enum CodingKeys: String, CodingKey { case units = "CapacityUnits" }

        init(from decoder: any Decoder) {
            if var several = try? decoder.unkeyedContainer() {
                var sum = 0.0
                while let one = try? several.decode(Consumed.self) { sum += one.units }
                units = sum
            } else {
                let one = try? decoder.container(keyedBy: CodingKeys.self)
                units = (try? one?.decode(Double.self, forKey: .units)) ?? 0
            }
        }
    }

    private struct WriteAnswer: Decodable {
        let attributes: Item?
        let consumed: Consumed?

        enum CodingKeys: String, CodingKey {
            case attributes = "Attributes"
            case consumed = "ConsumedCapacity"
        }
    }

    private struct TransactionAnswer: Decodable {
        let consumed: Consumed?
        enum CodingKeys: String, CodingKey { case consumed = "ConsumedCapacity" }
    }

    private struct TransactionInput: Encodable {
        let actions: [TableWrite.Action]

        enum CodingKeys: String, CodingKey {
            case actions = "TransactItems"
            case units = "ReturnConsumedCapacity"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(actions.map { [$0.member: $0.input] }, forKey: .actions)
            try container.encode("TOTAL", forKey: .units)
        }
    }
}

extension AWSFailure {
    /// True when a condition did not hold, or another write of the same item was under way: nothing
    /// was changed.
    var isLostRace: Bool {
        switch cause {
        case .service("ConditionalCheckFailedException", _, _): true
        case .cancelled(let reasons):
            reasons.allSatisfy {
                ["None", "ConditionalCheckFailed", "TransactionConflict"].contains($0)
            }
        default: false
        }
    }
}
