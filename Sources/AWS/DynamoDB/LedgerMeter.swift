import Synchronization

/// What writing a ledger costs, and how often somebody else was first, since it was last asked.
package final class LedgerMeter: Sendable {
    package struct Reading: Hashable, Sendable {
        /// Writes whose condition did not hold. Each cost what a write costs, and DynamoDB does not
        /// say how much that was.
        package var conflicts = 0
        /// Of the writes that took effect: one for each KB of an item, twice that in a transaction
        /// (DynamoDB developer guide, "Read and write operations").
        package var writeUnits = 0.0

        package init(conflicts: Int = 0, writeUnits: Double = 0) {
            self.conflicts = conflicts
            self.writeUnits = writeUnits
        }
    }

    private let reading = Mutex(Reading())

    package init() {}

    /// - Returns: what has come together; the next one begins at nothing.
    package func take() -> Reading {
        reading.withLock { reading in
            defer { reading = Reading() }
            return reading
        }
    }

    func lostRace() { reading.withLock { $0.conflicts += 1 } }

    func wrote(units: Double) { reading.withLock { $0.writeUnits += units } }
}
