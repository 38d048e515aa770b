/// A DynamoDB condition expression of the kinds in use: `attribute_exists(path)`,
/// `attribute_not_exists(path)`, `path = :value`, `path <> :value`, joined by AND or OR without
/// parentheses (AND binds tighter). Anything else is refused, as DynamoDB refuses bad syntax.
struct Condition: Equatable, Sendable {
    indirect enum Term: Equatable, Sendable {
        case exists(String)
        case missing(String)
        case equal(String, JSON)
        case unequal(String, JSON)
    }

    /// Alternatives of terms that must all hold.
    private(set) var alternatives: [[Term]] = []

    init(_ text: String, names: JSON?, values: JSON?) throws(DynamoDBTable.Refusal) {
        var parser = Parser(
            tokens: Self.tokens(text)[...],
            names: names?.object ?? [:],
            values: values?.object ?? [:]
        )
        alternatives = [[try parser.term()]]
        while let word = parser.tokens.popFirst() {
            switch word.uppercased() {
            case "AND": alternatives[alternatives.count - 1].append(try parser.term())
            case "OR": alternatives.append([try parser.term()])
            default: throw Parser.syntax("unexpected \(word)")
            }
        }
        try parser.checkAllUsed()
    }

    /// Whether the condition holds for the stored item; an absent item has no attributes.
    func holds(for item: Item) -> Bool {
        alternatives.contains { terms in
            terms.allSatisfy { term in
                switch term {
                case .exists(let name): item[name] != nil
                case .missing(let name): item[name] == nil
                case .equal(let name, let value):
                    item[name].map { AttributeValue.equal($0, value) } ?? false
                case .unequal(let name, let value):
                    item[name].map { !AttributeValue.equal($0, value) } ?? true
                }
            }
        }
    }

    static func tokens(_ text: String) -> [String] {
        var tokens: [String] = []
        var word = ""
        func isWord(_ sign: Character) -> Bool {
            sign.isLetter || sign.isNumber || "_#:-.".contains(sign)
        }
        for sign in text {
            if isWord(sign) {
                word.append(sign)
                continue
            }
            if !word.isEmpty { tokens.append(word) }
            word = ""
            if sign == ">" && tokens.last == "<" {
                tokens[tokens.count - 1] = "<>"
            } else if !sign.isWhitespace {
                tokens.append(String(sign))
            }
        }
        if !word.isEmpty { tokens.append(word) }
        return tokens
    }

    private struct Parser {
        var tokens: ArraySlice<String>
        let names: [String: JSON]
        let values: [String: JSON]
        var used: Set<String> = []

        init(tokens: ArraySlice<String>, names: [String: JSON], values: [String: JSON]) {
            self.tokens = tokens
            self.names = names
            self.values = values
        }

        static func syntax(_ message: String) -> DynamoDBTable.Refusal {
            .init("ValidationException", "Invalid ConditionExpression: \(message)")
        }

        mutating func term() throws(DynamoDBTable.Refusal) -> Term {
            let first = try next()
            if first == "attribute_exists" || first == "attribute_not_exists" {
                guard try next() == "(" else { throw Self.syntax("( expected after \(first)") }
                let name = try attribute(try next())
                guard try next() == ")" else { throw Self.syntax(") expected") }
                return first == "attribute_exists" ? .exists(name) : .missing(name)
            }
            let name = try attribute(first)
            let sign = try next()
            let value = try value(try next())
            switch sign {
            case "=": return .equal(name, value)
            case "<>": return .unequal(name, value)
            default: throw Self.syntax("the operator \(sign) is not rehearsed")
            }
        }

        /// DynamoDB refuses names and values that the expression does not use.
        func checkAllUsed() throws(DynamoDBTable.Refusal) {
            let unused = Set(names.keys).union(values.keys).subtracting(used).sorted()
            guard unused.isEmpty else {
                throw .init(
                    "ValidationException",
                    "Value provided in ExpressionAttributeNames or ExpressionAttributeValues"
                        + " unused in expressions: keys: {\(unused.joined(separator: ", "))}"
                )
            }
        }

        private mutating func next() throws(DynamoDBTable.Refusal) -> String {
            guard let token = tokens.popFirst() else { throw Self.syntax("it ends too early") }
            return token
        }

        private mutating func attribute(_ token: String) throws(DynamoDBTable.Refusal) -> String {
            if token.hasPrefix("#") {
                used.insert(token)
                guard let name = names[token]?.string else {
                    throw Self.syntax("the name \(token) is not defined")
                }
                return name
            }
            guard let first = token.first, first.isLetter || first == "_" else {
                throw Self.syntax("\(token) is no attribute name")
            }
            guard !token.contains(".") else { throw Self.syntax("paths are not rehearsed") }
            return token
        }

        private mutating func value(_ token: String) throws(DynamoDBTable.Refusal) -> JSON {
            used.insert(token)
            guard token.hasPrefix(":"), let value = values[token] else {
                throw Self.syntax("the value \(token) is not defined")
            }
            return value
        }
    }
}
