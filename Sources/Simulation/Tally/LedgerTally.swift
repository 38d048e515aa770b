import Model

/// What the ledger's partition had to do.
struct LedgerTally: Sendable {
    private(set) var writes = 0
    private(set) var writeUnits = 0
    private(set) var readUnits = 0
    /// In the busiest second.
    private(set) var mostWriteUnits = 0
    private(set) var mostReadUnits = 0
    /// Calls that the partition had no units for.
    var throttles = 0

    private var second = 0
    private var writtenInIt = 0
    private var readInIt = 0

    private mutating func begin(_ now: Milliseconds) {
        guard now / 1_000 != second else { return }
        second = now / 1_000
        writtenInIt = 0
        readInIt = 0
    }

    mutating func wrote(_ units: Int, at now: Milliseconds) {
        begin(now)
        writes += 1
        writeUnits += units
        writtenInIt += units
        mostWriteUnits = max(mostWriteUnits, writtenInIt)
    }

    mutating func read(_ units: Int, at now: Milliseconds) {
        begin(now)
        readUnits += units
        readInIt += units
        mostReadUnits = max(mostReadUnits, readInIt)
    }

    mutating func forgetPeaks() {
        mostWriteUnits = 0
        mostReadUnits = 0
    }
}
