import Decisions
import Model
import Rules

/// Has one ``RuleBook`` for each pool's service judge what a region states. It is told the truth,
/// not only what sidecars believe.
final class Recorder {
    private let world: World
    private var books: [RuleBook]
    /// The first ones: one fault tends to break a rule again and again.
    private(set) var violations: [Violation] = []
    private static let enough = 20
    /// How often each excuse was taken.
    private(set) var jobsLost = 0
    private(set) var bothAway = 0
    private(set) var takenBare = 0

    init(_ region: Region) {
        world = region.world
        let book = RuleBook(
            floor: world.setup.limits.desiredCount,
            isShared: !world.terms.isSingleJob
        )
        books = Array(repeating: book, count: region.pools.count)
        world.witness = { [unowned self] in see($0, $1) }
        for index in books.indices { see(.noLedger, index) }
    }

    private func see(_ fact: Fact, _ pool: Int) {
        let judgement = books[pool].see(fact, at: world.now)
        violations += judgement.violations.prefix(Self.enough - violations.count)
        for excuse in judgement.excuses {
            switch excuse {
            case .jobLost: jobsLost += 1
            case .bothAway: bothAway += 1
            case .deployedOver, .deletedOver: takenBare += 1
            }
        }
    }

    /// At the end of a calm phase: everything is done and nothing is left.
    ///
    /// - Parameters:
    ///   - watched: for how long nothing should have started or stopped.
    ///   - mayRest: false where a maximum lifetime replaces idle agents for ever.
    func checkRest(
        _ pool: Pool,
        watched: Milliseconds,
        isAtRest: Bool,
        mayRest: Bool
    ) {
        let service = pool.service
        var rest = Rest(
            floor: pool.floor,
            desired: service.desired,
            running: service.running,
            quiet: isAtRest ? watched : 0,
            watched: watched
        )
        rest.changing = service.counting - service.running
        rest.comesAndGoes = !mayRest
        rest.outdated = service.tasks.filter(\.isFromBefore).count
        // Where no agent comes any more runs wait for ever, and their jobs in the ledger with them.
        rest.isEnding = service.ending != nil
        if !rest.isEnding {
            rest.openRuns = pool.openRuns.prefix(3).map {
                .init(id: $0.id, state: $0.life.status.rawValue)
            }
        }
        // One that was lost, and that no task has written since, says nothing of the service.
        if let ledger = (pool.keeper as? OurKeeper)?.ledger, ledger.isAdopted, !service.isDeleted {
            rest.ledger = .init(
                size: ledger.size,
                jobs: rest.isEnding ? [] : ledger.jobs.keys.map(\.key),
                leaving: Array(ledger.leaving.keys),
                exposed: Array(ledger.exposed.keys)
            )
        }
        see(.rest(rest), pool.index)
    }

    /// How many tasks' sidecars do not know whether the agent works.
    func unknownAgents(in pool: Pool) -> Int { books[pool.index].unknownTasks }
}
