/// What `--faults` chooses from.
enum FaultKind: String, Sendable, CaseIterable {
    case killSidecar = "kill-sidecar"
    case killYoungSidecar = "kill-young-sidecar"
    case killLauncher = "kill-launcher"
    case killAgent = "kill-agent"
    case killEndpoint = "kill-endpoint"
    case badEnd = "bad-end"
    case freeze
    case hostLoss = "host-loss"
    case editCount = "edit-count"
    case deploy
    case failStarts = "fail-starts"
    case stopTask = "stop-task"
    case spot
    case endService = "end-service"
    case call

    /// How often it is drawn beside the others. Calls and the end of the service are not drawn by
    /// weight: each plan has a number of its own of calls, and one end at most.
    var weight: Int {
        switch self {
        case .killSidecar, .freeze: 4
        case .killAgent, .killEndpoint, .editCount: 2
        case .deploy: 2
        case .killLauncher, .hostLoss, .failStarts, .stopTask, .spot: 1
        case .killYoungSidecar, .badEnd: 1
        case .endService, .call: 0
        }
    }

    /// What it does, for the help.
    var explanation: String {
        switch self {
        case .killSidecar: "kill -9 of a sidecar"
        case .killYoungSidecar: "kill -9 of a sidecar so young that ECS starts no other"
        case .killLauncher: "kill -9 of a launcher: its container ends"
        case .killAgent: "kill -9 of an agent"
        case .killEndpoint: "kill -9 of the scale-up endpoint"
        case .badEnd: "an agent ends with another code than 0, before or after a job"
        case .freeze: "SIGSTOP of a process, and SIGCONT seconds later"
        case .hostLoss: "a task's processes vanish; ECS notices later"
        case .editCount: "a person changes desiredCount"
        case .deploy:
            "a new revision is deployed, or the same one again, or one that cannot start"
        case .failStarts: "ECS can start no task for some seconds, for one of its reasons"
        case .stopTask: "a person stops a task"
        case .spot: "a Spot notice: SIGTERM, later SIGKILL"
        case .endService:
            "once at most, a person deletes the service or sets its limits to 0 and 0"
        case .call:
            "an API call is lost, late, doubled or refused"
        }
    }
}

/// Whose process a fault hits.
enum Victim: String, Sendable, CaseIterable {
    case sidecar
    case launcher
    case agent
    case endpoint
}
