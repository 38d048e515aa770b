import StrictJSON

/// A value as DynamoDB's JSON writes it: an object of one member, named after the type (DynamoDB
/// API reference, AttributeValue). Only the types in use.
enum AttributeValue: Hashable, Sendable {
    case string(String)
    /// Numbers travel as text.
    case number(String)
    case map([String: AttributeValue])
    case list([AttributeValue])
    /// A type that no item of ours has.
    case other(type: String)

    static func number(_ value: Int) -> AttributeValue { .number(String(value)) }
}

extension AttributeValue {
    /// What a tree does not have in it.
    struct Misshapen: Error {}

    init(_ tree: JSONTree) throws(Misshapen) {
        guard case .object(let types) = tree, types.count == 1 else { throw Misshapen() }
        switch (types[0].name, types[0].value) {
        case ("S", .string(let text)): self = .string(text)
        case ("N", .string(let digits)): self = .number(digits)
        case ("M", .object): self = .map(try Self.item(types[0].value))
        case ("L", .array(let elements)):
            self = .list(try elements.map { element throws(Misshapen) in try Self(element) })
        case ("S", _), ("N", _), ("M", _), ("L", _): throw Misshapen()
        case (let type, _): self = .other(type: type)
        }
    }

    /// An item, or a map in one.
    static func item(_ tree: JSONTree) throws(Misshapen) -> [String: AttributeValue] {
        guard case .object(let members) = tree else { throw Misshapen() }
        var item: [String: AttributeValue] = [:]
        item.reserveCapacity(members.count)
        for member in members { item[member.name] = try Self(member.value) }
        return item
    }
}

extension AttributeValue: Codable {
    private struct TypeName: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: TypeName.self)
        let types = container.allKeys
        guard let type = types.first, types.count == 1 else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not one type")
            )
        }
        switch type.stringValue {
        case "S": self = .string(try container.decode(String.self, forKey: type))
        case "N": self = .number(try container.decode(String.self, forKey: type))
        case "M": self = .map(try container.decode([String: AttributeValue].self, forKey: type))
        case "L": self = .list(try container.decode([AttributeValue].self, forKey: type))
        default: self = .other(type: type.stringValue)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TypeName.self)
        switch self {
        case .string(let text): try container.encode(text, forKey: TypeName("S"))
        case .number(let digits): try container.encode(digits, forKey: TypeName("N"))
        case .map(let members): try container.encode(members, forKey: TypeName("M"))
        case .list(let elements): try container.encode(elements, forKey: TypeName("L"))
        case .other(let type):
            throw EncodingError.invalidValue(
                self,
                .init(codingPath: encoder.codingPath, debugDescription: "type \(type)")
            )
        }
    }
}
