/// Pauses that double from one failure to the next, up to a longest one.
package struct Pace: Hashable, Sendable {
    package let first: Milliseconds
    package let longest: Milliseconds

    package init(first: Milliseconds, longest: Milliseconds) {
        self.first = first
        self.longest = longest
    }

    /// - Parameter failures: in a row, from 1.
    package func pause(after failures: Int) -> Milliseconds {
        min(first << min(failures - 1, 16), longest)
    }
}
