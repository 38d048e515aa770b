package import Decisions

/// The desk as an item beside the ledger's (DynamoDB API reference, UpdateItem and GetItem).
///
///     pk "<cluster>/<service>/announcements"
///     call-<mark>  { at N ms, jobs [S], closed [S] }, one for each call
///     holder S  ends N ms               the turn; both or none
///     size N  max N  running N          what became of the calls that are gone
///
/// Reading is lenient, as little depends on it: a call that is not understood is left alone.
package struct DynamoDBDesk: AnnouncementDesk {
    private let aws: AWSClient
    private let table: String
    private let key: String

    private static let prefix = "call-"

    package init(_ aws: AWSClient, table: String, cluster: String, service: String) {
        self.aws = aws
        self.table = table
        key = "\(cluster)/\(service)/announcements"
    }

    package func submit(
        _ call: DeskCall,
        mark: String,
        until end: WallTime
    ) async throws(AWSFailure) -> DeskState {
        let update = Update(
            expression: "SET #call = :call, #holder = if_not_exists(#holder, :holder), "
                + "#ends = if_not_exists(#ends, :ends)",
            names: ["#call": Self.prefix + mark, "#holder": "holder", "#ends": "ends"],
            values: [
                ":call": Self.encode(call), ":holder": .string(mark),
                ":ends": .number(end.milliseconds),
            ]
        )
        return Self.decode(try await send(update))
    }

    package func look() async throws(AWSFailure) -> DeskState {
        let input = GetInput(table: table, key: ["pk": .string(key)], isConsistent: true)
        let answer: GetAnswer = try await aws.call(.dynamodb, "GetItem", .read, input)
        return Self.decode(answer.item ?? [:])
    }

    package func takeTurn(
        _ mark: String,
        until end: WallTime,
        after seen: DeskState.Turn?
    ) async throws(AWSFailure) -> DeskState? {
        var update = Update(
            expression: "SET #holder = :holder, #ends = :ends",
            condition: "attribute_not_exists(#holder)",
            names: ["#holder": "holder", "#ends": "ends"],
            values: [":holder": .string(mark), ":ends": .number(end.milliseconds)]
        )
        if let seen {
            update.condition = "#holder = :seen"
            update.values[":seen"] = .string(seen.holder)
        }
        do {
            return Self.decode(try await send(update))
        } catch {
            if error.isLostRace { return nil }
            throw error
        }
    }

    package func settle(
        _ marks: [String],
        _ answer: DeskState.Answer?,
        turnOf mark: String
    ) async throws(AWSFailure) {
        do {
            _ = try await send(Self.settling(marks, answer, turnOf: mark))
        } catch {
            if !error.isLostRace { throw error }
        }
    }

    static func settling(
        _ marks: [String],
        _ answer: DeskState.Answer?,
        turnOf mark: String
    ) -> Update {
        var names = ["#holder": "holder", "#ends": "ends"]
        var values: Item = [":holder": .string(mark)]
        var removed = ["#holder", "#ends"]
        var set = ""
        for (index, mark) in marks.enumerated() {
            names["#c\(index)"] = prefix + mark
            removed.append("#c\(index)")
        }
        if let answer {
            names["#size"] = "size"
            names["#max"] = "max"
            names["#running"] = "running"
            values[":size"] = .number(answer.size)
            values[":max"] = .number(answer.maxCount)
            set = "SET #size = :size, #max = :max"
            if let running = answer.running {
                values[":running"] = .number(running)
                set += ", #running = :running"
            } else {
                removed.append("#running")
            }
        }
        return Update(
            expression: set + " REMOVE " + removed.joined(separator: ","),
            condition: "#holder = :holder",
            names: names,
            values: values
        )
    }

    // MARK: The item

    private static func encode(_ call: DeskCall) -> AttributeValue {
        .map([
            "at": .number(call.at.milliseconds),
            "jobs": .list(call.jobs.map { .string($0.key) }),
            "closed": .list(call.closed.map { .string($0.key) }),
        ])
    }

    static func decode(_ item: Item) -> DeskState {
        var state = DeskState()
        for (name, value) in item where name.hasPrefix(prefix) {
            guard case .map(let members) = value, let at = number(members["at"]) else { continue }
            state.calls[String(name.dropFirst(prefix.count))] = DeskCall(
                at: WallTime(milliseconds: at),
                jobs: jobs(members["jobs"]),
                closed: jobs(members["closed"])
            )
        }
        if case .string(let holder) = item["holder"], let end = number(item["ends"]) {
            state.turn = DeskState.Turn(holder: holder, end: WallTime(milliseconds: end))
        }
        if let size = number(item["size"]), let most = number(item["max"]) {
            state.answer = DeskState.Answer(
                size: size,
                maxCount: most,
                running: number(item["running"])
            )
        }
        return state
    }

    private static func number(_ value: AttributeValue?) -> Int? {
        if case .number(let digits) = value { Int(digits) } else { nil }
    }

    private static func jobs(_ value: AttributeValue?) -> [Job] {
        guard case .list(let elements) = value else { return [] }
        return elements.compactMap {
            if case .string(let key) = $0 { Job(key: key) } else { nil }
        }
    }

    // MARK: The calls

    struct Update {
        var expression: String
        var condition: String?
        var names: [String: String]
        var values: Item
    }

    /// - Returns: the item after it. Marked as a read, which may be repeated, since it may.
    private func send(_ update: Update) async throws(AWSFailure) -> Item {
        let input = UpdateInput(
            table: table,
            key: ["pk": .string(key)],
            expression: update.expression,
            condition: update.condition,
            names: update.names,
            values: update.values
        )
        let answer: UpdateAnswer = try await aws.call(.dynamodb, "UpdateItem", .read, input)
        return answer.attributes ?? [:]
    }

    private struct UpdateInput: Encodable {
        let table: String
        let key: Item
        let expression: String
        let condition: String?
        let names: [String: String]
        let values: Item
        let returned = "ALL_NEW"

        enum CodingKeys: String, CodingKey {
            case table = "TableName"
            case key = "Key"
            case expression = "UpdateExpression"
            case condition = "ConditionExpression"
            case names = "ExpressionAttributeNames"
            case values = "ExpressionAttributeValues"
            case returned = "ReturnValues"
        }
    }

    private struct UpdateAnswer: Decodable {
        let attributes: Item?
        enum CodingKeys: String, CodingKey { case attributes = "Attributes" }
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
}

extension AWSFailure {
    /// True when a condition did not hold, so that nothing was changed.
    var isLostRace: Bool {
        if case .service("ConditionalCheckFailedException", _, _) = cause { true } else { false }
    }
}
