/// The ledger, as far as ECS `desiredCount` follows it.
package struct LedgerView: Hashable, Sendable {
    package let size: Int
    /// A task whose agent runs without protection; the least of them.
    package let exposed: TaskID?
    /// Agents that hold a job.
    package let busy: Int
    package let isWritten: Bool
    package let isAdopted: Bool
    /// Changes of the size, the one that was an endpoint's last raise, and those that the service
    /// has followed.
    package let moves: Int
    package let lastRaise: Int
    package let followed: Int
    /// The limits say that the service is ending.
    package let isEnding: Bool

    package init(_ ledger: Ledger, _ limits: Limits) {
        size = ledger.size
        exposed = ledger.exposed.keys.min()
        busy = ledger.busy
        isWritten = ledger.isWritten
        isAdopted = ledger.isAdopted
        moves = ledger.moves
        lastRaise = ledger.lastRaise
        followed = ledger.followed
        isEnding = limits.isEnding
    }
}

/// The service, as far as its count may be written.
package struct ServiceView: Hashable, Sendable {
    package let desired: Int
    /// Tasks that ECS runs, as far as it says; its counts lag.
    package let running: Int
    /// False once ECS ends it (`DRAINING`, `INACTIVE`) or has none of its name.
    package let isActive: Bool

    package init(desired: Int, running: Int = 0, isActive: Bool = true) {
        self.desired = desired
        self.running = running
        self.isActive = isActive
    }
}

/// What to do about ECS `desiredCount`, which follows the ledger's size and decides nothing.
package enum Projection: Hashable, Sendable {
    /// Ledger and service agree.
    case agreed
    /// Write this count to the service, then read the ledger again.
    case write(Int)
    /// The service is larger than the ledger and stays so.
    case hold(HoldReason)
    /// Nothing is written, whatever the counts say.
    case still(StillReason)
    /// The service has to be read first.
    case look

    /// - Parameter service: nil when it has not been read, which is enough in most cases, since
    ///   writing the same count again is harmless.
    package init(_ ledger: LedgerView, service: ServiceView?) {
        guard ledger.isWritten else {
            self = .still(.neverWritten)
            return
        }
        guard let service else {
            let mayHold =
                ledger.exposed != nil || ledger.busy > ledger.size || ledger.isEnding
                || !ledger.isAdopted
            self = mayHold ? .look : .write(ledger.size)
            return
        }
        guard service.isActive else {
            self = .still(.serviceEnds)
            return
        }
        self = Self.following(ledger, service)
    }

    private static func following(_ ledger: LedgerView, _ service: ServiceView) -> Projection {
        let desired = service.desired
        // Fewer than work would stop nobody, but ECS renews no protection of more tasks than the
        // service wants, and stops one of them when it has run out. So it is raised for those that
        // run already, too, which starts nobody.
        let working = min(ledger.busy, max(desired, service.running))
        let least = max(ledger.size, working)
        if desired < least { return ledger.isEnding ? .still(.limitsEnd) : .write(least) }
        if desired == ledger.size { return .agreed }
        guard ledger.isAdopted else { return .still(.notAdopted) }
        if let task = ledger.exposed { return .hold(.exposed(task)) }
        return least == desired ? .hold(.busy(ledger.busy)) : .write(least)
    }
}

/// Why the service stays larger than the ledger.
package enum HoldReason: Hashable, Sendable, CustomStringConvertible {
    /// Lowering it could stop this task, whose agent runs without protection.
    case exposed(TaskID)
    /// So many agents hold jobs.
    case busy(Int)

    package var description: String {
        switch self {
        case .exposed(let task): "task \(task) runs without protection"
        case .busy(let count): "\(count) agents work"
        }
    }
}

/// Why nothing is written to the service.
package enum StillReason: Hashable, Sendable, CustomStringConvertible {
    /// Nothing is known: an empty ledger's size of zero would end the tasks of a service whose
    /// ledger was lost, or that a wrong setting names.
    case neverWritten
    /// No task of the service has written the ledger yet, so it may be of another one: nothing
    /// lowers that.
    case notAdopted
    /// ECS ends the service.
    case serviceEnds
    /// The limits end it, so nobody raises it.
    case limitsEnd

    package var description: String {
        switch self {
        case .neverWritten: "the ledger was never written"
        case .notAdopted: "no task of it has written the ledger yet"
        case .serviceEnds: "ECS ends the service"
        case .limitsEnd: "the limits end the service"
        }
    }
}
