import Glibc

/// One file of a machine, whatever it is called.
struct FileIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
}

/// What the kernel says of a directory's entry, itself and not what a link leads to.
struct FileStatus: Equatable, Sendable {
    enum Kind: Sendable {
        case regular, directory, link, fifo, socket, device
    }

    struct Time: Equatable, Sendable {
        var seconds: Int
        var nanoseconds: Int
    }

    var kind: Kind
    /// The lower twelve bits of the mode.
    var permissions: UInt32
    var user: UInt32
    var group: UInt32
    var links: UInt32
    var size: Int
    var modified: Time
    var identity: FileIdentity
    /// The mount that it is seen on (statx(2), Linux 5.8); 0 where the kernel does not say.
    var mount: UInt64
    /// Which device a device's entry stands for.
    var device: Device?

    struct Device: Hashable, Sendable {
        let major: UInt32
        let minor: UInt32
    }

    /// - Parameters:
    ///   - directory: An open directory.
    ///   - name: An entry of it, or nothing for the directory itself.
    static func of(_ directory: Int32, _ name: UnsafePointer<CChar>) throws(FileFault) -> FileStatus
    {
        let noFollow = 0x100
        let noAutomount = 0x800
        let emptyPath = 0x1000
        // The basic fields and the mount.
        let wanted = 0x7FF | 0x1000
        var status: FileStatus?
        let result = withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { room in
            let result = KernelCall.call(
                KernelCall.Number.statx,
                Int(directory),
                Int(bitPattern: name),
                noFollow | noAutomount | (name.pointee == 0 ? emptyPath : 0),
                wanted,
                Int(bitPattern: room.baseAddress)
            )
            if result == 0 { status = FileStatus(UnsafeRawBufferPointer(room)) }
            return result
        }
        guard result == 0, let status else { throw .failed("statx", name) }
        return status
    }

    /// From the kernel's `struct statx`.
    private init(_ bytes: UnsafeRawBufferPointer) {
        let mode = UInt32(bytes.load(fromByteOffset: 28, as: UInt16.self))
        kind =
            switch mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .link
            case S_IFIFO: .fifo
            case S_IFSOCK: .socket
            default: .device
            }
        permissions = mode & 0o7777
        links = bytes.load(fromByteOffset: 16, as: UInt32.self)
        user = bytes.load(fromByteOffset: 20, as: UInt32.self)
        group = bytes.load(fromByteOffset: 24, as: UInt32.self)
        size = Int(bytes.load(fromByteOffset: 40, as: UInt64.self))
        modified = Time(
            seconds: Int(bytes.load(fromByteOffset: 112, as: Int64.self)),
            nanoseconds: Int(bytes.load(fromByteOffset: 120, as: UInt32.self))
        )
        let major = bytes.load(fromByteOffset: 136, as: UInt32.self)
        let minor = bytes.load(fromByteOffset: 140, as: UInt32.self)
        identity = FileIdentity(
            device: UInt64(major) << 32 | UInt64(minor),
            inode: bytes.load(fromByteOffset: 32, as: UInt64.self)
        )
        let mask = bytes.load(as: UInt32.self)
        mount = mask & 0x1000 == 0 ? 0 : bytes.load(fromByteOffset: 144, as: UInt64.self)
        guard kind == .device else { return }
        device = Device(
            major: bytes.load(fromByteOffset: 128, as: UInt32.self),
            minor: bytes.load(fromByteOffset: 132, as: UInt32.self)
        )
    }

    init(kind: Kind, permissions: UInt32, user: UInt32, group: UInt32) {
        self.kind = kind
        self.permissions = permissions
        self.user = user
        self.group = group
        links = 1
        size = 0
        modified = Time(seconds: 0, nanoseconds: 0)
        identity = FileIdentity(device: 0, inode: 0)
        mount = 0
    }
}

/// Why work on files stopped. What was done until then stays done.
struct FileFault: Error, Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// A call failed.
        case call(Int32)
        /// There are more entries than the bound says.
        case tooMany
        /// It took longer than the bound says.
        case tooLong
        /// Something that this program cannot copy exactly, so that it would not be as it was.
        case notUnderstood
        /// A directory is not where it was, though nobody is there who could have moved it.
        case moved
    }

    let kind: Kind
    /// For a person.
    let text: String

    static func failed(_ call: String, _ name: UnsafePointer<CChar>) -> FileFault {
        let code = errno
        return FileFault(
            kind: .call(code),
            text: call + " " + EntryName(name).shown + ": " + String(cString: strerror(code))
        )
    }

    static func failed(_ call: String, _ name: EntryName) -> FileFault {
        let code = errno
        return FileFault(
            kind: .call(code),
            text: call + " " + name.shown + ": " + String(cString: strerror(code))
        )
    }
}
