/// An item as DynamoDB's JSON shows it: attribute name to `{"S": ...}`, `{"N": ...}` and so on.
typealias TableItem = [String: JSON]

/// DynamoDB's attribute values: one type letter, one value of that type.
enum TableValue {
    static func check(_ value: JSON) throws(TableRefusal) {
        guard let members = value.object, members.count == 1, let (type, content) = members.first
        else { throw .init("ValidationException", "an attribute value must have one type") }
        var fits = false
        switch type {
        case "S": fits = content.string != nil
        case "N": fits = content.string.flatMap { Double($0) } != nil
        case "BOOL": fits = content.bool != nil
        case "NULL": fits = content.bool == true
        case "L":
            fits = content.array != nil
            for inner in content.array ?? [] { try check(inner) }
        case "M":
            fits = content.object != nil
            for inner in (content.object ?? [:]).values { try check(inner) }
        case "SS": fits = content.array?.isEmpty == false
        default: break
        }
        guard fits else {
            throw .init("ValidationException", "an attribute of type \(type) has a wrong value")
        }
    }

    /// Numbers are equal by value ("1" and "1.0"), everything else by content.
    static func equal(_ left: JSON, _ right: JSON) -> Bool {
        if let one = number(left), let two = number(right) { return one == two }
        return left == right
    }

    /// Numbers by value, text by its UTF-8 bytes; nil for values of two types or of others, which
    /// no comparison holds for.
    static func isLess(_ left: JSON, _ right: JSON) -> Bool? {
        if let one = number(left), let two = number(right) { return one < two }
        guard let one = left["S"]?.string, let two = right["S"]?.string else { return nil }
        return one.utf8.lexicographicallyPrecedes(two.utf8)
    }

    static func number(_ value: JSON) -> Double? { value["N"]?.string.flatMap { Double($0) } }

    // MARK: Size

    /// Bytes that an item counts as (DynamoDB developer guide, "Item sizes and formats").
    static func size(of item: TableItem) -> Int {
        item.reduce(0) { $0 + $1.key.utf8.count + size(of: $1.value) }
    }

    private static func size(of value: JSON) -> Int {
        guard let (type, content) = value.object?.first else { return 0 }
        switch type {
        case "S": return content.string?.utf8.count ?? 0
        case "N": return ((content.string ?? "").count { $0.isNumber } + 1) / 2 + 1
        // 3 bytes for the list or map, and one for each element.
        case "L": return (content.array ?? []).reduce(3) { $0 + 1 + size(of: $1) }
        case "M":
            return 3 + (content.object ?? [:]).reduce(0) { $0 + 1 + size(of: [$1.key: $1.value]) }
        case "SS": return (content.array ?? []).reduce(0) { $0 + ($1.string?.utf8.count ?? 0) }
        default: return 1
        }
    }
}
