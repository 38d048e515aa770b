import Glibc

/// A name in a directory: any bytes but a slash and NUL. It is never made into text but to be shown.
struct EntryName: Hashable, Sendable {
    /// Ended by a NUL.
    private let bytes: [CChar]

    init(_ text: UnsafePointer<CChar>) {
        bytes = Array(UnsafeBufferPointer(start: text, count: strlen(text) + 1))
    }

    init(_ text: String) {
        bytes = Array(text.utf8CString)
    }

    /// One text after another.
    init(joining first: UnsafePointer<CChar>, _ second: UnsafePointer<CChar>) {
        bytes =
            Array(UnsafeBufferPointer(start: first, count: strlen(first)))
            + UnsafeBufferPointer(start: second, count: strlen(second) + 1)
    }

    func withText<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        body(bytes)
    }

    /// Fit for a log: printable ASCII, and short.
    var shown: String {
        let text = bytes.dropLast().prefix(80).map { byte in
            (0x20...0x7E).contains(byte) ? UInt8(byte) : UInt8(ascii: "?")
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// The names in an open directory.
enum DirectoryReader {
    /// Large enough for few calls, small enough for a stack.
    private static let bufferBytes = 32 * 1024
    /// struct linux_dirent64: inode, offset, length, type, name.
    private static let lengthOffset = 16
    private static let typeOffset = 18
    private static let nameOffset = 19

    /// Calls the body for each entry but `.` and `..`, from the directory's start. What the body gets
    /// lives as long as its call. An entry that the body removes is not seen again.
    ///
    /// - Parameter body: Gets a name, and whether the kernel says that it is a directory's.
    static func forEach(
        _ directory: Int32,
        _ body: (UnsafePointer<CChar>, Bool) throws(FileFault) -> Void
    ) throws(FileFault) {
        guard lseek(directory, 0, SEEK_SET) == 0 else { throw .failed("lseek", ".") }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: 8)
        defer { buffer.deallocate() }
        while true {
            let count = KernelCall.entries(directory, buffer)
            guard count >= 0 else { throw .failed("getdents64", ".") }
            guard count > 0, let start = buffer.baseAddress else { return }
            var place = 0
            while place < count {
                let entry = start + place
                place += Int(entry.load(fromByteOffset: lengthOffset, as: UInt16.self))
                let type = entry.load(fromByteOffset: typeOffset, as: UInt8.self)
                let name = UnsafeRawPointer(entry + nameOffset).assumingMemoryBound(to: CChar.self)
                if strcmp(name, ".") != 0, strcmp(name, "..") != 0 {
                    try body(name, type == DT_DIR)
                }
            }
        }
    }
}
