import Glibc

/// The sayings of the agent that its state is read from. They are not a documented contract; seen
/// in the agent's logs from 0.4.1 to 1.21.0, as text and as JSON (`@message`).
package enum StatusPhrase: CaseIterable, Sendable {
    /// The agent has an id and a pool.
    case registered
    /// The agent has a job.
    case jobReceived
    /// The agent has none.
    case waiting

    /// The bytes by which a line is recognised, anywhere in it.
    package var text: StaticString {
        switch self {
        case .registered: "Agent registered successfully"
        case .jobReceived: "Job received"
        case .waiting: "Waiting for next job"
        }
    }

    /// The same as a string.
    package var words: String { text.description }

    /// The longest phrase in bytes: how much of one may hide across a cut is one less.
    static let longestBytes = allCases.map(\.text.utf8CodeUnitCount).max() ?? 0

    /// The first place of the phrase in some bytes, as an offset.
    func offset(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress,
            let found = memmem(start, bytes.count, text.utf8Start, text.utf8CodeUnitCount)
        else { return nil }
        return UnsafeRawPointer(found) - start
    }

    /// Whether a line says this.
    package func isSaid(in line: String) -> Bool {
        var line = line
        return line.withUTF8 { offset(in: UnsafeRawBufferPointer($0)) != nil }
    }
}

// Swift's Glibc module shows only what is declared without `_GNU_SOURCE`. Integers and pointers are
// passed alike by Swift and C here.

/// The first place of `needle` in `haystack` (memmem(3)): several gigabytes a second, where a loop
/// over bytes would make the scanner the slowest part of the launcher.
@_silgen_name("memmem")
private func memmem(
    _ haystack: UnsafeRawPointer,
    _ haystackCount: Int,
    _ needle: UnsafeRawPointer,
    _ needleCount: Int
) -> UnsafeMutableRawPointer?
