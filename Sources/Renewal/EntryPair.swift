import Glibc

/// An entry of one tree and its counterpart in another.
struct EntryPair {
    let source: Int32
    let sourceName: EntryName
    let target: Int32
    let targetName: EntryName

    /// Copies the entry, or compares both. Of a directory only what it is itself, once it is there.
    func handle(_ purpose: TreeCopy.Purpose, _ status: FileStatus) throws(FileFault) {
        guard status.kind == .directory || status.links == 1 else {
            throw notUnderstood("has several names")
        }
        switch purpose {
        case .copy: try copy(status)
        case .compare: try compare(status)
        }
    }

    /// Makes the directory, for nobody but this program until it is whole.
    func makeDirectory() throws(FileFault) {
        guard targetName.withText({ mkdirat(target, $0, 0o700) }) == 0 else {
            throw .failed("mkdirat", targetName)
        }
    }

    private func notUnderstood(_ what: String) -> FileFault {
        FileFault(kind: .notUnderstood, text: sourceName.shown + " " + what)
    }

    // MARK: Copying

    private func copy(_ status: FileStatus) throws(FileFault) {
        switch status.kind {
        case .regular: try copyFile(status)
        case .directory: try copyDirectory(status)
        case .link: try copyLink(status)
        case .fifo: try copyFIFO(status)
        case .socket, .device: throw notUnderstood("is a socket or a device")
        }
    }

    private func open(
        _ directory: Int32,
        _ name: EntryName,
        _ options: Int32
    ) throws(FileFault) -> Int32 {
        let descriptor = name.withText {
            openat(directory, $0, options | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        guard descriptor >= 0 else { throw .failed("openat", name) }
        return descriptor
    }

    private func copyFile(_ status: FileStatus) throws(FileFault) {
        let input = try open(source, sourceName, O_RDONLY)
        defer { close(input) }
        let output = try open(target, targetName, O_WRONLY | O_CREAT | O_EXCL)
        defer { close(output) }
        try FileContents.copy(input, output, size: status.size, sourceName)
        try copyTraits(input, output, status)
    }

    private func copyDirectory(_ status: FileStatus) throws(FileFault) {
        let input = try open(source, sourceName, O_RDONLY | O_DIRECTORY)
        defer { close(input) }
        let output = try open(target, targetName, O_RDONLY | O_DIRECTORY)
        defer { close(output) }
        try copyTraits(input, output, status)
    }

    /// Owner before rights, which a change of owner takes away; lists before rights, which they
    /// change; times last.
    private func copyTraits(
        _ input: Int32,
        _ output: Int32,
        _ status: FileStatus
    ) throws(FileFault) {
        try FileAttributes.requireUnmarked(input, sourceName)
        let attributes = try FileAttributes.of(input, sourceName)
        guard fchown(output, status.user, status.group) == 0 else {
            throw .failed("fchown", targetName)
        }
        try FileAttributes.set(attributes, on: output)
        guard fchmod(output, status.permissions) == 0 else { throw .failed("fchmod", targetName) }
        var times = EntryPair.times(status)
        guard futimens(output, &times) == 0 else { throw .failed("futimens", targetName) }
    }

    static func times(_ status: FileStatus) -> [timespec] {
        let time = timespec(tv_sec: status.modified.seconds, tv_nsec: status.modified.nanoseconds)
        return [time, time]
    }

    private func copyLink(_ status: FileStatus) throws(FileFault) {
        let text = try linkText(source, sourceName)
        guard text.withText({ text in targetName.withText { symlinkat(text, target, $0) } }) == 0
        else { throw .failed("symlinkat", targetName) }
        try copyOwnerAndTimes(status)
    }

    private func copyFIFO(_ status: FileStatus) throws(FileFault) {
        guard targetName.withText({ mkfifoat(target, $0, 0o600) }) == 0 else {
            throw .failed("mkfifoat", targetName)
        }
        try copyOwnerAndTimes(status)
        guard targetName.withText({ fchmodat(target, $0, status.permissions, 0) }) == 0 else {
            throw .failed("fchmodat", targetName)
        }
    }

    private func copyOwnerAndTimes(_ status: FileStatus) throws(FileFault) {
        let itself = AT_SYMLINK_NOFOLLOW
        guard
            targetName.withText({ fchownat(target, $0, status.user, status.group, itself) }) == 0
        else { throw .failed("fchownat", targetName) }
        var times = EntryPair.times(status)
        guard targetName.withText({ utimensat(target, $0, &times, itself) }) == 0 else {
            throw .failed("utimensat", targetName)
        }
    }

    private func linkText(_ directory: Int32, _ name: EntryName) throws(FileFault) -> EntryName {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = name.withText { readlinkat(directory, $0, &text, text.count - 1) }
        guard count >= 0 else { throw .failed("readlinkat", name) }
        text[count] = 0
        return EntryName(text)
    }

    // MARK: Comparing

    private func compare(_ status: FileStatus) throws(FileFault) {
        let other = try targetName.status(in: target)
        guard other.kind == status.kind, other.permissions == status.permissions,
            other.user == status.user, other.group == status.group,
            other.modified == status.modified,
            other.kind == .directory || other.size == status.size && other.links == 1
        else { throw notUnderstood("is not as its copy") }
        switch status.kind {
        case .regular, .directory:
            guard try attributes(source, sourceName) == attributes(target, targetName) else {
                throw notUnderstood("has other attributes than its copy")
            }
        case .link:
            guard try linkText(source, sourceName) == linkText(target, targetName) else {
                throw notUnderstood("leads elsewhere than its copy")
            }
        case .fifo, .socket, .device: break
        }
    }

    private func attributes(
        _ directory: Int32,
        _ name: EntryName
    ) throws(FileFault) -> [FileAttributes.Attribute] {
        let descriptor = try open(directory, name, O_RDONLY)
        defer { close(descriptor) }
        return try FileAttributes.of(descriptor, name)
    }
}

/// What a file holds.
enum FileContents {
    /// Copies all of it. What was never written stays a hole.
    ///
    /// - Parameters:
    ///   - input: Open for reading.
    ///   - output: Empty, open for writing.
    ///   - size: The input's.
    ///   - name: For a fault.
    static func copy(
        _ input: Int32,
        _ output: Int32,
        size: Int,
        _ name: EntryName
    ) throws(FileFault) {
        guard size > 0 else { return }
        guard ftruncate(output, size) == 0 else { throw .failed("ftruncate", name) }
        var place = 0
        while place < size {
            // SEEK_DATA and SEEK_HOLE (lseek(2)), which Swift's Glibc module leaves out.
            let start = lseek(input, place, 3)
            if start < 0, errno == ENXIO { return }
            guard start >= 0 else { throw .failed("lseek", name) }
            let end = lseek(input, start, 4)
            guard end > start else { throw .failed("lseek", name) }
            try copy(input, output, start..<end, name)
            place = end
        }
    }

    private static func copy(
        _ input: Int32,
        _ output: Int32,
        _ range: Range<Int>,
        _ name: EntryName
    ) throws(FileFault) {
        var (from, to) = (range.lowerBound, range.lowerBound)
        while from < range.upperBound {
            let count = copy_file_range(input, &from, output, &to, range.upperBound - from, 0)
            if count > 0 { continue }
            // Between two filesystems an older Linux does not.
            guard count < 0, [EXDEV, EINVAL, EOPNOTSUPP, ENOSYS].contains(errno) else {
                throw .failed("copy_file_range", name)
            }
            from = try pass(input, output, from..<range.upperBound, name)
            to = from
        }
    }

    private static func pass(
        _ input: Int32,
        _ output: Int32,
        _ range: Range<Int>,
        _ name: EntryName
    ) throws(FileFault) -> Int {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 8)
        defer { buffer.deallocate() }
        let wanted = min(buffer.count, range.count)
        let count = pread(input, buffer.baseAddress, wanted, range.lowerBound)
        guard count > 0 else { throw .failed("pread", name) }
        guard pwrite(output, buffer.baseAddress, count, range.lowerBound) == count else {
            throw .failed("pwrite", name)
        }
        return range.lowerBound + count
    }
}
