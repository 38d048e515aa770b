/// A DynamoDB update expression of the kinds in use: `SET path = OPERAND`, or a sum of two of them,
/// where an operand is `:value` or `if_not_exists(path, :value)`, and `REMOVE path`, each a list
/// with commas. Anything else is refused, as DynamoDB refuses bad syntax.
struct UpdateExpression: Equatable, Sendable {
    enum Operand: Equatable, Sendable {
        case value(JSON)
        /// What the item has, or else this.
        case existing(String, JSON)
    }

    private(set) var sets: [(name: String, operands: [Operand])] = []
    private(set) var removed: [String] = []

    static func == (left: Self, right: Self) -> Bool {
        left.removed == right.removed && left.sets.count == right.sets.count
            && zip(left.sets, right.sets).allSatisfy { $0 == $1 }
    }

    init(_ text: String, _ words: inout Placeholders) throws(TableRefusal) {
        guard text.utf8.count <= Placeholders.longestExpression else {
            throw Placeholders.tooLong("UpdateExpression")
        }
        var parser = Parser(tokens: Tokens.of(text)[...], words: words)
        var clauses: Set<String> = []
        while let clause = parser.tokens.popFirst() {
            guard clauses.insert(clause).inserted else {
                throw Self.syntax("The \"\(clause)\" section can only be used once")
            }
            repeat {
                let name = try parser.name()
                switch clause {
                case "SET": sets.append((name, try parser.sum()))
                case "REMOVE": removed.append(name)
                default: throw Self.syntax("the clause \(clause) is not rehearsed")
                }
            } while parser.skips(",")
        }
        words = parser.words
        let all = sets.map(\.name) + removed
        guard !all.isEmpty else { throw Self.syntax("The expression can not be empty;") }
        guard Set(all).count == all.count else {
            throw Self.syntax("Two document paths overlap with each other")
        }
    }

    var names: [String] { sets.map(\.name) + removed }

    /// What the item has before the whole expression counts.
    func apply(to item: TableItem) throws(TableRefusal) -> TableItem {
        var result = item
        for (name, operands) in sets { result[name] = try Self.value(operands, of: item) }
        for name in removed { result[name] = nil }
        return result
    }

    private static func value(
        _ operands: [Operand],
        of item: TableItem
    ) throws(TableRefusal) -> JSON? {
        let values = operands.map { operand in
            switch operand {
            case .value(let value): value
            case .existing(let name, let value): item[name] ?? value
            }
        }
        guard values.count > 1 else { return values.first }
        let numbers = values.compactMap { $0["N"]?.string.flatMap { Int($0) } }
        guard numbers.count == values.count else {
            throw .init(
                "ValidationException",
                "An operand in the update expression has an incorrect data type"
            )
        }
        return ["N": .string(String(numbers.reduce(0, +)))]
    }

    private static func syntax(_ message: String) -> TableRefusal {
        .init("ValidationException", "Invalid UpdateExpression: \(message)")
    }

    private struct Parser {
        var tokens: ArraySlice<String>
        var words: Placeholders

        mutating func skips(_ sign: String) -> Bool {
            guard tokens.first == sign else { return false }
            tokens = tokens.dropFirst()
            return true
        }

        mutating func name() throws(TableRefusal) -> String {
            try words.name(try next("an attribute"), UpdateExpression.syntax)
        }

        mutating func sum() throws(TableRefusal) -> [Operand] {
            try sign("=")
            let first = try operand()
            return skips("+") ? [first, try operand()] : [first]
        }

        private mutating func operand() throws(TableRefusal) -> Operand {
            guard skips("if_not_exists") else { return .value(try value()) }
            try sign("(")
            let name = try name()
            try sign(",")
            let value = try value()
            try sign(")")
            return .existing(name, value)
        }

        private mutating func value() throws(TableRefusal) -> JSON {
            try words.value(try next("a value"), UpdateExpression.syntax)
        }

        private mutating func sign(_ sign: String) throws(TableRefusal) {
            let token = try next(sign)
            guard token == sign else {
                throw UpdateExpression.syntax("\(sign) expected before \(token)")
            }
        }

        private mutating func next(
            _ expected: String
        ) throws(TableRefusal) -> String {
            guard let token = tokens.popFirst() else {
                throw UpdateExpression.syntax("\(expected) expected at the end")
            }
            return token
        }
    }
}
