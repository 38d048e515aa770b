import Model
import Testing

@testable import Rehearsal

/// A table that is asked at one moment, unless a test says otherwise.
struct TableBench {
    var table = DynamoDBTable(name: "ledger")
    var now: Milliseconds = 0

    static func key(_ sort: String, _ partition: String = "a/b") -> [String: JSON] {
        ["pk": ["S": .string(partition)], "sk": ["S": .string(sort)]]
    }

    /// - Returns: the answer's status and body, and the writes that took effect.
    mutating func call(
        _ operation: String,
        _ input: [String: JSON]
    ) -> (status: Int, body: JSON, writes: [DynamoDBTable.Write]) {
        let whole = operation.hasPrefix("Batch") || operation.hasPrefix("Transact")
        let input = whole ? input : input.merging(["TableName": "ledger"]) { own, _ in own }
        let (answer, writes) = table.answer(operation, .object(input), at: now)
        return (answer.status, answer.json ?? [:], writes)
    }

    mutating func put(_ sort: String, _ more: [String: JSON] = [:], _ partition: String = "a/b") {
        let item = Self.key(sort, partition).merging(more) { $1 }
        #expect(call("PutItem", ["Item": .object(item)]).status == 200)
    }

    func item(_ sort: String) -> TableItem? { table.partition("a/b")[sort] }

    /// The error's name and message.
    static func error(_ body: JSON) -> String {
        let type = body["__type"]?.string?.split(separator: "#").last.map(String.init) ?? "none"
        return type + ": " + (body["message"]?.string ?? body["Message"]?.string ?? "")
    }
}

@Suite("DynamoDB stand-in: expressions")
struct ExpressionTests {
    private let item: TableItem = [
        "pk": ["S": "a/b"], "version": ["N": "3"], "name": ["S": "ü"], "map": ["M": [:]],
    ]

    private func holds(
        _ text: String,
        names: JSON? = nil,
        values: JSON? = nil,
        for item: TableItem?
    ) throws -> Bool {
        var input: [String: JSON] = [:]
        input["ExpressionAttributeNames"] = names
        input["ExpressionAttributeValues"] = values
        var words = try Placeholders(.object(input))
        let condition = try Condition(text, &words)
        try words.checkAllUsed()
        return condition.holds(for: item)
    }

    private func holds(_ text: String, _ value: JSON? = nil) throws -> Bool {
        try holds(text, values: value.map { [":v": $0] }, for: item)
    }

    @Test("attributes exist or not, and an absent item has none")
    func existence() throws {
        #expect(try holds("attribute_exists(pk)"))
        #expect(try !holds("attribute_not_exists(pk)"))
        #expect(try holds("attribute_not_exists(pk)", for: nil))
        #expect(try !holds("attribute_exists(#v)", names: ["#v": "version"], for: nil))
    }

    @Test("numbers compare by value, text by its bytes")
    func comparisons() throws {
        #expect(try holds("version = :v", ["N": "3.0"]))
        #expect(try holds("version=:v", ["N": "3"]))
        #expect(try holds("version <> :v", ["N": "4"]))
        #expect(try holds("version < :v", ["N": "20"]))
        #expect(try !holds("version < :v", ["N": "3"]))
        #expect(try holds("version <= :v", ["N": "3"]))
        #expect(try holds("version > :v", ["N": "-2"]))
        #expect(try !holds("version > :v", ["N": "3"]))
        #expect(try holds("version >= :v", ["N": "3"]))
        #expect(try holds("name > :v", ["S": "z"]))
    }

    @Test("what is absent or of another type is unequal, and neither above nor below")
    func types() throws {
        for sign in ["=", "<", "<=", ">", ">="] {
            #expect(try !holds("absent \(sign) :v", ["N": "3"]))
            #expect(try !holds("version \(sign) :v", ["S": "3"]))
        }
        #expect(try holds("absent <> :v", ["N": "3"]))
        #expect(try holds("version <> :v", ["S": "3"]))
        #expect(try !holds("map <= :v", ["N": "3"]))
    }

    @Test("AND binds tighter than OR, and parentheses tighter than both")
    func precedence() throws {
        let no = "attribute_exists(absent)"
        let yes = "attribute_exists(pk)"
        #expect(try holds("\(yes) OR \(yes) AND \(no)"))
        #expect(try !holds("(\(yes) OR \(yes)) AND \(no)"))
        #expect(try holds("(\(no) OR \(yes)) and (\(no) or \(yes) OR version > :v)", ["N": "9"]))
    }

    @Test(
        "expressions that are wrong or not rehearsed are refused",
        arguments: [
            "", "version", "version = :missing", "#x = :v", "size(pk) = :v", "version = :v version",
            "attribute_exists pk", "NOT version = :v", "version BETWEEN :v AND :v",
            "begins_with(pk, :v)", "version = :v AND", "(version = :v", "version = :v)",
            "((version = :v))", "a.b = :v", ":v = version", "version =< :v",
        ]
    )
    func refuses(text: String) {
        #expect(throws: TableRefusal.self) { try holds(text, ["N": "3"]) }
    }

    @Test("a name or value that the expression does not use is refused, as DynamoDB does")
    func unused() {
        #expect(throws: TableRefusal.self) {
            try holds("attribute_exists(pk)", names: ["#v": "version"], for: item)
        }
        #expect(throws: TableRefusal.self) {
            try holds("attribute_exists(pk)", names: [:], for: item)
        }
    }

    private func update(
        _ expression: String,
        _ condition: String? = nil,
        names: [String: JSON] = ["#a": "a", "#b": "b"],
        values: [String: JSON] = [":x": ["S": "x"]],
        over item: TableItem = [:]
    ) -> (status: Int, body: JSON, item: TableItem?) {
        var bench = TableBench()
        if !item.isEmpty { bench.put("s", item) }
        var input: [String: JSON] = [
            "Key": .object(TableBench.key("s")), "ReturnValues": "ALL_NEW",
            "UpdateExpression": .string(expression), "ExpressionAttributeNames": .object(names),
        ]
        if !values.isEmpty { input["ExpressionAttributeValues"] = .object(values) }
        if let condition { input["ConditionExpression"] = .string(condition) }
        let (status, body, _) = bench.call("UpdateItem", input)
        let attributes = bench.item("s")?.filter { !ItemKey.names.contains($0.key) }
        return (status, body, attributes)
    }

    @Test("an update sets, keeps and removes attributes, of an item that need not be there")
    func updates() {
        let made = update("SET #a = :x, #b = if_not_exists(#b, :x)")
        #expect(made.item == ["a": ["S": "x"], "b": ["S": "x"]])
        let kept = update(
            "SET #a = if_not_exists(#a, :y) REMOVE #b",
            "#b = :x",
            values: [":x": ["S": "x"], ":y": ["S": "y"]],
            over: ["a": ["S": "a"], "b": ["S": "x"]]
        )
        #expect(kept.item == ["a": ["S": "a"]])
        let refused = update("SET #a = :x", "attribute_exists(#b)", over: ["a": ["S": "a"]])
        #expect(refused.status == 400 && refused.item == ["a": ["S": "a"]])
    }

    @Test("ALL_NEW is the whole item after the update")
    func allNew() {
        let answer = update("SET #a = :x REMOVE #b", over: ["b": ["S": "b"], "c": ["N": "1"]])
        let expected = TableBench.key("s").merging(["a": ["S": "x"], "c": ["N": "1"]]) { $1 }
        #expect(answer.body["Attributes"] == .object(expected))
    }

    @Test("a sum counts from what is there, or else from its default")
    func sums() {
        let values: [String: JSON] = [":zero": ["N": "0"], ":one": ["N": "1"]]
        let names: [String: JSON] = ["#a": "a"]
        let sum = "SET #a = if_not_exists(#a, :zero) + :one"
        #expect(update(sum, names: names, values: values).item == ["a": ["N": "1"]])
        let there: TableItem = ["a": ["N": "41"]]
        #expect(
            update(sum, names: names, values: values, over: there).item == ["a": ["N": "42"]]
        )
        let text: TableItem = ["a": ["S": "41"]]
        let refused = update(sum, names: names, values: values, over: text)
        #expect(refused.status == 400 && refused.item == text)
        #expect(TableBench.error(refused.body).contains("incorrect data type"))
    }

    @Test(
        "update expressions that are wrong or not rehearsed are refused",
        arguments: [
            "", "SET", "SET #a", "SET #a = #b", "SET #a = :x #b", "SET #a = #b + :x",
            "ADD #a :x", "REMOVE #a", "SET a = :x, #b = :y", "SET #a = :x, #a = :x REMOVE #b",
            "SET #a = :x SET #b = :x", "SET #a = :x REMOVE #a, #b", "SET #a = :x, #b = :x + ",
            "SET #a = :x - :x REMOVE #b",
        ]
    )
    func wrongUpdates(text: String) {
        let answer = update(text)
        #expect(TableBench.error(answer.body).hasPrefix("ValidationException"))
        #expect(answer.item == nil)
    }

    @Test("an attribute of the key is not updated")
    func keys() {
        let answer = update("SET #a = :x", names: ["#a": "sk"])
        #expect(TableBench.error(answer.body).contains("part of the key"))
    }
}

@Suite("DynamoDB stand-in: calls")
struct DynamoDBTests {
    private static let key = TableBench.key

    private var bench = TableBench()

    init() { bench.put("ledger", ["version": ["N": "3"]]) }

    @Test("a failed condition changes nothing and has DynamoDB's error name")
    func conditionFails() {
        var bench = bench
        let before = bench.item("ledger")
        for (operation, more): (String, [String: JSON]) in [
            ("PutItem", ["Item": .object(Self.key("ledger", "a/b"))]),
            ("DeleteItem", ["Key": .object(Self.key("ledger", "a/b"))]),
        ] {
            let condition: [String: JSON] = ["ConditionExpression": "attribute_not_exists(pk)"]
            let (status, body, writes) = bench.call(operation, more.merging(condition) { $1 })
            #expect(status == 400 && writes.isEmpty)
            #expect(
                body["__type"]
                    == "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
            )
            #expect(bench.item("ledger") == before)
        }
    }

    @Test("a deleted item is gone, and deleting one that is not there does nothing wrong")
    func deletes() {
        var bench = bench
        let input: [String: JSON] = ["Key": .object(Self.key("ledger", "a/b"))]
        let (_, _, writes) = bench.call("DeleteItem", input)
        #expect(writes.map(\.new) == [nil] && bench.item("ledger") == nil)
        #expect(bench.call("DeleteItem", input).status == 200)
    }

    @Test("a batch read returns what exists and leaves out what does not")
    func batch() {
        var bench = bench
        let keys = ["ledger", "limits"].map { JSON.object(Self.key($0, "a/b")) }
        let request: JSON = ["ledger": ["Keys": .array(keys), "ConsistentRead": true]]
        let (_, body, _) = bench.call("BatchGetItem", ["RequestItems": request])
        #expect(body["Responses"]?["ledger"]?.array == bench.item("ledger").map { [.object($0)] })
        #expect(body["UnprocessedKeys"] == [:])
    }

    @Test("another table, half a key and a parameter that is not rehearsed are refused by name")
    func refusals() {
        var bench = bench
        let key = JSON.object(Self.key("ledger", "a/b"))
        let cases: [(String, [String: JSON], String)] = [
            ("GetItem", ["TableName": "other", "Key": key], "ResourceNotFoundException"),
            ("GetItem", ["Key": ["pk": ["S": "a/b"]]], "ValidationException"),
            ("GetItem", ["Key": key, "AttributesToGet": ["x"]], "AttributesToGet"),
            ("PutItem", ["Item": ["pk": ["S": "a/b"]]], "lacks a key"),
            ("PutItem", ["Item": ["pk": ["S": "a/b"], "sk": ["S": ""]]], "lacks a key"),
            ("PutItem", ["Item": key, "ReturnValues": "ALL_NEW"], "ReturnValues ALL_NEW"),
            ("UpdateItem", ["Key": key], "without UpdateExpression"),
            ("Scan", [:], "UnknownOperationException: Scan"),
        ]
        for (operation, input, word) in cases {
            let (status, body, writes) = bench.call(operation, input)
            #expect(status == 400 && writes.isEmpty)
            #expect(TableBench.error(body).contains(word), "\(operation): \(body.text)")
        }
    }

    // MARK: Queries

    /// Reads a partition to its end.
    private func pages(
        _ bench: inout TableBench,
        _ condition: String = "pk = :pk AND sk < :end",
        end: String = "task/"
    ) -> [[String]] {
        var input: [String: JSON] = [
            "KeyConditionExpression": .string(condition), "ConsistentRead": true,
            "ExpressionAttributeValues": [":pk": ["S": "a/b"], ":end": ["S": .string(end)]],
        ]
        var pages: [[String]] = []
        repeat {
            let (status, body, _) = bench.call("Query", input)
            #expect(status == 200, "\(body.text)")
            let items = body["Items"]?.array ?? []
            pages.append(items.compactMap { $0["sk"]?["S"]?.string })
            input["ExclusiveStartKey"] = body["LastEvaluatedKey"]
        } while input["ExclusiveStartKey"] != nil && pages.count < 100
        return pages
    }

    @Test("a Query has the items below its end in the order of their sort keys, and no other's")
    func query() {
        var bench = bench
        for key in ["task/t", "limits", "job/b/plan", "job/a/plan", "limits/ending"] {
            bench.put(key)
        }
        bench.put("job/other", [:], "a/c")
        #expect(
            pages(&bench).flatMap { $0 }
                == ["job/a/plan", "job/b/plan", "ledger", "limits", "limits/ending"]
        )
        #expect(
            pages(&bench, "pk = :pk AND sk >= :end", end: "limits").flatMap { $0 }
                == ["limits", "limits/ending", "task/t"]
        )
    }

    @Test("a Query of more than a page goes on behind its last key, and loses nothing")
    func paging() {
        var bench = bench
        let keys = (100..<200).map { "job/run-\($0)/plan" }
        for key in keys { bench.put(key, ["at": ["N": "1"]]) }
        let pages = pages(&bench)
        #expect(pages.count > 3)
        #expect(pages.flatMap { $0 } == keys + ["ledger"])
    }

    @Test("a Query with a limit goes on behind as many items")
    func limit() {
        var bench = bench
        bench.put("job/a")
        let input: [String: JSON] = [
            "KeyConditionExpression": "pk = :pk", "Limit": 1,
            "ExpressionAttributeValues": [":pk": ["S": "a/b"]],
        ]
        let body = bench.call("Query", input).1
        #expect(body["Items"]?.array?.count == 1)
        #expect(body["LastEvaluatedKey"]?["sk"]?["S"] == "job/a")
        #expect(bench.call("Query", input.merging(["Limit": 0]) { $1 }).0 == 400)
    }

    @Test(
        "a write tells its units to whoever asks for the total, and a transaction's are twice that"
    )
    func units() {
        var bench = bench
        let item = JSON.object(Self.key("job/a", "a/b").merging(["x": ["S": "y"]]) { $1 })
        let put = bench.call("PutItem", ["Item": item, "ReturnConsumedCapacity": "TOTAL"]).1
        #expect(put["ConsumedCapacity"]?["CapacityUnits"] == 1)
        #expect(bench.call("PutItem", ["Item": item]).1["ConsumedCapacity"] == nil)
        let action: JSON = ["Put": ["TableName": "ledger", "Item": item]]
        let both = bench.call(
            "TransactWriteItems",
            ["TransactItems": [action], "ReturnConsumedCapacity": "TOTAL"]
        ).1
        #expect(both["ConsumedCapacity"]?.array?.first?["CapacityUnits"] == 2)
    }

    @Test("an item that is larger than a page is a page by itself")
    func largeItem() {
        var bench = bench
        bench.put("job/a", ["x": ["S": .string(String(repeating: "x", count: 2_000))]])
        bench.put("job/b")
        #expect(pages(&bench) == [["job/a"], ["job/b", "ledger"]])
    }

    @Test("key conditions that are wrong or not rehearsed are refused, and so is a foreign start")
    func wrongQueries() {
        var bench = bench
        let values: JSON = [":pk": ["S": "a/b"], ":end": ["S": "task/"]]
        for condition in [
            "", "sk < :end AND pk = :pk", "pk = :pk AND sk <> :end", "pk < :pk AND sk < :end",
            "pk = :pk AND at < :end", "pk = :pk AND sk < :end AND sk < :end",
            "pk = :pk OR sk < :end",
        ] {
            let input: [String: JSON] = [
                "KeyConditionExpression": .string(condition), "ExpressionAttributeValues": values,
            ]
            #expect(bench.call("Query", input).status == 400, "\(condition)")
        }
        let (_, body, _) = bench.call(
            "Query",
            [
                "KeyConditionExpression": "pk = :pk AND sk < :end",
                "ExpressionAttributeValues": values,
                "ExclusiveStartKey": .object(Self.key("task/t", "a/b")),
            ]
        )
        #expect(TableBench.error(body).contains("outside query boundaries"))
    }

    // MARK: Transactions

    private static func put(_ sort: String, _ condition: String? = nil) -> JSON {
        var input: [String: JSON] = ["TableName": "ledger", "Item": .object(key(sort, "a/b"))]
        if let condition { input["ConditionExpression"] = .string(condition) }
        return ["Put": .object(input)]
    }

    private static func update(_ version: String) -> JSON {
        [
            "Update": [
                "TableName": "ledger", "Key": .object(key("ledger", "a/b")),
                "UpdateExpression": "SET version = :new",
                "ConditionExpression": "version = :expected",
                "ExpressionAttributeValues": [
                    ":new": ["N": "9"], ":expected": ["N": .string(version)],
                ],
            ]
        ]
    }

    private static let delete: JSON = [
        "Delete": ["TableName": "ledger", "Key": .object(key("job/a", "a/b"))]
    ]

    @Test("a transaction makes all of its writes together")
    func transaction() {
        var bench = bench
        bench.put("job/a")
        let actions: JSON = [Self.put("task/t"), Self.update("3"), Self.delete]
        let (status, _, writes) = bench.call("TransactWriteItems", ["TransactItems": actions])
        #expect(status == 200)
        #expect(writes.map(\.key.sort) == ["task/t", "ledger", "job/a"])
        #expect(bench.item("ledger")?["version"] == ["N": "9"])
        #expect(bench.item("task/t") != nil && bench.item("job/a") == nil)
    }

    @Test("a transaction of which one condition fails does nothing, and says which in order")
    func cancelled() {
        var bench = bench
        bench.put("job/a")
        let before = bench.table.items
        let actions: JSON = [
            Self.put("task/t", "attribute_not_exists(pk)"), Self.update("4"), Self.delete,
        ]
        let (status, body, writes) = bench.call("TransactWriteItems", ["TransactItems": actions])
        #expect(status == 400 && writes.isEmpty && bench.table.items == before)
        #expect(
            TableBench.error(body).hasSuffix("[None, ConditionalCheckFailed, None]")
        )
        #expect(
            body["CancellationReasons"]?.array?.map { $0["Code"] }
                == ["None", "ConditionalCheckFailed", "None"]
        )
    }

    @Test("a transaction touches an item once, has at most 100 actions and at least one")
    func transactionLimits() {
        var bench = bench
        let before = bench.table.items
        let many = (0...DynamoDBTable.transactionLimit).map { Self.put("job/\($0)") }
        let cases: [([JSON], String)] = [
            ([Self.update("3"), Self.put("ledger")], "multiple operations on one item"),
            (many, "1 to 100 actions"), ([], "1 to 100 actions"),
            ([["ConditionCheck": [:]]], "ConditionCheck"),
        ]
        for (actions, word) in cases {
            let (_, body, writes) = bench.call(
                "TransactWriteItems",
                ["TransactItems": .array(actions)]
            )
            #expect(writes.isEmpty && bench.table.items == before)
            #expect(TableBench.error(body).contains(word), "\(body.text)")
        }
        let most = JSON.array(Array(many.dropLast()))
        #expect(bench.call("TransactWriteItems", ["TransactItems": most]).status == 200)
    }
}

@Suite("DynamoDB stand-in: units")
struct ThroughputTests {
    private static func text(_ bytes: Int) -> [String: JSON] {
        ["x": ["S": .string(String(repeating: "x", count: bytes))]]
    }

    /// What a call costs.
    private func cost(
        _ operation: String,
        _ input: [String: JSON],
        over items: [(sort: String, bytes: Int)] = []
    ) -> (reads: Double, writes: Double) {
        var bench = TableBench()
        for item in items { bench.put(item.sort, Self.text(item.bytes)) }
        let before = bench.table.consumed
        _ = bench.call(operation, input)
        let after = bench.table.consumed
        return (after.reads - before.reads, after.writes - before.writes)
    }

    private func put(_ sort: String, bytes: Int, _ condition: String? = nil) -> [String: JSON] {
        let item = TableBench.key(sort).merging(Self.text(bytes)) { $1 }
        var input: [String: JSON] = ["Item": .object(item)]
        if let condition { input["ConditionExpression"] = .string(condition) }
        return input
    }

    @Test("a write costs each KB of the larger item, before or after")
    func writes() {
        #expect(cost("PutItem", put("a", bytes: 1)).writes == 1)
        #expect(cost("PutItem", put("a", bytes: 2_500)).writes == 3)
        #expect(cost("PutItem", put("a", bytes: 1), over: [("a", 4_500)]).writes == 5)
        let delete: [String: JSON] = ["Key": .object(TableBench.key("a"))]
        #expect(cost("DeleteItem", delete, over: [("a", 1_500)]).writes == 2)
        #expect(cost("DeleteItem", delete).writes == 1)
    }

    @Test("a failed condition costs what is there, and a wrong call nothing")
    func failedCondition() {
        let never = "attribute_not_exists(pk)"
        #expect(
            cost("PutItem", put("a", bytes: 9_000, never), over: [("a", 1_500)]).writes == 2
        )
        #expect(cost("PutItem", put("a", bytes: 9_000, "attribute_exists(pk)")).writes == 1)
        #expect(cost("PutItem", put("a", bytes: 1, "nonsense")).writes == 0)
    }

    @Test("each action of a transaction costs twice, also when it is cancelled")
    func transactions() {
        func transaction(_ condition: String) -> [String: JSON] {
            let table: [String: JSON] = ["TableName": "ledger"]
            let puts = [put("a", bytes: 1_500), put("b", bytes: 1, condition)].map {
                JSON.object(["Put": .object($0.merging(table) { $1 })])
            }
            return ["TransactItems": .array(puts)]
        }
        #expect(cost("TransactWriteItems", transaction("attribute_not_exists(pk)")).writes == 6)
        #expect(cost("TransactWriteItems", transaction("attribute_exists(pk)")).writes == 6)
    }

    @Test("a read costs each 4 KB, half of it without consistency, and an absent item too")
    func reads() {
        let get: [String: JSON] = ["Key": .object(TableBench.key("a"))]
        let consistent = get.merging(["ConsistentRead": true]) { $1 }
        #expect(cost("GetItem", consistent, over: [("a", 9_000)]).reads == 3)
        #expect(cost("GetItem", get, over: [("a", 9_000)]).reads == 1.5)
        #expect(cost("GetItem", consistent).reads == 1)
        let query: [String: JSON] = [
            "KeyConditionExpression": "pk = :pk", "ConsistentRead": true,
            "ExpressionAttributeValues": [":pk": ["S": "a/b"]],
        ]
        #expect(cost("Query", query, over: [("a", 1), ("b", 1)]).reads == 1)
    }

    @Test("a partition without units is throttled, others are not, and a moment later it has some")
    func throttled() {
        var bench = TableBench()
        let large = Self.text(399 * 1_024)
        bench.put("a", large)
        bench.put("b", large)
        let refused = bench.call("PutItem", put("c", bytes: 399 * 1_024))
        #expect(
            TableBench.error(refused.body).hasPrefix("ProvisionedThroughputExceededException")
        )
        #expect(refused.writes.isEmpty && bench.item("c") == nil)
        bench.put("c", large, "another")
        bench.now = 199
        #expect(bench.call("PutItem", put("c", bytes: 399 * 1_024)).status == 400)
        bench.now = 201
        bench.put("c", large)
    }

    @Test("a transaction that is throttled says so for each of its actions")
    func throttledTransaction() {
        var bench = TableBench()
        bench.put("a", Self.text(399 * 1_024))
        bench.put("b", Self.text(399 * 1_024))
        let action = put("c", bytes: 150 * 1_024).merging(["TableName": "ledger"]) { $1 }
        let (_, body, writes) = bench.call(
            "TransactWriteItems",
            ["TransactItems": [["Put": .object(action)]]]
        )
        #expect(writes.isEmpty)
        #expect(
            body["CancellationReasons"]?.array?.map { $0["Code"] }
                == ["ProvisionedThroughputExceeded"]
        )
    }

    @Test("a batch read leaves unprocessed what it has no units for, and is refused for all of it")
    func unprocessed() {
        var bench = TableBench()
        let large = Self.text(399 * 1_024)
        for sort in ["a", "b"] { bench.put(sort, large) }
        let keys = ["a", "b"].map { JSON.object(TableBench.key($0)) }
        let request: [String: JSON] = [
            "RequestItems": ["ledger": ["Keys": .array(keys), "ConsistentRead": true]]
        ]
        let one: [String: JSON] = ["Key": .object(TableBench.key("a")), "ConsistentRead": true]
        #expect(bench.call("GetItem", one).status == 200)
        var left: [JSON?] = []
        for _ in 0..<20 {
            let body = bench.call("BatchGetItem", request).body
            guard body["__type"] == nil else { break }
            left.append(body["UnprocessedKeys"]?["ledger"]?["Keys"])
        }
        // Of 3,000 units the first read took 100, and each pair takes 200.
        #expect(left.count == 15 && left.last == .array([keys[1]]))
        #expect(left.dropLast().allSatisfy { $0 == nil })
    }
}
