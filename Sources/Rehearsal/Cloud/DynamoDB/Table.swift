import Model

/// The key of an item.
struct ItemKey: Hashable, Sendable {
    static let names = ["pk", "sk"]

    let partition: String
    let sort: String

    var item: TableItem { ["pk": ["S": .string(partition)], "sk": ["S": .string(sort)]] }

    /// The key of an item, or of a `Key`.
    init?(of item: TableItem) {
        guard let partition = item["pk"]?["S"]?.string, let sort = item["sk"]?["S"]?.string,
            !partition.isEmpty, !sort.isEmpty
        else { return nil }
        self.partition = partition
        self.sort = sort
    }
}

/// One DynamoDB table with the string keys `pk` and `sk`, for the operations in use.
///
/// Answers follow the DynamoDB API reference; what is not supported is refused by name, so that a
/// caller never believes that an ignored parameter was honoured. Reads are consistent, also where
/// that was not asked for.
struct DynamoDBTable: Sendable {
    /// DynamoDB's own limits per call and per item.
    static let batchLimit = 100
    static let transactionLimit = 100
    static let largestItem = 400 * 1024
    /// Bytes of the items on the first page of a Query. DynamoDB's megabyte would hold a
    /// rehearsal's whole ledger, and no page would ever follow another. Later ones hold as much as
    /// all before them, up to that megabyte: callers are right to give up after so many.
    static let pageBytes = 512
    static let largestPage = 1 << 20

    let name: String
    var items: [ItemKey: TableItem] = [:]
    var partitions: [String: Partition] = [:]

    init(name: String) { self.name = name }

    /// A write that took effect.
    struct Write: Equatable, Sendable {
        var key: ItemKey
        var old: TableItem?
        /// Nil when it was deleted.
        var new: TableItem?
    }

    /// Units that were consumed.
    var consumed: (reads: Double, writes: Double) {
        partitions.values.reduce((0, 0)) {
            ($0.0 + $1.reads.consumed, $0.1 + $1.writes.consumed)
        }
    }

    /// Somebody puts an item past the API.
    mutating func set(_ item: TableItem, _ partition: String, _ sort: String) {
        let key: TableItem = ["pk": ["S": .string(partition)], "sk": ["S": .string(sort)]]
        if let place = ItemKey(of: key) { items[place] = item.merging(key) { $1 } }
    }

    /// The items of a partition by their sort keys.
    func partition(_ key: String) -> [String: TableItem] {
        var found: [String: TableItem] = [:]
        for (each, item) in items where each.partition == key { found[each.sort] = item }
        return found
    }

    mutating func answer(
        _ operation: String,
        _ input: JSON,
        at now: Milliseconds
    ) -> (WebResponse, [Write]) {
        do throws(TableRefusal) {
            switch operation {
            case "Query": return (try query(input, now), [])
            case "GetItem": return (try getItem(input, now), [])
            case "DescribeTable": return (try describeTable(input), [])
            case "DescribeTimeToLive": return (try describeTimeToLive(input), [])
            case "BatchGetItem": return (try batchGetItem(input, now), [])
            case "PutItem": return try write(.put, input, now)
            case "UpdateItem": return try write(.update, input, now)
            case "DeleteItem": return try write(.delete, input, now)
            case "TransactWriteItems": return try transactWriteItems(input, now)
            default:
                throw TableRefusal("UnknownOperationException", "\(operation) is not rehearsed")
            }
        } catch {
            return (error.answer, [])
        }
    }

    // MARK: The table itself, as the module makes it

    private func describeTable(_ input: JSON) throws(TableRefusal) -> WebResponse {
        try check(input, allowed: ["TableName"])
        try checkTable(input["TableName"]?.string)
        let keys = zip(ItemKey.names, ["HASH", "RANGE"]).map { name, type in
            ["AttributeName": .string(name), "KeyType": .string(type)] as JSON
        }
        return AWSAnswer.ok([
            "Table": [
                "TableName": .string(name), "TableStatus": "ACTIVE", "KeySchema": .array(keys),
                "DeletionProtectionEnabled": true,
            ]
        ])
    }

    private func describeTimeToLive(_ input: JSON) throws(TableRefusal) -> WebResponse {
        try check(input, allowed: ["TableName"])
        try checkTable(input["TableName"]?.string)
        return AWSAnswer.ok([
            "TimeToLiveDescription": [
                "AttributeName": "expires", "TimeToLiveStatus": "ENABLED",
            ]
        ])
    }

    // MARK: Reading

    private mutating func getItem(
        _ input: JSON,
        _ now: Milliseconds
    ) throws(TableRefusal) -> WebResponse {
        try check(input, allowed: ["TableName", "Key", "ConsistentRead"])
        try checkTable(input["TableName"]?.string)
        let key = try key(input["Key"])
        let item = items[key]
        guard read(item, of: key, input["ConsistentRead"], now) else { throw .throttled }
        return AWSAnswer.ok(item.map { ["Item": .object($0)] } ?? [:])
    }

    /// - Returns: false when it is throttled.
    private mutating func read(
        _ item: TableItem?,
        of key: ItemKey,
        _ isConsistent: JSON?,
        _ now: Milliseconds
    ) -> Bool {
        let units = Partition.readUnits(
            item.map(TableValue.size) ?? 0,
            isConsistent: isConsistent?.bool == true
        )
        return partitions[key.partition, default: Partition()].reads.take(units, at: now)
    }

    /// Keys that are throttled are left unprocessed, and the call refused when all of them are.
    private mutating func batchGetItem(
        _ input: JSON,
        _ now: Milliseconds
    ) throws(TableRefusal) -> WebResponse {
        try check(input, allowed: ["RequestItems"])
        guard let requests = input["RequestItems"]?.object, requests.count == 1,
            let (table, request) = requests.first
        else { throw TableRefusal("ValidationException", "RequestItems must hold the one table") }
        try checkTable(table)
        try check(request, allowed: ["Keys", "ConsistentRead"])
        let keys = request["Keys"]?.array ?? []
        guard (1...Self.batchLimit).contains(keys.count) else {
            throw TableRefusal("ValidationException", "Keys must hold 1 to \(Self.batchLimit) keys")
        }
        var found: [JSON] = []
        var left: [JSON] = []
        var seen: Set<ItemKey> = []
        for each in keys {
            let key = try key(each)
            guard seen.insert(key).inserted else {
                throw TableRefusal(
                    "ValidationException",
                    "Provided list of item keys contains duplicates"
                )
            }
            let item = items[key]
            if !read(item, of: key, request["ConsistentRead"], now) {
                left.append(each)
            } else if let item {
                found.append(.object(item))
            }
        }
        if left.count == keys.count { throw .throttled }
        var unprocessed: [String: JSON] = [:]
        if !left.isEmpty {
            var request = request.object ?? [:]
            request["Keys"] = .array(left)
            unprocessed[table] = .object(request)
        }
        return AWSAnswer.ok([
            "Responses": .object([table: .array(found)]), "UnprocessedKeys": .object(unprocessed),
        ])
    }

    /// One page, in the order of the sort keys' bytes or against it.
    private mutating func query(
        _ input: JSON,
        _ now: Milliseconds
    ) throws(TableRefusal) -> WebResponse {
        try check(
            input,
            allowed: [
                "TableName", "KeyConditionExpression", "ExpressionAttributeNames",
                "ExpressionAttributeValues", "ConsistentRead", "ExclusiveStartKey",
                "Limit", "ScanIndexForward",
            ]
        )
        try checkTable(input["TableName"]?.string)
        let condition = try KeyCondition(input)
        var start: ItemKey?
        if let given = input["ExclusiveStartKey"] {
            let key = try key(given)
            guard condition.holds(for: key) else {
                throw TableRefusal(
                    "ValidationException",
                    "The provided starting key is outside query boundaries based on provided "
                        + "conditions"
                )
            }
            start = key
        }
        let isForward = input["ScanIndexForward"]?.bool ?? true
        let isBefore = { (one: ItemKey, other: ItemKey) in
            isForward ? one.precedes(other) : other.precedes(one)
        }
        let all = items.keys.filter { condition.holds(for: $0) }.sorted(by: isBefore)
        let rest = all.drop { key in start.map { !isBefore($0, key) } ?? false }
        let before = all.prefix(all.count - rest.count).reduce(0) { $0 + size(at: $1) }
        let most = input["Limit"]?.int ?? rest.count
        guard most > 0 || rest.isEmpty else {
            throw TableRefusal("ValidationException", "Limit must be 1 or more")
        }
        let (page, bytes) = page(
            of: rest.prefix(most),
            most: min(max(Self.pageBytes, before), Self.largestPage)
        )
        let units = Partition.readUnits(
            bytes,
            isConsistent: input["ConsistentRead"]?.bool == true
        )
        guard partitions[condition.partition, default: Partition()].reads.take(units, at: now)
        else { throw .throttled }
        var answer: [String: JSON] = [
            "Items": .array(page.compactMap { items[$0].map(JSON.object) }),
            "Count": .int(page.count), "ScannedCount": .int(page.count),
        ]
        if page.count < rest.count, let last = page.last {
            answer["LastEvaluatedKey"] = .object(last.item)
        }
        return AWSAnswer.ok(.object(answer))
    }

    private func size(at key: ItemKey) -> Int { items[key].map(TableValue.size) ?? 0 }

    private func page(
        of keys: ArraySlice<ItemKey>,
        most: Int
    ) -> (keys: ArraySlice<ItemKey>, bytes: Int) {
        var bytes = 0
        var count = 0
        for key in keys {
            let size = size(at: key)
            if count > 0, bytes + size > most { break }
            bytes += size
            count += 1
        }
        return (keys.prefix(count), bytes)
    }

    // MARK: Checks

    func check(_ input: JSON, allowed: Set<String>) throws(TableRefusal) {
        let extra = Set((input.object ?? [:]).keys).subtracting(allowed).sorted()
        guard extra.isEmpty else {
            throw TableRefusal(
                "ValidationException",
                "not rehearsed: \(extra.joined(separator: ", "))"
            )
        }
    }

    func checkTable(_ table: String?) throws(TableRefusal) {
        guard table == name else {
            throw TableRefusal("ResourceNotFoundException", "Requested resource not found")
        }
    }

    func key(_ key: JSON?) throws(TableRefusal) -> ItemKey {
        guard let members = key?.object, members.count == ItemKey.names.count,
            let key = ItemKey(of: members)
        else {
            throw TableRefusal(
                "ValidationException",
                "The provided key element does not match the schema"
            )
        }
        return key
    }
}

extension ItemKey {
    fileprivate func precedes(_ other: ItemKey) -> Bool {
        sort.utf8.lexicographicallyPrecedes(other.sort.utf8)
    }
}

/// Which items a Query is about: all of a partition, or those whose sort key compares so.
private struct KeyCondition {
    let partition: String
    private let sort: Condition.Term?

    init(_ input: JSON) throws(TableRefusal) {
        var words = try Placeholders(input)
        let text = input["KeyConditionExpression"]?.string ?? ""
        let condition = try Condition(text, &words)
        try words.checkAllUsed()
        let terms = if case .all(let terms) = condition.term { terms } else { [condition.term] }
        guard terms.count <= 2, case .compares("pk", .equal, let value) = terms.first,
            let partition = value["S"]?.string
        else { throw Self.unsupported }
        self.partition = partition
        sort = terms.count > 1 ? terms[1] : nil
        if let sort {
            guard case .compares("sk", let sign, let value) = sort, sign != .unequal,
                value["S"] != nil
            else { throw Self.unsupported }
        }
    }

    private static let unsupported = TableRefusal(
        "ValidationException",
        "Query key condition not supported"
    )

    func holds(for key: ItemKey) -> Bool {
        key.partition == partition && sort.map { Condition.holds($0, key.item) } ?? true
    }
}
