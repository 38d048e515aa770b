/// The words of an expression.
enum Tokens {
    static func of(_ text: String) -> [String] {
        var tokens: [String] = []
        var word = ""
        var lastSign: Character?
        func isWord(_ sign: Character) -> Bool {
            sign.isLetter || sign.isNumber || "_#:-.".contains(sign)
        }
        for sign in text {
            defer { lastSign = isWord(sign) ? nil : sign }
            if isWord(sign) {
                word.append(sign)
                continue
            }
            if !word.isEmpty { tokens.append(word) }
            word = ""
            if let lastSign, ["<>", "<=", ">="].contains("\(lastSign)\(sign)") {
                tokens[tokens.count - 1].append(sign)
            } else if !sign.isWhitespace {
                tokens.append(String(sign))
            }
        }
        if !word.isEmpty { tokens.append(word) }
        return tokens
    }
}

/// What `#name` and `:value` stand for in the expressions of one call, and which of them were used:
/// DynamoDB refuses those that are not.
struct Placeholders: Sendable {
    static let longestExpression = 4_096

    private let names: [String: JSON]
    private let values: [String: JSON]
    private var used: Set<String> = []

    init(_ input: JSON) throws(TableRefusal) {
        for member in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
            guard let given = input[member] else { continue }
            guard given.object?.isEmpty == false else {
                throw .init("ValidationException", "\(member) must not be empty")
            }
        }
        names = input["ExpressionAttributeNames"]?.object ?? [:]
        values = input["ExpressionAttributeValues"]?.object ?? [:]
        for value in values.values { try TableValue.check(value) }
    }

    mutating func name(
        _ token: String,
        _ syntax: (String) -> TableRefusal
    ) throws(TableRefusal) -> String {
        if token.hasPrefix("#") {
            used.insert(token)
            guard let name = names[token]?.string else {
                throw syntax("the name \(token) is not defined")
            }
            return name
        }
        guard let first = token.first, first.isLetter || first == "_" else {
            throw syntax("\(token) is no attribute name")
        }
        guard !token.contains(".") else { throw syntax("paths are not rehearsed") }
        return token
    }

    mutating func value(
        _ token: String,
        _ syntax: (String) -> TableRefusal
    ) throws(TableRefusal) -> JSON {
        used.insert(token)
        guard token.hasPrefix(":"), let value = values[token] else {
            throw syntax("the value \(token) is not defined")
        }
        return value
    }

    func checkAllUsed() throws(TableRefusal) {
        let unused = Set(names.keys).union(values.keys).subtracting(used).sorted()
        guard unused.isEmpty else {
            throw .init(
                "ValidationException",
                "Value provided in ExpressionAttributeNames or ExpressionAttributeValues"
                    + " unused in expressions: keys: {\(unused.joined(separator: ", "))}"
            )
        }
    }

    static func tooLong(_ expression: String) -> TableRefusal {
        .init(
            "ValidationException",
            "Invalid \(expression): Expression size has exceeded the maximum allowed size"
        )
    }
}
