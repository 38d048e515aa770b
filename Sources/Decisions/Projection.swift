/// What to do about ECS `desiredCount`, which follows the ledger's size and decides nothing.
package enum Projection: Hashable, Sendable {
    /// Ledger and service agree.
    case agreed
    /// Write this count to the service, then read the ledger again.
    case write(Int)
    /// The service is larger than the ledger, and lowering it could stop an agent that runs
    /// without protection.
    case hold(exposed: TaskID)

    /// - Parameter desired: the service's desired count; nil when it has not been read, which
    ///   is enough while nothing is exposed, since writing the same count again is harmless.
    package init(_ ledger: Ledger, desired: Int?) {
        if desired == ledger.size {
            self = .agreed
        } else if let unprotected = ledger.exposed.keys.min(), ledger.size < (desired ?? .max) {
            self = .hold(exposed: unprotected)
        } else {
            self = .write(ledger.size)
        }
    }
}
