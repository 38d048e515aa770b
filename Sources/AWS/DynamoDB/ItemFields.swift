import Decisions

/// Reads attributes of an item, or of a map in it, and says where one is not what it should be.
struct Fields {
    private let members: Item
    private let prefix: String

    init(_ members: Item, prefix: String = "") {
        self.members = members
        self.prefix = prefix
    }

    func text(_ name: String) throws(ItemFault) -> String {
        guard case .string(let text) = members[name], !text.isEmpty else {
            throw fault(name, "text that is not empty")
        }
        return text
    }

    func count(_ name: String, atLeast least: Int = 0) throws(ItemFault) -> Int {
        guard let value = try optionalCount(name, atLeast: least) else {
            throw fault(name, "a whole number of at least \(least)")
        }
        return value
    }

    func optionalCount(_ name: String, atLeast least: Int = 0) throws(ItemFault) -> Int? {
        guard let value = members[name] else { return nil }
        guard case .number(let digits) = value, let number = Int(digits), number >= least,
            number <= Self.most
        else {
            throw fault(name, "a whole number of at least \(least)")
        }
        return number
    }

    /// What is counted from it must not overflow: whoever may write the item could stop everyone.
    private static let most = 1 << 53

    func time(_ name: String) throws(ItemFault) -> WallTime {
        WallTime(milliseconds: try count(name))
    }

    func optionalTime(_ name: String) throws(ItemFault) -> WallTime? {
        try optionalCount(name).map { WallTime(milliseconds: $0) }
    }

    func optionalText(_ name: String) throws(ItemFault) -> String? {
        members[name] == nil ? nil : try text(name)
    }

    func optionalTask(_ name: String) throws(ItemFault) -> TaskID? {
        members[name] == nil ? nil : TaskID(try text(name))
    }

    func optionalMap(_ name: String) throws(ItemFault) -> Fields? {
        guard let value = members[name] else { return nil }
        guard case .map(let members) = value else { throw fault(name, "a map") }
        return Fields(members, prefix: "\(prefix)\(name).")
    }

    /// The members of a map of maps; none where it is absent.
    func maps(_ name: String) throws(ItemFault) -> [(key: String, fields: Fields)] {
        guard let value = members[name] else { return [] }
        guard case .map(let entries) = value else { throw fault(name, "a map") }
        var maps: [(key: String, fields: Fields)] = []
        for (key, value) in entries {
            guard !key.isEmpty, case .map(let members) = value else {
                throw fault("\(name).\(key)", "a map under a name that is not empty")
            }
            maps.append((key, Fields(members, prefix: "\(prefix)\(name).\(key).")))
        }
        return maps
    }

    private func fault(_ name: String, _ expected: String) -> ItemFault {
        .malformed(attribute: prefix + name, expected: expected)
    }
}

/// What is wrong with an item of the ledger's table.
package enum ItemFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Written by a newer version of this program, which this one must not overwrite.
    case newerFormat(Int)
    /// - Parameter attribute: where, with dots between the levels.
    case malformed(attribute: String, expected: String)

    package var description: String {
        switch self {
        case .newerFormat(let format):
            "the item has format \(format), this version knows \(LedgerItem.format)"
        case .malformed(let attribute, let expected):
            "attribute \(attribute) is malformed; expected \(expected)"
        }
    }
}
