/// An array that grows without being copied: twice the memory for as long as a copy takes would be
/// the most that a search needs.
struct Chunks<Element: BitwiseCopyable> {
    private static var shift: Int { 16 }
    private static var size: Int { 1 << shift }

    private var chunks: [[Element]] = []
    private(set) var count = 0

    /// What is in use; the last chunk's rest was never touched.
    var bytes: Int { count * MemoryLayout<Element>.stride }

    mutating func append(_ element: Element) {
        if count & (Self.size - 1) == 0 {
            chunks.append([])
            chunks[chunks.count - 1].reserveCapacity(Self.size)
        }
        chunks[chunks.count - 1].append(element)
        count += 1
    }

    subscript(index: Int) -> Element { chunks[index >> Self.shift][index & (Self.size - 1)] }
}
