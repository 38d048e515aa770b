import Decisions
import Model

/// Announces applies before they are asked for: an experiment that does not ship (this target's
/// README, "What is not worth it").
///
/// At `post_plan` the apply of a workspace is foreseen whose latest plans were followed by it within a
/// boot's time, which the calls of run tasks tell by themselves. What is foreseen is a job of its own
/// kind, so that it wants an agent and nothing else. It is over with the apply's own call, or after a
/// boot's time: then the sweep or an idle agent drops it.
final class Foresight {
    /// What is known of a workspace.
    private struct History {
        /// Whether the apply came in time, for each of the latest plans.
        var outcomes: [Bool] = []
        /// The latest plan that has ended.
        var open: (run: String, at: Milliseconds)?

        mutating func settle(_ came: Bool) {
            open = nil
            outcomes.append(came)
            if outcomes.count > Foresight.remembered { outcomes.removeFirst() }
        }

        var isLikely: Bool {
            let came = outcomes.count { $0 }
            return came >= Foresight.least && came * 100 >= outcomes.count * Foresight.percent
        }
    }

    private var histories: [Int: History] = [:]
    private unowned let world: World

    /// Of each workspace, as many plans.
    private static let remembered = 8
    /// From so many applies on, and so many of a hundred plans.
    private static let least = 3
    private static let percent = 60
    /// Somewhat more than most boots.
    private static let patience: Milliseconds = 75.seconds

    init(_ world: World) { self.world = world }

    /// - Returns: what is foreseen.
    func planned(_ run: SimulatedRun) -> Job? {
        var history = histories[run.plan.workspace] ?? History()
        if history.open != nil { history.settle(false) }
        let isLikely = history.isLikely
        history.open = (run.id, world.now)
        histories[run.plan.workspace] = history
        guard isLikely else { return nil }
        world.tally.foreseen += 1
        return Self.job(run)
    }

    func confirmed(_ run: SimulatedRun) {
        guard var history = histories[run.plan.workspace], let open = history.open,
            open.run == run.id
        else { return }
        let isInTime = world.now - open.at <= Self.patience
        if isInTime, history.isLikely { world.tally.foreseenInTime += 1 }
        history.settle(isInTime)
        histories[run.plan.workspace] = history
    }

    static func job(_ run: SimulatedRun) -> Job? { Job(id: run.id, type: type) }

    private static let type = "foreseen"

    /// Jobs that were foreseen and did not come.
    static func over(_ ledger: Ledger, at now: WallTime) -> Set<Job> {
        Set(ledger.waiting(over: .milliseconds(patience), at: now).filter { $0.type == type })
    }
}
