/// A DynamoDB update expression of the kinds in use: `SET path = :value`,
/// `SET path = if_not_exists(path, :value)` and `REMOVE path`, each a list with commas. Anything
/// else is refused, as DynamoDB refuses bad syntax.
struct UpdateExpression: Equatable, Sendable {
    enum Action: Equatable, Sendable {
        case set(String, JSON)
        /// Sets the attribute unless the item has it.
        case add(String, JSON)
        case remove(String)
    }

    private(set) var actions: [Action] = []

    /// - Parameters:
    ///   - names: of `ExpressionAttributeNames`, those that another expression uses included.
    ///   - values: of `ExpressionAttributeValues`, likewise.
    init(
        _ text: String,
        names: [String: JSON],
        values: [String: JSON]
    ) throws(DynamoDBTable.Refusal) {
        var tokens = Condition.tokens(text)[...]
        func next(_ expected: String) throws(DynamoDBTable.Refusal) -> String {
            guard let token = tokens.popFirst() else {
                throw Self.syntax("\(expected) expected at the end")
            }
            return token
        }
        func sign(_ sign: String) throws(DynamoDBTable.Refusal) {
            let token = try next(sign)
            guard token == sign else { throw Self.syntax("\(sign) expected before \(token)") }
        }
        func name() throws(DynamoDBTable.Refusal) -> String {
            let token = try next("an attribute")
            guard token.hasPrefix("#"), let name = names[token]?.string else {
                throw Self.syntax("\(token) is no defined name")
            }
            return name
        }
        func value() throws(DynamoDBTable.Refusal) -> JSON {
            let token = try next("a value")
            guard let value = values[token] else {
                throw Self.syntax("\(token) is no defined value")
            }
            try AttributeValue.check(value)
            return value
        }
        while let clause = tokens.popFirst() {
            repeat {
                let attribute = try name()
                switch clause {
                case "SET":
                    try sign("=")
                    if tokens.first == "if_not_exists" {
                        _ = tokens.popFirst()
                        try sign("(")
                        guard try name() == attribute else {
                            throw Self.syntax("if_not_exists of another attribute")
                        }
                        try sign(",")
                        actions.append(.add(attribute, try value()))
                        try sign(")")
                    } else {
                        actions.append(.set(attribute, try value()))
                    }
                case "REMOVE": actions.append(.remove(attribute))
                default: throw Self.syntax("the clause \(clause) is not rehearsed")
                }
            } while tokens.first == "," && tokens.popFirst() != nil
        }
        guard !actions.isEmpty else { throw Self.syntax("it is empty") }
    }

    func apply(to item: Item) -> Item {
        var result = item
        for action in actions {
            switch action {
            case .set(let name, let value): result[name] = value
            // What the item has before the whole expression counts.
            case .add(let name, let value): if item[name] == nil { result[name] = value }
            case .remove(let name): result[name] = nil
            }
        }
        return result
    }

    private static func syntax(_ message: String) -> DynamoDBTable.Refusal {
        .init("ValidationException", "Invalid UpdateExpression: \(message)")
    }
}
