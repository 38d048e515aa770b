/// A DynamoDB condition expression of the kinds in use: `attribute_exists(path)`,
/// `attribute_not_exists(path)`, `path OPERATOR :value` with `=`, `<>`, `<`, `<=`, `>` and `>=`,
/// joined by AND, OR and parentheses (AND binds tighter). Anything else is refused, as DynamoDB
/// refuses bad syntax.
struct Condition: Equatable, Sendable {
    enum Operator: String, Sendable {
        case equal = "="
        case unequal = "<>"
        case less = "<"
        case atMost = "<="
        case greater = ">"
        case atLeast = ">="
    }

    indirect enum Term: Equatable, Sendable {
        case exists(String)
        case missing(String)
        case compares(String, Operator, JSON)
        case all([Term])
        case any([Term])
    }

    let term: Term

    init(_ text: String, _ words: inout Placeholders) throws(TableRefusal) {
        guard text.utf8.count <= Placeholders.longestExpression else {
            throw Placeholders.tooLong("ConditionExpression")
        }
        var parser = Parser(tokens: Tokens.of(text)[...], words: words)
        term = try parser.alternatives().term
        if let word = parser.tokens.first { throw Parser.syntax("unexpected \(word)") }
        words = parser.words
    }

    /// Whether the condition holds for the stored item; an absent item has no attributes.
    func holds(for item: TableItem?) -> Bool { Self.holds(term, item ?? [:]) }

    static func holds(_ term: Term, _ item: TableItem) -> Bool {
        switch term {
        case .exists(let name): item[name] != nil
        case .missing(let name): item[name] == nil
        case .compares(let name, let sign, let value): compares(item[name], sign, value)
        case .all(let terms): terms.allSatisfy { holds($0, item) }
        case .any(let terms): terms.contains { holds($0, item) }
        }
    }

    /// An attribute that is absent, or of another type than the value, is unequal to it and
    /// neither above nor below.
    private static func compares(_ there: JSON?, _ sign: Operator, _ value: JSON) -> Bool {
        guard let there else { return sign == .unequal }
        let isEqual = TableValue.equal(there, value)
        let isLess = TableValue.isLess(there, value)
        return switch sign {
        case .equal: isEqual
        case .unequal: !isEqual
        case .less: isLess == true
        case .atMost: isLess.map { $0 || isEqual } ?? false
        case .greater: isLess.map { !$0 && !isEqual } ?? false
        case .atLeast: isLess == false
        }
    }

    private struct Parser {
        var tokens: ArraySlice<String>
        var words: Placeholders

        /// A term, and whether parentheses stand around all of it.
        typealias Parsed = (term: Term, isEnclosed: Bool)

        static func syntax(_ message: String) -> TableRefusal {
            .init("ValidationException", "Invalid ConditionExpression: \(message)")
        }

        mutating func alternatives() throws(TableRefusal) -> Parsed {
            try joined(by: "OR", Term.any) { parser throws(TableRefusal) in
                try parser.joined(by: "AND", Term.all) { parser throws(TableRefusal) in
                    try parser.single()
                }
            }
        }

        private mutating func joined(
            by word: String,
            _ join: ([Term]) -> Term,
            _ part: (inout Parser) throws(TableRefusal) -> Parsed
        ) throws(TableRefusal) -> Parsed {
            let first = try part(&self)
            var terms = [first.term]
            while tokens.first?.uppercased() == word {
                tokens = tokens.dropFirst()
                terms.append(try part(&self).term)
            }
            return terms.count == 1 ? first : (join(terms), false)
        }

        private mutating func single() throws(TableRefusal) -> Parsed {
            let first = try next()
            if first == "(" {
                let inner = try alternatives()
                guard try next() == ")" else { throw Self.syntax(") expected") }
                guard !inner.isEnclosed else {
                    throw Self.syntax("The expression has redundant parentheses")
                }
                return (inner.term, true)
            }
            if first == "attribute_exists" || first == "attribute_not_exists" {
                guard try next() == "(" else { throw Self.syntax("( expected after \(first)") }
                let name = try words.name(try next(), Self.syntax)
                guard try next() == ")" else { throw Self.syntax(") expected") }
                return (first == "attribute_exists" ? .exists(name) : .missing(name), false)
            }
            let name = try words.name(first, Self.syntax)
            let text = try next()
            guard let sign = Operator(rawValue: text) else {
                throw Self.syntax("\(text) after \(first) is not rehearsed")
            }
            return (.compares(name, sign, try words.value(try next(), Self.syntax)), false)
        }

        private mutating func next() throws(TableRefusal) -> String {
            guard let token = tokens.popFirst() else { throw Self.syntax("it ends too early") }
            return token
        }
    }
}
