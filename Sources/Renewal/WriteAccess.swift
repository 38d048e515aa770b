/// What a user may do to an entry of the file tree, by what the entry itself says.
enum WriteAccess: Equatable, Sendable {
    /// It is the user's: the user may change its mode, its times and its attributes too.
    case owner
    /// The user may write it.
    case writer
    /// Only an access list can tell, and it has to be read: the group's bits are its mask.
    case listed
    case none

    /// Says rather too much than too little: a user whose group may not write what others may is
    /// called a writer all the same.
    init(_ status: FileStatus, for agent: AgentIdentity) {
        let groupMayWrite = status.permissions & 0o020 != 0
        let othersMayWrite = status.permissions & 0o002 != 0
        if status.user == agent.user {
            self = .owner
        } else if status.kind == .link {
            // Everybody's by its mode, nobody's in truth: a link is replaced, not written.
            self = .none
        } else if othersMayWrite {
            self = .writer
        } else if groupMayWrite {
            let isMember = status.group == agent.group || agent.groups.contains(status.group)
            self = isMember ? .writer : .listed
        } else {
            self = .none
        }
    }

    /// Whether an access list lets the user write.
    ///
    /// - Parameter list: The value of `system.posix_acl_access`: a version, then entries of a tag,
    ///   rights and a number (linux/posix_acl_xattr.h).
    /// - Returns: nil if it is none that this program understands.
    static func isGranted(by list: [UInt8], to agent: AgentIdentity) -> Bool? {
        guard list.count >= 4, (list.count - 4).isMultiple(of: 8),
            number(list, 0, bytes: 4) == 2
        else { return nil }
        var isGranted = false
        for place in stride(from: 4, to: list.count, by: 8) {
            let tag = number(list, place, bytes: 2)
            let mayWrite = number(list, place + 2, bytes: 2) & 2 != 0
            let id = number(list, place + 4, bytes: 4)
            switch tag {
            case 0x02: isGranted = isGranted || mayWrite && id == agent.user
            case 0x08:
                let isMember = id == agent.group || agent.groups.contains(id)
                isGranted = isGranted || mayWrite && isMember
            // The owner, its group, the mask and all others: the mode has them.
            case 0x01, 0x04, 0x10, 0x20: break
            default: return nil
            }
        }
        return isGranted
    }

    private static func number(_ bytes: [UInt8], _ start: Int, bytes count: Int) -> UInt32 {
        (0..<count).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
    }
}
