import Model

extension DynamoDBTable {
    /// What a write does to its item, as the members of TransactWriteItems are called.
    enum Action: String, CaseIterable {
        case put = "Put"
        case update = "Update"
        case delete = "Delete"

        /// Parameters that are understood, alone or in a transaction.
        fileprivate var members: Set<String> {
            let shared: Set = [
                "TableName", "ConditionExpression", "ExpressionAttributeNames",
                "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure",
            ]
            return switch self {
            case .put: shared.union(["Item"])
            case .update: shared.union(["Key", "UpdateExpression"])
            case .delete: shared.union(["Key"])
            }
        }

        /// `ReturnValues` that it takes, of those that are rehearsed.
        fileprivate var returns: Set<String> {
            self == .update ? ["NONE", "ALL_OLD", "ALL_NEW"] : ["NONE", "ALL_OLD"]
        }
    }

    /// A write as it would be, and what it costs in any case.
    private struct Outcome {
        let write: Write
        /// Nil when its condition holds.
        let refusal: TableRefusal?

        /// A failed condition costs what is there, at least one (DynamoDB developer guide,
        /// "Read and write operations").
        var units: Double {
            Partition.writeUnits(old: write.old, new: refusal == nil ? write.new : nil)
        }
    }

    // MARK: One item

    mutating func write(
        _ action: Action,
        _ input: JSON,
        _ now: Milliseconds
    ) throws(TableRefusal) -> (WebResponse, [Write]) {
        let alone: Set = ["ReturnValues", "ReturnConsumedCapacity"]
        try check(input, allowed: action.members.union(alone))
        let returns = input["ReturnValues"]?.string ?? "NONE"
        guard action.returns.contains(returns) else {
            throw TableRefusal("ValidationException", "ReturnValues \(returns) is not rehearsed")
        }
        let outcome = try outcome(action, input)
        let write = outcome.write
        guard take(outcome.units, of: write.key, now) else { throw .throttled }
        if let refusal = outcome.refusal { throw refusal }
        items[write.key] = write.new
        let shown = returns == "ALL_NEW" ? write.new : returns == "ALL_OLD" ? write.old : nil
        var answer: [String: JSON] = [:]
        if let shown { answer["Attributes"] = .object(shown) }
        if let told = told(outcome.units, input) { answer["ConsumedCapacity"] = told }
        return (AWSAnswer.ok(.object(answer)), [write])
    }

    /// What a caller is told of the units, who asks for the total.
    private func told(_ units: Double, _ input: JSON) -> JSON? {
        guard input["ReturnConsumedCapacity"] == "TOTAL" else { return nil }
        return ["TableName": .string(name), "CapacityUnits": .number(units)]
    }

    private mutating func take(_ units: Double, of key: ItemKey, _ now: Milliseconds) -> Bool {
        partitions[key.partition, default: Partition()].writes.take(units, at: now)
    }

    /// What the write comes to, without making it.
    private func outcome(_ action: Action, _ input: JSON) throws(TableRefusal) -> Outcome {
        try checkTable(input["TableName"]?.string)
        let key = try key(action, input)
        let old = items[key]
        var words = try Placeholders(input)
        let update = try input["UpdateExpression"].map { text throws(TableRefusal) in
            try UpdateExpression(text.string ?? "", &words)
        }
        let condition = try input["ConditionExpression"].map { text throws(TableRefusal) in
            try Condition(text.string ?? "", &words)
        }
        try words.checkAllUsed()
        guard condition?.holds(for: old) ?? true else {
            let wantsOld = input["ReturnValuesOnConditionCheckFailure"]?.string == "ALL_OLD"
            return Outcome(
                write: Write(key: key, old: old, new: nil),
                refusal: .conditionFailed(wantsOld ? old : nil)
            )
        }
        let new = try item(action, input, update, over: old ?? key.item)
        if let new {
            for value in new.values { try TableValue.check(value) }
            guard TableValue.size(of: new) <= Self.largestItem else {
                throw TableRefusal(
                    "ValidationException",
                    "Item size has exceeded the maximum allowed size"
                )
            }
        }
        return Outcome(write: Write(key: key, old: old, new: new), refusal: nil)
    }

    private func key(_ action: Action, _ input: JSON) throws(TableRefusal) -> ItemKey {
        guard action == .put else { return try key(input["Key"]) }
        guard let key = ItemKey(of: input["Item"]?.object ?? [:]) else {
            throw TableRefusal(
                "ValidationException",
                "One or more parameter values were invalid: the item lacks a key, or it is empty"
            )
        }
        return key
    }

    private func item(
        _ action: Action,
        _ input: JSON,
        _ update: UpdateExpression?,
        over item: TableItem
    ) throws(TableRefusal) -> TableItem? {
        switch action {
        case .put: return input["Item"]?.object
        case .delete: return nil
        case .update:
            guard let update else {
                throw TableRefusal("ValidationException", "UpdateItem without UpdateExpression")
            }
            if let name = update.names.first(where: ItemKey.names.contains) {
                throw TableRefusal(
                    "ValidationException",
                    "Cannot update attribute \(name). This attribute is part of the key"
                )
            }
            return try update.apply(to: item)
        }
    }

    // MARK: Several

    /// All of them or none; each costs twice, once to prepare and once to commit.
    mutating func transactWriteItems(
        _ input: JSON,
        _ now: Milliseconds
    ) throws(TableRefusal) -> (WebResponse, [Write]) {
        try check(input, allowed: ["TransactItems", "ReturnConsumedCapacity"])
        let actions = input["TransactItems"]?.array ?? []
        guard (1...Self.transactionLimit).contains(actions.count) else {
            throw TableRefusal(
                "ValidationException",
                "TransactItems must hold 1 to \(Self.transactionLimit) actions"
            )
        }
        var outcomes: [Outcome] = []
        for each in actions {
            guard let (name, input) = each.object?.first, each.object?.count == 1,
                let action = Action(rawValue: name)
            else {
                let names = (each.object ?? [:]).keys.sorted().joined(separator: ", ")
                throw TableRefusal(
                    "ValidationException",
                    "not rehearsed in a transaction: \(names)"
                )
            }
            try check(input, allowed: action.members)
            outcomes.append(try outcome(action, input))
        }
        guard Set(outcomes.map(\.write.key)).count == outcomes.count else {
            throw TableRefusal(
                "ValidationException",
                "Transaction request cannot include multiple operations on one item"
            )
        }
        try pay(outcomes, now)
        if outcomes.contains(where: { $0.refusal != nil }) {
            throw .cancelled(outcomes.map(\.refusal))
        }
        for outcome in outcomes { items[outcome.write.key] = outcome.write.new }
        let units = outcomes.reduce(0) { $0 + 2 * $1.units }
        let answer = told(units, input).map { ["ConsumedCapacity": [$0]] as JSON }
        return (AWSAnswer.ok(answer ?? [:]), outcomes.map(\.write))
    }

    private mutating func pay(_ outcomes: [Outcome], _ now: Milliseconds) throws(TableRefusal) {
        var units: [String: Double] = [:]
        for outcome in outcomes {
            units[outcome.write.key.partition, default: 0] += 2 * outcome.units
        }
        for (partition, units) in units {
            let isAdmitted = partitions[partition, default: Partition()].writes.take(units, at: now)
            guard isAdmitted else { throw .cancelled(outcomes.map { _ in .throttled }) }
        }
    }
}
