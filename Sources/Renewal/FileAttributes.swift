import Glibc

/// Extended attributes, and the marks of files that are none of the mode's.
enum FileAttributes {
    struct Attribute: Equatable, Sendable {
        let name: EntryName
        let value: [UInt8]
    }

    /// The largest list and the largest value that Linux has (XATTR_LIST_MAX, XATTR_SIZE_MAX).
    private static let largest = 65_536

    /// A label that the machine's policy gives by itself to whatever is made.
    private static let labels: Set<String> = ["security.selinux"]

    /// Those of an open file or directory that make it what it is, in the order of their names.
    ///
    /// - Throws: `notUnderstood` for one that is neither a user's nor an access list: it cannot be
    ///   put back.
    static func of(_ descriptor: Int32, _ name: EntryName) throws(FileFault) -> [Attribute] {
        var found: [Attribute] = []
        for attribute in try names(descriptor, name) {
            let text = attribute.shown
            guard !labels.contains(text) else { continue }
            guard
                text.hasPrefix("user.") || text == "system.posix_acl_access"
                    || text == "system.posix_acl_default"
            else {
                throw FileFault(
                    kind: .notUnderstood,
                    text: name.shown + " has the attribute " + text
                )
            }
            found.append(Attribute(name: attribute, value: try value(descriptor, attribute)))
        }
        return found.sorted { $0.name.shown < $1.name.shown }
    }

    private static func names(
        _ descriptor: Int32,
        _ name: EntryName
    ) throws(FileFault) -> [EntryName] {
        var names: [EntryName] = []
        let count = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { small in
            let count = flistxattr(descriptor, small.baseAddress, small.count)
            if count > 0 { names = split(UnsafeBufferPointer(rebasing: small[..<count])) }
            return count
        }
        if count >= 0 { return names }
        if errno == ENOTSUP { return [] }
        guard errno == ERANGE else { throw .failed("flistxattr", name) }
        var large = [CChar](repeating: 0, count: largest)
        let whole = flistxattr(descriptor, &large, large.count)
        guard whole >= 0 else { throw .failed("flistxattr", name) }
        return large.withUnsafeBufferPointer { split(UnsafeBufferPointer(rebasing: $0[..<whole])) }
    }

    private static func split(_ list: UnsafeBufferPointer<CChar>) -> [EntryName] {
        list.split(separator: 0).map { slice in
            EntryName(Array(slice) + [0])
        }
    }

    private static func value(
        _ descriptor: Int32,
        _ attribute: EntryName
    ) throws(FileFault) -> [UInt8] {
        var value = [UInt8](repeating: 0, count: 256)
        var count = attribute.withText { fgetxattr(descriptor, $0, &value, value.count) }
        if count < 0, errno == ERANGE {
            value = [UInt8](repeating: 0, count: largest)
            count = attribute.withText { fgetxattr(descriptor, $0, &value, value.count) }
        }
        guard count >= 0 else { throw .failed("fgetxattr", attribute) }
        return Array(value.prefix(count))
    }

    /// Gives them to a file or directory that was just made, and takes away what it has from the
    /// directory that it is in.
    static func set(_ attributes: [Attribute], on descriptor: Int32) throws(FileFault) {
        for inherited in try of(descriptor, EntryName("."))
        where !attributes.contains(where: { $0.name == inherited.name }) {
            guard inherited.name.withText({ fremovexattr(descriptor, $0) }) == 0 else {
                throw .failed("fremovexattr", inherited.name)
            }
        }
        for attribute in attributes {
            let result = attribute.name.withText {
                fsetxattr(descriptor, $0, attribute.value, attribute.value.count, 0)
            }
            guard result == 0 else { throw .failed("fsetxattr", attribute.name) }
        }
    }

    /// Whether nothing about an open directory could be missed that an access list or an attribute
    /// of a user's would say.
    static func areNone(_ descriptor: Int32) -> Bool {
        (try? of(descriptor, EntryName(".")))?.isEmpty ?? false
    }

    /// The access list of an entry, which is not opened: it may be a device.
    ///
    /// - Returns: Empty if there is none.
    static func accessList(_ directory: Int32, _ name: EntryName) throws(FileFault) -> [UInt8] {
        let path = name.withText { text in
            EntryName("/proc/self/fd/\(directory)/").withText { EntryName(joining: $0, text) }
        }
        var value = [UInt8](repeating: 0, count: largest)
        let count = path.withText {
            lgetxattr($0, "system.posix_acl_access", &value, value.count)
        }
        if count >= 0 { return Array(value.prefix(count)) }
        guard errno == ENODATA || errno == ENOTSUP else { throw .failed("lgetxattr", name) }
        return []
    }

    /// FS_IOC_GETFLAGS (ioctl_iflags(2)); its number holds a size that only some machines share.
    private static let getFlags: UInt = 0x8008_6601

    /// Marks that say how a file is stored, and that every file of its filesystem may get by itself:
    /// extents, an index, data in the inode, large files, verity apart.
    private static let storage: UInt32 = 0x0008_0000 | 0x1000 | 0x1000_0000 | 0x0004_0000

    /// - Throws: `notUnderstood` if a file or directory is marked, for example as immutable.
    static func requireUnmarked(_ descriptor: Int32, _ name: EntryName) throws(FileFault) {
        var flags = 0
        guard ioctl(descriptor, getFlags, &flags) == 0 else {
            // Not every filesystem has such marks.
            guard [ENOTTY, EOPNOTSUPP, EINVAL].contains(errno) else {
                throw .failed("FS_IOC_GETFLAGS", name)
            }
            return
        }
        guard UInt32(truncatingIfNeeded: flags) & ~storage == 0 else {
            throw FileFault(
                kind: .notUnderstood,
                text: name.shown + " is marked (chattr) " + String(flags, radix: 16)
            )
        }
    }
}
