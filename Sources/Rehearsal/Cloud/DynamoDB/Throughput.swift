import Model

/// Units of reading or writing that one partition has in a second, and those that were consumed.
struct Throughput: Sendable {
    private let perSecond: Double
    private var left: Double
    private var countedAt: Milliseconds = 0
    private(set) var consumed = 0.0

    init(perSecond: Double) {
        self.perSecond = perSecond
        left = perSecond
    }

    /// - Returns: false when the call is throttled, which costs nothing.
    mutating func take(_ units: Double, at now: Milliseconds) -> Bool {
        left = min(perSecond, left + Double(now - countedAt) * perSecond / 1_000)
        countedAt = now
        guard left >= units else { return false }
        left -= units
        consumed += units
        return true
    }
}

/// What a partition can do, whatever the table's mode: 3,000 read units and 1,000 write units a
/// second (DynamoDB developer guide, "Designing partition keys to distribute your workload").
struct Partition: Sendable {
    var reads = Throughput(perSecond: 3_000)
    var writes = Throughput(perSecond: 1_000)

    /// 4 KB each, and half of it where consistency is not asked for; an absent item costs one too.
    static func readUnits(_ bytes: Int, isConsistent: Bool) -> Double {
        Double(max(1, (bytes + 4_095) / 4_096)) / (isConsistent ? 1 : 2)
    }

    /// 1 KB each of the larger one, before or after; one at the least.
    static func writeUnits(old: TableItem?, new: TableItem?) -> Double {
        let bytes = [old, new].compactMap { $0.map(TableValue.size) }.max() ?? 0
        return Double(max(1, (bytes + 1_023) / 1_024))
    }
}
