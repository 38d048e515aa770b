import Glibc

/// The mounts that this process sees.
struct MountTable: Equatable, Sendable {
    /// A line of `/proc/self/mountinfo` (proc(5)).
    struct Mount: Equatable, Sendable {
        let id: UInt64
        /// Where it is, byte for byte, with a NUL at the end.
        let point: EntryName
        /// Whether anything can be written to it.
        let isWritable: Bool
        let type: String
    }

    let mounts: [Mount]

    /// Filesystems that hold no files but what the kernel shows of itself. What can be written there
    /// is the kernel's to refuse, and no user but root is let in where it would last.
    private static let kernelsOwn: Set<String> = [
        "proc", "sysfs", "cgroup", "cgroup2", "devpts", "securityfs", "debugfs", "tracefs",
        "binfmt_misc", "bpf", "pstore", "configfs", "nsfs",
    ]

    /// Those on which somebody could leave something.
    var writable: [Mount] {
        mounts.filter { $0.isWritable && !MountTable.kernelsOwn.contains($0.type) }
    }

    /// The table now; nil if it cannot be read.
    static func read() -> MountTable? {
        KernelCall.contents("/proc/self/mountinfo").flatMap { MountTable(parsing: $0) }
    }

    /// - Returns: nil for a line that is not understood: it may be a mount that can be written to.
    init?(parsing text: [UInt8]) {
        var mounts: [Mount] = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "))
            // Six fields, optional ones, a lone dash, then type, source and the filesystem's options.
            guard fields.count >= 10, let id = UInt64(String(decoding: fields[0], as: UTF8.self)),
                let dash = fields[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
                fields.count >= dash + 4,
                let point = MountTable.unescaped(fields[4])
            else { return nil }
            mounts.append(
                Mount(
                    id: id,
                    point: point,
                    isWritable: MountTable.allowsWriting(fields[5])
                        && MountTable.allowsWriting(fields[dash + 3]),
                    type: String(decoding: fields[dash + 1], as: UTF8.self)
                )
            )
        }
        self.mounts = mounts
    }

    private static func allowsWriting(_ options: ArraySlice<UInt8>) -> Bool {
        !options.split(separator: UInt8(ascii: ",")).contains { $0.elementsEqual("ro".utf8) }
    }

    /// Space, tab, newline and backslash stand there as a backslash and three octal digits.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> EntryName? {
        var bytes: [CChar] = []
        var rest = field[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(CChar(bitPattern: byte))
                continue
            }
            guard rest.count >= 3,
                let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            else { return nil }
            rest = rest.dropFirst(3)
            bytes.append(CChar(bitPattern: code))
        }
        return EntryName(bytes + [0])
    }
}
