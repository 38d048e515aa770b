import Decisions

/// The ledger's item in DynamoDB: strongly consistent reads, writes on a condition.
final class LedgerTable {
    unowned let world: World
    private(set) var ledger = Ledger()
    /// Of the write that made the ledger what it is.
    private var mark = 0
    private var outage = Outage()
    /// When a call failed last.
    private(set) var failedAt: Milliseconds = -1.hours

    struct Stored {
        var ledger: Ledger
        let mark: Int
    }

    enum Put {
        case written
        case lostRace
        case failed(CallFailure)
    }

    init(world: World) {
        self.world = world
        if world.faults.ledgerLost > 0 { planLoss() }
    }

    private func planLoss() {
        world.after(1.minutes...60.minutes) { [self] in
            guard world.faults.ledgerLost > 0 else { return }
            if world.chance.happens(world.faults.ledgerLost) {
                world.tell("the ledger is lost")
                ledger = Ledger()
                mark = 0
            }
            planLoss()
        }
    }

    private var isAway: Bool {
        outage.isOn(at: world.now, perHour: world.faults.ledgerOutages, &world.chance)
    }

    func read(done: @escaping (Stored?) -> Void) {
        world.tally.calls.dynamoDB += 1
        let fails = isAway || world.fate() != .answered
        if fails { failedAt = world.now }
        world.after(fails ? 1.seconds...4.seconds : 3...12) { [self] in
            done(fails ? nil : Stored(ledger: ledger, mark: mark))
        }
    }

    /// - Parameters:
    ///   - version: of the ledger that `changed` was made from.
    ///   - writer: the task whose sidecar writes; nil for the endpoint.
    func put(
        _ changed: Ledger,
        mark: Int,
        over version: Int,
        by writer: AgentTask?,
        done: @escaping (Put) -> Void
    ) {
        world.tally.calls.dynamoDB += 1
        let fate: World.Fate = isAway ? .failedBefore : world.fate()
        // Half of the writes that failed say so, of the others nothing is heard.
        if fate != .answered { failedAt = world.now }
        let saysSo = world.chance.below(2) == 0
        world.after(3...10) { [self] in
            var outcome = Put.written
            switch fate {
            case .failedBefore: outcome = .failed(saysSo ? .unchanged : .unclear)
            case .failedAfter: outcome = .failed(.unclear)
            case .answered: break
            }
            if fate != .failedBefore {
                let isFree = ledger.version == version
                if isFree || world.setup.broken == .conditionalWrite {
                    world.rules?.ledgerWritten(from: ledger, to: changed, by: writer, self)
                    if world.tellsStory, ledger.size != changed.size {
                        let who = writer?.id.text ?? "endpoint"
                        world.tell("ledger: size \(ledger.size) -> \(changed.size) by \(who)")
                    }
                    if ledger.size > changed.size { writer?.hasLowered = true }
                    ledger = changed
                    self.mark = mark
                    let bytes = 300 + 80 * changed.jobs.count + 75 * changed.departed.count
                    world.tally.writeUnits += 1 + bytes / 1_024
                } else if fate == .answered {
                    outcome = .lostRace
                }
            }
            world.after(fate == .answered ? 2...6 : 1.seconds...4.seconds) { done(outcome) }
        }
    }
}
