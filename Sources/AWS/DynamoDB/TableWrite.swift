import Decisions

/// A write of one item, by itself or as part of a transaction.
struct TableWrite: Sendable {
    enum Kind: Sendable {
        case put(Item)
        case delete
        case update(Update)
    }

    /// Sets and removes attributes, and leaves the others alone.
    struct Update: Sendable {
        /// Each by its name; one without a value is removed.
        var set: [(name: String, value: AttributeValue?)] = []
        /// Each set to one more than another attribute, or the same one, had before; absent is 0.
        var next: [(name: String, after: String)] = []
    }

    /// Names stand as `#name`, since DynamoDB reserves several of ours.
    struct Condition: Sendable {
        let text: String
        let names: [String]
        var values: Item = [:]
    }

    let key: String
    let kind: Kind
    var condition: Condition?

    /// A job's item, on the condition that the same task has it as before.
    static func job(_ write: JobWrite) -> TableWrite {
        let key = LedgerKey.job(write.job)
        let kind = write.new.map { Kind.put(JobItem.encode($0)) } ?? .delete
        return TableWrite(key: key, kind: kind, condition: condition(write))
    }

    private static func condition(_ write: JobWrite) -> Condition {
        guard let old = write.old else {
            return Condition(text: "attribute_not_exists(#pk)", names: ["pk"])
        }
        if let task = old.task {
            return Condition(
                text: "#task = :task",
                names: ["task"],
                values: [":task": .string(task.text)]
            )
        }
        // One that is gone needs no removing.
        return write.new == nil
            ? Condition(text: "attribute_not_exists(#task)", names: ["task"])
            : Condition(
                text: "attribute_exists(#pk) AND attribute_not_exists(#task)",
                names: ["pk", "task"]
            )
    }

    static func departed(_ task: TaskID, _ departed: Ledger.Departed) -> TableWrite {
        TableWrite(
            key: LedgerKey.task(task),
            kind: .put(DepartedItem.encode(departed)),
            condition: Condition(text: "attribute_not_exists(#pk)", names: ["pk"])
        )
    }

    /// What is counted, on the condition that nobody else has changed it.
    static func counted(_ ledger: Ledger, _ write: LedgerWrite<String>) -> TableWrite {
        var condition = Condition.isVersion(write.over.version)
        if write.over.version > 0 {
            condition = condition.and(
                Condition(
                    text: "#moves = :seen",
                    names: ["moves"],
                    values: [":seen": .number(write.over.moves)]
                )
            )
        }
        let update = Update(set: LedgerItem.counted(ledger, writer: write.mark))
        return TableWrite(key: LedgerKey.ledger, kind: .update(update), condition: condition)
    }

    // MARK: As DynamoDB takes it

    struct Action: Sendable {
        /// The operation by itself, such as `PutItem`.
        let operation: String
        /// Its member in a transaction, such as `Put`.
        let member: String
        let input: Input
    }

    /// - Parameters:
    ///   - returns: ask for the item before (`ALL_OLD`) or after (`ALL_NEW`) the write, which a
    ///     transaction cannot.
    ///   - isAlone: it is no part of a transaction, which is asked for its units as a whole.
    func action(
        table: String,
        key itemKey: (String) -> Item,
        returns: String? = nil,
        isAlone: Bool = true
    ) -> Action {
        let whole = itemKey(key)
        var input = Input(table: table)
        input.take(condition)
        input.returned = returns
        input.units = isAlone ? "TOTAL" : nil
        switch kind {
        case .put(let item):
            input.item = item.merging(whole) { $1 }
            return Action(operation: "PutItem", member: "Put", input: input)
        case .delete:
            input.key = whole
            return Action(operation: "DeleteItem", member: "Delete", input: input)
        case .update(let update):
            input.key = whole
            input.take(update)
            return Action(operation: "UpdateItem", member: "Update", input: input)
        }
    }

    /// The members that PutItem, DeleteItem and UpdateItem share.
    struct Input: Encodable, Sendable {
        let table: String
        var item: Item?
        var key: Item?
        var update: String?
        var condition: String?
        var names: [String: String]?
        var values: Item?
        var returned: String?
        var units: String?

        init(table: String) { self.table = table }

        enum CodingKeys: String, CodingKey {
            case table = "TableName"
            case item = "Item"
            case key = "Key"
            case update = "UpdateExpression"
            case condition = "ConditionExpression"
            case names = "ExpressionAttributeNames"
            case values = "ExpressionAttributeValues"
            case returned = "ReturnValues"
            case units = "ReturnConsumedCapacity"
        }

        fileprivate mutating func take(_ condition: Condition?) {
            guard let condition else { return }
            self.condition = condition.text
            for name in condition.names { names = named(name) }
            if !condition.values.isEmpty { values = valued(condition.values) }
        }

        fileprivate mutating func take(_ update: Update) {
            var set: [String] = []
            var removed: [String] = []
            for (name, value) in update.set {
                names = named(name)
                guard let value else {
                    removed.append("#" + name)
                    continue
                }
                set.append("#\(name) = :\(name)")
                values = valued([":" + name: value])
            }
            for (name, before) in update.next {
                names = named(name)
                set.append("#\(name) = if_not_exists(#\(before), :zero) + :one")
                values = valued([":zero": .number(0), ":one": .number(1)])
            }
            var text = "SET " + set.joined(separator: ", ")
            if !removed.isEmpty { text += " REMOVE " + removed.joined(separator: ", ") }
            self.update = text
        }

        private func named(_ name: String) -> [String: String] {
            (names ?? [:]).merging(["#" + name: name]) { $1 }
        }

        private func valued(_ more: Item) -> Item { (values ?? [:]).merging(more) { $1 } }
    }
}
