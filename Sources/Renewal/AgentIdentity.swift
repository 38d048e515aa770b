import Glibc

/// Whom the agent runs as.
package struct AgentIdentity: Equatable, Sendable {
    package let user: UInt32
    package let group: UInt32
    /// The supplementary groups, by number.
    package let groups: [UInt32]
    package let home: String

    /// - Parameters:
    ///   - user: The user's number.
    ///   - group: The group's number.
    ///   - groups: The supplementary groups.
    ///   - home: The home directory.
    package init(user: UInt32, group: UInt32, groups: [UInt32], home: String) {
        self.user = user
        self.group = group
        self.groups = Array(Set(groups)).sorted()
        self.home = home
    }

    /// Finds a user in the image's own files.
    ///
    /// - Parameter name: The user's name, or a number that `/etc/passwd` has.
    /// - Returns: nil if it is not there.
    package static func find(_ name: String) -> AgentIdentity? {
        guard let users = KernelCall.contents("/etc/passwd") else { return nil }
        return find(name, users: users, groups: KernelCall.contents("/etc/group") ?? [])
    }

    /// Finds a user (passwd(5), group(5)).
    static func find(_ name: String, users: [UInt8], groups: [UInt8]) -> AgentIdentity? {
        for line in users.split(separator: UInt8(ascii: "\n")) {
            let fields = fields(line)
            guard fields.count >= 6, fields[0] == name || fields[2] == name,
                let user = UInt32(fields[2]), let group = UInt32(fields[3])
            else { continue }
            let member = fields[0]
            return AgentIdentity(
                user: user,
                group: group,
                groups: Self.groups(of: member, in: groups) + [group],
                home: fields[5].isEmpty ? "/" : fields[5]
            )
        }
        return nil
    }

    private static func groups(of member: String, in groups: [UInt8]) -> [UInt32] {
        groups.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = fields(line)
            guard fields.count >= 4,
                fields[3].utf8.split(separator: UInt8(ascii: ","))
                    .contains(where: { $0.elementsEqual(member.utf8) })
            else { return nil }
            return UInt32(fields[2])
        }
    }

    private static func fields(_ line: ArraySlice<UInt8>) -> [String] {
        line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }
}

// MARK: As an argument

extension AgentIdentity {
    /// All of it but the home, for the process that becomes the agent.
    package var argument: String {
        "\(user):\(group):" + groups.map { String($0) }.joined(separator: ",")
    }

    /// Reads `argument`; nil for anything else.
    package init?(argument: String) {
        let fields = argument.utf8.split(
            separator: UInt8(ascii: ":"),
            omittingEmptySubsequences: false
        ).map { String(decoding: Array($0), as: UTF8.self) }
        guard fields.count == 3, let user = UInt32(fields[0]), let group = UInt32(fields[1]) else {
            return nil
        }
        let names = fields[2].utf8.split(separator: UInt8(ascii: ","))
        let groups = names.compactMap { UInt32(String(decoding: Array($0), as: UTF8.self)) }
        guard groups.count == names.count else { return nil }
        self.init(user: user, group: group, groups: groups, home: "/")
    }
}
