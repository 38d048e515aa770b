/// Rule 1: a live task is protected from before its agent registers until its agent has exited,
/// and scale-in never takes an agent that holds a job.
struct ProtectionRule: Rule {
    let title = "Every live agent's task is protected, and scale-in stops none with a job"
    private(set) var violations: [String] = []
    private var protected: Set<TaskID> = []
    private var agents = LiveAgents()
    private var jobs: [TaskID: String] = [:]

    mutating func see(_ fact: Fact) {
        agents.see(fact)
        switch fact {
        case .protected(let task, _):
            protected.insert(task)
        case .unprotected(let task, let agentAlive, let expired):
            protected.remove(task)
            if agentAlive && !agents.exposed.contains(task) {
                let how = expired ? "ran out" : "was taken off"
                violations.append("the protection of \(short(task)) \(how) while its agent lives")
            }
        case .agentRegistered(let task, _, _, _):
            if !protected.contains(task) && !agents.exposed.contains(task) {
                violations.append("\(short(task)) was not protected when its agent registered")
            }
        case .jobStarted(let job, let task, _): jobs[task] = job
        case .jobEnded(_, let task, _, _), .jobLost(_, let task, _): jobs[task] = nil
        case .scaledIn(let task):
            // An agent that was killed holds nothing any more, though HCP Terraform does not know yet.
            guard agents.registered.contains(task) else { break }
            if let job = jobs[task] {
                violations.append("scale-in stopped \(short(task)), which holds \(job)")
            } else if !agents.exposed.contains(task) {
                violations.append("scale-in stopped \(short(task)), whose agent lives")
            }
        default: break
        }
    }
}

/// Rule 5: nothing lowers the service while a live agent runs unprotected.
struct LoweringRule: Rule {
    let title = "Nothing lowers the service while an agent lives unprotected"
    private(set) var violations: [String] = []

    mutating func see(_ fact: Fact) {
        guard case .desiredCount(let from, let to, let exposed) = fact, to < from else { return }
        guard let task = exposed.first else { return }
        violations.append(
            "desiredCount went from \(from) to \(to) while \(short(task)) was unprotected"
        )
    }
}

/// Rule 2: the agent gets at most one stop signal, whoever sends it.
struct OneSignalRule: Rule {
    let title = "No agent process gets more than one stop signal"
    private(set) var violations: [String] = []

    mutating func see(_ fact: Fact) {
        guard case .stopSignal(let task, let count) = fact, count > 1 else { return }
        violations.append("the agent of \(short(task)) got \(count) stop signals")
    }
}
