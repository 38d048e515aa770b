import Glibc

/// A place in a tree of directories, held by one descriptor however deep it is. It follows no link,
/// goes by no path, and knows on its way up whether a directory is still where it was.
struct TreeCursor: ~Copyable {
    private(set) var descriptor: Int32
    /// The mount that the tree is on: another one's directory is not entered.
    let mount: UInt64
    private var identity: FileIdentity
    private var above: [FileIdentity] = []

    /// - Parameter descriptor: The top's, closed by the cursor.
    init(_ descriptor: Int32) throws(FileFault) {
        let status: FileStatus
        do throws(FileFault) {
            status = try FileStatus.of(descriptor, "")
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        mount = status.mount
        identity = status.identity
    }

    deinit { close(descriptor) }

    /// How far below the top it is.
    var depth: Int { above.count }

    /// Opens a directory to be read, and no link to one.
    static func open(
        _ directory: Int32,
        _ name: UnsafePointer<CChar>
    ) throws(FileFault) -> Int32 {
        let options = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let opened = openat(directory, name, options)
        guard opened >= 0 else { throw .failed("openat", name) }
        return opened
    }

    /// A cursor at a directory's entry.
    static func at(_ directory: Int32, _ name: EntryName) throws(FileFault) -> TreeCursor {
        let opened = try name.opened(in: directory)
        return try TreeCursor(opened)
    }

    mutating func descend(_ name: EntryName) throws(FileFault) {
        let opened = try name.opened(in: descriptor)
        let status: FileStatus
        do throws(FileFault) {
            status = try FileStatus.of(opened, "")
            guard status.mount == mount else {
                throw FileFault(kind: .notUnderstood, text: name.shown + " is a mount")
            }
        } catch {
            close(opened)
            throw error
        }
        above.append(identity)
        identity = status.identity
        close(descriptor)
        descriptor = opened
    }

    mutating func ascend() throws(FileFault) {
        guard let parent = above.popLast() else { return }
        let opened = try TreeCursor.open(descriptor, "..")
        close(descriptor)
        descriptor = opened
        identity = parent
        guard try FileStatus.of(opened, "").identity == parent else {
            throw FileFault(
                kind: .moved,
                text: "a directory is not below the one that it was below"
            )
        }
    }
}

extension EntryName {
    fileprivate func opened(in directory: Int32) throws(FileFault) -> Int32 {
        let opened = withText { name in
            openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        guard opened >= 0 else { throw .failed("openat", self) }
        return opened
    }
}

/// What may be spent on one piece of work, counted down as it goes on.
struct WorkBudget {
    private(set) var entries: Int
    let deadline: Int
    private var untilLook = 0
    /// How many entries are handled between two looks at the clock.
    private static let lookEvery = 128

    /// - Parameters:
    ///   - entries: How many entries may be handled.
    ///   - deadline: When it has to be over, on the monotonic clock in milliseconds.
    init(entries: Int, deadline: Int) {
        self.entries = entries
        self.deadline = deadline
    }

    mutating func spend() throws(FileFault) {
        guard entries > 0 else { throw FileFault(kind: .tooMany, text: "too many entries") }
        entries -= 1
        untilLook -= 1
        guard untilLook < 0 else { return }
        untilLook = WorkBudget.lookEvery
        guard KernelCall.now < deadline else {
            throw FileFault(kind: .tooLong, text: "it takes too long")
        }
    }
}
