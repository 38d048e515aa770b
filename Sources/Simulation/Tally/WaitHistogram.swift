package import Model

/// How long jobs waited, in buckets that grow by about 3 %: as many for a million as for one.
package struct WaitHistogram: Sendable, Equatable {
    /// Of each power of two.
    private static let parts = 32
    private var counts = [Int](repeating: 0, count: parts * 32)
    package private(set) var count = 0
    package private(set) var longest: Milliseconds = 0

    package init() {}

    private static func bucket(_ wait: Milliseconds) -> Int {
        let value = max(0, wait)
        guard value >= parts else { return value }
        let power = Int.bitWidth - 1 - value.leadingZeroBitCount
        let shift = power - 5
        return min(parts * 31, (shift + 1) * parts + (value >> shift) - parts)
    }

    /// The middle of a bucket.
    private static func value(_ bucket: Int) -> Milliseconds {
        guard bucket >= parts else { return bucket }
        let shift = bucket / parts - 1
        let start = (bucket % parts + parts) << shift
        return start + (1 << shift) / 2
    }

    mutating func add(_ wait: Milliseconds) {
        counts[Self.bucket(wait)] += 1
        count += 1
        longest = max(longest, wait)
    }

    mutating func add(_ other: WaitHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        longest = max(longest, other.longest)
    }

    /// Both together.
    func with(_ other: WaitHistogram) -> WaitHistogram {
        var sum = self
        sum.add(other)
        return sum
    }

    /// The wait that this part of the jobs does not exceed, to about 2 %.
    ///
    /// - Parameter thousandths: 500 is the median.
    package func quantile(thousandths: Int) -> Milliseconds {
        guard count > 0 else { return 0 }
        guard thousandths < 1_000 else { return longest }
        let rank = max(1, (count * thousandths + 999) / 1_000)
        var seen = 0
        for (index, number) in counts.enumerated() {
            seen += number
            if seen >= rank { return min(longest, Self.value(index)) }
        }
        return longest
    }

    /// How many jobs waited up to each wait, for a curve; empty buckets are left out.
    package var steps: [(wait: Milliseconds, upTo: Int)] {
        var seen = 0
        var steps: [(wait: Milliseconds, upTo: Int)] = []
        for (index, number) in counts.enumerated() where number > 0 {
            seen += number
            steps.append((Self.value(index), seen))
        }
        return steps
    }
}
