/// An item as DynamoDB's JSON shows it: attribute name to `{"S": ...}`, `{"N": ...}` and so on.
typealias Item = [String: JSON]

/// One DynamoDB table with a string key `pk`, for the few operations in use.
///
/// Answers follow the DynamoDB API reference; what is not supported is refused by name, so that a
/// caller never believes that an ignored parameter was honoured.
struct DynamoDBTable: Sendable {
    static let space = "com.amazonaws.dynamodb.v20120810#"
    static let key = "pk"
    /// DynamoDB's own limits per call and per item.
    static let batchLimit = 100
    static let largestItem = 400 * 1024

    let name: String
    private(set) var items: [String: Item] = [:]

    init(name: String) { self.name = name }

    /// A write that took effect.
    struct Write: Equatable, Sendable {
        var old: Item?
        var new: Item
    }

    mutating func answer(_ operation: String, _ input: JSON) -> (WebResponse, Write?) {
        do throws(Refusal) {
            switch operation {
            case "GetItem": return (try getItem(input), nil)
            case "BatchGetItem": return (try batchGetItem(input), nil)
            case "PutItem": return try putItem(input)
            case "UpdateItem": return try updateItem(input)
            default:
                throw Refusal("UnknownOperationException", "\(operation) is not rehearsed")
            }
        } catch {
            return (error.answer, nil)
        }
    }

    private func getItem(_ input: JSON) throws(Refusal) -> WebResponse {
        try check(input, allowed: ["TableName", "Key", "ConsistentRead", "ReturnConsumedCapacity"])
        try checkTable(input["TableName"]?.string)
        let item = items[try keyValue(input["Key"])]
        return AWSAnswer.ok(item.map { ["Item": .object($0)] } ?? [:])
    }

    private func batchGetItem(_ input: JSON) throws(Refusal) -> WebResponse {
        try check(input, allowed: ["RequestItems", "ReturnConsumedCapacity"])
        guard let requests = input["RequestItems"]?.object, !requests.isEmpty else {
            throw Refusal("ValidationException", "RequestItems is missing or empty")
        }
        var responses: [String: JSON] = [:]
        for (table, request) in requests {
            try checkTable(table)
            try check(request, allowed: ["Keys", "ConsistentRead"])
            let keys = request["Keys"]?.array ?? []
            guard (1...Self.batchLimit).contains(keys.count) else {
                throw Refusal("ValidationException", "Keys must hold 1 to 100 keys")
            }
            var found: [JSON] = []
            var seen: Set<String> = []
            for key in keys {
                let value = try keyValue(key)
                guard seen.insert(value).inserted else {
                    throw Refusal(
                        "ValidationException",
                        "Provided list of item keys contains duplicates"
                    )
                }
                if let item = items[value] { found.append(.object(item)) }
            }
            responses[table] = .array(found)
        }
        return AWSAnswer.ok(["Responses": .object(responses), "UnprocessedKeys": [:]])
    }

    private mutating func putItem(_ input: JSON) throws(Refusal) -> (WebResponse, Write?) {
        try check(
            input,
            allowed: [
                "TableName", "Item", "ConditionExpression", "ExpressionAttributeNames",
                "ExpressionAttributeValues", "ReturnValues", "ReturnConsumedCapacity",
                "ReturnValuesOnConditionCheckFailure",
            ]
        )
        try checkTable(input["TableName"]?.string)
        guard let item = input["Item"]?.object, let key = item[Self.key]?["S"]?.string,
            !key.isEmpty
        else { throw Refusal("ValidationException", "The item has no string key pk") }
        try checkSize(item)
        for value in item.values { try AttributeValue.check(value) }
        let old = items[key]
        try checkCondition(
            input,
            of: old,
            names: input["ExpressionAttributeNames"],
            values: input["ExpressionAttributeValues"]
        )
        items[key] = item
        let wantsOld = input["ReturnValues"]?.string == "ALL_OLD"
        let body: JSON = wantsOld ? ["Attributes": .object(old ?? [:])] : [:]
        return (AWSAnswer.ok(body), Write(old: old, new: item))
    }

    private mutating func updateItem(_ input: JSON) throws(Refusal) -> (WebResponse, Write?) {
        try check(
            input,
            allowed: [
                "TableName", "Key", "UpdateExpression", "ConditionExpression",
                "ExpressionAttributeNames", "ExpressionAttributeValues", "ReturnValues",
                "ReturnConsumedCapacity", "ReturnValuesOnConditionCheckFailure",
            ]
        )
        try checkTable(input["TableName"]?.string)
        let key = try keyValue(input["Key"])
        let names = input["ExpressionAttributeNames"]?.object ?? [:]
        let values = input["ExpressionAttributeValues"]?.object ?? [:]
        let expression = input["UpdateExpression"]?.string ?? ""
        let condition = input["ConditionExpression"]?.string ?? ""
        let words = Set(Condition.tokens(condition))
        let unused = Set(names.keys).union(values.keys)
            .subtracting(words).subtracting(Condition.tokens(expression))
        guard unused.isEmpty else {
            throw Refusal("ValidationException", "unused in expressions: \(unused.sorted())")
        }
        let update = try UpdateExpression(expression, names: names, values: values)
        let old = items[key]
        try checkCondition(
            input,
            of: old,
            names: .object(names.filter { words.contains($0.key) }),
            values: .object(values.filter { words.contains($0.key) })
        )
        let new = update.apply(to: old ?? [Self.key: ["S": .string(key)]])
        try checkSize(new)
        items[key] = new
        let wantsNew = input["ReturnValues"]?.string == "ALL_NEW"
        let body: JSON = wantsNew ? ["Attributes": .object(new)] : [:]
        return (AWSAnswer.ok(body), Write(old: old, new: new))
    }

    // MARK: - Checks

    private func checkSize(_ item: Item) throws(Refusal) {
        guard JSON.object(item).text.utf8.count <= Self.largestItem else {
            throw Refusal("ValidationException", "Item size has exceeded the maximum allowed size")
        }
    }

    private func checkCondition(
        _ input: JSON,
        of old: Item?,
        names: JSON?,
        values: JSON?
    ) throws(Refusal) {
        guard let text = input["ConditionExpression"]?.string else { return }
        let condition = try Condition(text, names: names, values: values)
        guard !condition.holds(for: old ?? [:]) else { return }
        var refusal = Refusal("ConditionalCheckFailedException", "The conditional request failed")
        if input["ReturnValuesOnConditionCheckFailure"]?.string == "ALL_OLD" { refusal.item = old }
        throw refusal
    }

    /// A request that DynamoDB refuses.
    struct Refusal: Error {
        var type: String
        var message: String
        var item: Item?

        init(_ type: String, _ message: String) {
            self.type = type
            self.message = message
        }

        var answer: WebResponse {
            var body: [String: JSON] = [
                "__type": .string(DynamoDBTable.space + type), "message": .string(message),
            ]
            if let item { body["Item"] = .object(item) }
            return WebResponse(400, .object(body), contentType: "application/x-amz-json-1.0")
        }
    }

    private func check(_ input: JSON, allowed: Set<String>) throws(Refusal) {
        let extra = Set((input.object ?? [:]).keys).subtracting(allowed).sorted()
        guard extra.isEmpty else {
            throw Refusal("ValidationException", "not rehearsed: \(extra.joined(separator: ", "))")
        }
    }

    private func checkTable(_ table: String?) throws(Refusal) {
        guard table == name else {
            throw Refusal("ResourceNotFoundException", "Requested resource not found")
        }
    }

    private func keyValue(_ key: JSON?) throws(Refusal) -> String {
        guard let members = key?.object, members.count == 1,
            let value = members[Self.key]?["S"]?.string
        else {
            throw Refusal(
                "ValidationException",
                "The provided key element does not match the schema"
            )
        }
        return value
    }
}

/// DynamoDB's attribute values: one type letter, one value of that type.
enum AttributeValue {
    static func check(_ value: JSON) throws(DynamoDBTable.Refusal) {
        guard let members = value.object, members.count == 1, let (type, content) = members.first
        else { throw .init("ValidationException", "an attribute value must have one type") }
        var fits = false
        switch type {
        case "S": fits = content.string != nil
        case "N": fits = content.string.flatMap { Double($0) } != nil
        case "BOOL": fits = content.bool != nil
        case "NULL": fits = content.bool == true
        case "L":
            fits = content.array != nil
            for inner in content.array ?? [] { try check(inner) }
        case "M":
            fits = content.object != nil
            for inner in (content.object ?? [:]).values { try check(inner) }
        case "SS": fits = content.array?.isEmpty == false
        default: break
        }
        guard fits else {
            throw .init("ValidationException", "an attribute of type \(type) has a wrong value")
        }
    }

    /// Numbers are equal by value ("1" and "1.0"), everything else by content.
    static func equal(_ left: JSON, _ right: JSON) -> Bool {
        if let one = left["N"]?.string, let two = right["N"]?.string {
            return Double(one) == Double(two)
        }
        return left == right
    }
}
