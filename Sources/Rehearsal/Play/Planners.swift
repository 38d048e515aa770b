import Decisions
import Model

/// Where applies ran: with agents that take many jobs, the one that planned a run has its providers
/// and modules at hand, and an apply should find it while it is there.
struct Planners: Equatable, Sendable {
    /// The agent that planned it ran it.
    private(set) var same = 0
    /// Another did, and the one that planned it lived.
    private(set) var otherWhileThere = 0
    /// The one that planned it was gone.
    private(set) var gone = 0

    init(runs: [RehearsedRun], agents: [RegisteredAgent]) {
        for run in runs {
            guard let began = run.at(.applying),
                let planner = agents.first(where: { $0.worked(at: Job(id: run.id, type: "plan")) }),
                let applier = agents.first(where: { $0.worked(at: Job(id: run.id, type: "apply")) })
            else { continue }
            if planner.id == applier.id {
                same += 1
            } else if let end = planner.endedAt, end <= began {
                gone += 1
            } else {
                otherWhileThere += 1
            }
        }
    }

    var text: String {
        "applies on the agent that planned them: \(same); on another while that one was there: "
            + "\(otherWhileThere), after it had left: \(gone)"
    }
}
