internal import StrictJSON

/// JSON whose fields are looked at one by one, so that everything wrong with it can be told at once,
/// unknown names too.
enum JSONValue: Decodable, Hashable, Sendable {
    case null
    case flag(Bool)
    /// A whole one; others are ``fraction``.
    case number(Int)
    case fraction
    case text(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// - Returns: nil for what is no JSON.
    init?(_ bytes: [UInt8]) {
        guard let value = try? StrictJSON.decode(JSONValue.self, from: bytes) else { return nil }
        self = value
    }

    init(from decoder: any Decoder) throws {
        if let fields = try? decoder.container(keyedBy: Key.self) {
            var object: [String: JSONValue] = [:]
            for key in fields.allKeys {
                object[key.stringValue] = try fields.decode(JSONValue.self, forKey: key)
            }
            self = .object(object)
            return
        }
        if var items = try? decoder.unkeyedContainer() {
            var array: [JSONValue] = []
            while !items.isAtEnd { array.append(try items.decode(JSONValue.self)) }
            self = .array(array)
            return
        }
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? value.decode(Int.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else {
            self = .fraction
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
