import Testing

@testable import Rehearsal

@Suite("DynamoDB stand-in")
struct DynamoDBTests {
    private let item: Item = ["pk": ["S": "a/b"], "version": ["N": "3"]]

    private func table() -> DynamoDBTable {
        var table = DynamoDBTable(name: "ledger")
        _ = table.answer("PutItem", ["TableName": "ledger", "Item": .object(item)])
        return table
    }

    private func holds(_ text: String, names: JSON? = nil, values: JSON? = nil) throws -> Bool {
        try Condition(text, names: names, values: values).holds(for: item)
    }

    @Test("the condition expressions in use hold when they should")
    func conditions() throws {
        #expect(try !holds("attribute_not_exists(pk)"))
        #expect(try Condition("attribute_not_exists(pk)", names: nil, values: nil).holds(for: [:]))
        #expect(try holds("version = :expected", values: [":expected": ["N": "3"]]))
        #expect(try holds("version=:expected", values: [":expected": ["N": "3.0"]]))
        #expect(try !holds("#v = :v", names: ["#v": "version"], values: [":v": ["N": "4"]]))
        #expect(
            try holds(
                "attribute_not_exists(pk) OR #v = :v AND attribute_exists(pk)",
                names: ["#v": "version"],
                values: [":v": ["N": "3"]]
            )
        )
    }

    @Test(
        "expressions that are wrong or not rehearsed are refused",
        arguments: [
            "", "version", "version = :missing", "#x = :v", "version > :v", "size(pk) = :v",
            "version = :v version", "attribute_exists pk",
        ]
    )
    func refuses(text: String) {
        #expect(throws: DynamoDBTable.Refusal.self) {
            try Condition(text, names: nil, values: [":v": ["N": "3"]])
        }
    }

    @Test("a name or value that the expression does not use is refused, as DynamoDB does")
    func unused() {
        #expect(throws: DynamoDBTable.Refusal.self) {
            try Condition("attribute_exists(pk)", names: ["#v": "version"], values: nil)
        }
    }

    @Test("a failed condition changes nothing and has DynamoDB's error name")
    func conditionFails() {
        var table = table()
        let (answer, write) = table.answer(
            "PutItem",
            [
                "TableName": "ledger", "Item": ["pk": ["S": "a/b"]],
                "ConditionExpression": "attribute_not_exists(pk)",
            ]
        )
        #expect(answer.status == 400)
        #expect(
            answer.json?["__type"]
                == "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
        )
        #expect(write == nil)
        #expect(table.items["a/b"] == item)
    }

    @Test("a batch read returns what exists and leaves out what does not")
    func batch() {
        var table = table()
        let keys: JSON = [["pk": ["S": "a/b"]], ["pk": ["S": "a/b/limits"]]]
        let (answer, _) = table.answer(
            "BatchGetItem",
            ["RequestItems": ["ledger": ["Keys": keys, "ConsistentRead": true]]]
        )
        #expect(answer.json?["Responses"]?["ledger"]?.array == [.object(item)])
    }

    @Test("another table is ResourceNotFoundException")
    func otherTable() {
        var table = table()
        let (answer, _) = table.answer(
            "GetItem",
            ["TableName": "other", "Key": ["pk": ["S": "a/b"]]]
        )
        #expect(answer.json?["__type"]?.string?.hasSuffix("#ResourceNotFoundException") == true)
    }

    private func update(
        _ table: inout DynamoDBTable,
        _ expression: String,
        _ condition: String? = nil,
        names: JSON = ["#a": "a", "#b": "b"],
        values: JSON = [":x": ["S": "x"]]
    ) -> (status: Int, item: Item?) {
        var input: [String: JSON] = [
            "TableName": "ledger", "Key": ["pk": ["S": "a/c"]], "ReturnValues": "ALL_NEW",
            "UpdateExpression": .string(expression), "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        ]
        if let condition { input["ConditionExpression"] = .string(condition) }
        let (answer, write) = table.answer("UpdateItem", .object(input))
        return (answer.status, write?.new)
    }

    @Test("an update sets, keeps and removes attributes, of an item that need not be there")
    func updates() {
        var table = table()
        let made = update(&table, "SET #a = :x, #b = if_not_exists(#b, :x)")
        #expect(made.item == ["pk": ["S": "a/c"], "a": ["S": "x"], "b": ["S": "x"]])
        let kept = update(
            &table,
            "SET #a = if_not_exists(#a, :y) REMOVE #b",
            "#b = :x",
            values: [":x": ["S": "x"], ":y": ["S": "y"]]
        )
        #expect(kept.item == ["pk": ["S": "a/c"], "a": ["S": "x"]])
        let refused = update(&table, "SET #a = :x", "attribute_exists(#b)")
        #expect(refused.status == 400 && refused.item == nil)
    }

    @Test(
        "update expressions that are wrong or not rehearsed are refused",
        arguments: [
            "", "SET", "SET #a", "SET #a = #b", "SET #a = :x #b", "SET #a = #b + :x",
            "ADD #a :x", "REMOVE #a", "SET a = :x, #b = :x", "SET #a = if_not_exists(#b, :x)",
        ]
    )
    func wrongUpdates(text: String) {
        var table = table()
        #expect(update(&table, text).status == 400)
    }
}
