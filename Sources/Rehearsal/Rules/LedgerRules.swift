/// Rule 4: `size` falls by at most one per task, and only after its agent has exited.
struct SizeRule: Rule {
    let title = "The ledger's size falls by one per task, after its agent has exited"
    private(set) var violations: [String] = []
    private var departed: Set<TaskID> = []

    mutating func see(_ fact: Fact) {
        guard case .ledger(let change, let living) = fact else { return }
        let fall = (change.old?.size ?? change.new.size) - change.new.size
        let departures = change.departures
        if fall > 1 {
            violations.append("one write lowered size by \(fall)")
        }
        if fall > 0 && departures.count != 1 {
            violations.append("size fell while \(departures.count) tasks were booked as departed")
        }
        for task in departures {
            if living.contains(task) {
                violations.append("\(short(task)) was booked as departed while its agent lives")
            }
            if !departed.insert(task).inserted {
                violations.append("\(short(task)) departed twice")
            }
        }
    }
}

/// Rule 6: unknown is busy, so a task whose agent was last seen working or silent is never made to
/// depart. One whose agent ended by itself, by a crash for instance, departs all the same.
struct KnownStatusRule: Rule {
    let title = "No task is made to depart whose agent was last busy, unknown or errored"
    private(set) var violations: [String] = []
    private var status: [TaskID: AgentPool.Status] = [:]
    private var signalled: Set<TaskID> = []
    private var seed = SeedLosses()

    mutating func see(_ fact: Fact) {
        seed.see(fact)
        switch fact {
        case .stopSignal(let task, _): signalled.insert(task)
        case .agentStatus(let task, _, let now): status[task] = now
        case .ledger(let change, _):
            // The status of an agent that the seed killed or froze is the seed's doing too.
            for task in change.departures where signalled.contains(task) && !seed.took(task) {
                guard let last = status[task], last != .idle, last != .exited else { continue }
                violations.append("\(short(task)) departed, its agent was last \(last.rawValue)")
            }
        default: break
        }
    }
}
