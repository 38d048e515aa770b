/// Everything that is measured, by the names that CloudWatch has. They are members of log lines, so
/// that nothing has to be called to have them counted.
package enum Metric: String, Sendable, Hashable, CaseIterable {
    // MARK: Written by sidecars

    case jobWait = "JobWait"
    case jobDuration = "JobDuration"
    case idleTime = "IdleTime"
    case boot = "Boot"
    case bootPull = "BootPull"
    case bootStart = "BootStart"
    case bootProtect = "BootProtect"
    case bootRegister = "BootRegister"
    case bootFirstJob = "BootFirstJob"
    case renewals = "Renewals"
    case renewalsSpoiled = "RenewalsSpoiled"
    case departures = "Departures"
    case handOvers = "HandOvers"
    case leavesRefused = "LeavesRefused"
    case protectionFailures = "ProtectionFailures"
    case agentsCrashed = "AgentsCrashed"
    case agentsUnknown = "AgentsUnknown"
    case ledgerFailures = "LedgerFailures"

    // MARK: Written by the endpoint

    case answers = "Answers"
    case answerDuration = "AnswerDuration"
    case requestsRefused = "RequestsRefused"
    case announcementsFailed = "AnnouncementsFailed"
    case callbacksFailed = "CallbacksFailed"

    // MARK: Written by both

    case ledgerConflicts = "LedgerConflicts"
    case ledgerWriteUnits = "LedgerWriteUnits"

    // MARK: Written by the endpoint's sweep

    case sweeps = "Sweeps"
    case sweepsFailed = "SweepsFailed"
    case startsFailed = "StartsFailed"
    case sweepDuration = "SweepDuration"
    case projectionRepairs = "ProjectionRepairs"
    case serviceAway = "ServiceAway"
    case agentsWanted = "AgentsWanted"
    case agentsBusy = "AgentsBusy"
    case agentsIdle = "AgentsIdle"
    case agentsStarting = "AgentsStarting"
    case agentsLeaving = "AgentsLeaving"
    case agentsExposed = "AgentsExposed"
    case agentsFailing = "AgentsFailing"
    case jobsWaiting = "JobsWaiting"
    case jobsBeyondMax = "JobsBeyondMax"
    case oldestWaitingJob = "OldestWaitingJob"

    package enum Unit: String, Sendable {
        case count = "Count"
        case seconds = "Seconds"
        case milliseconds = "Milliseconds"
    }

    package var unit: Unit {
        switch self {
        case .jobWait, .jobDuration, .idleTime, .boot, .bootPull, .bootStart, .bootProtect,
            .bootRegister, .bootFirstJob, .oldestWaitingJob:
            .seconds
        case .answerDuration, .sweepDuration: .milliseconds
        case .renewals, .renewalsSpoiled, .departures, .handOvers, .leavesRefused,
            .protectionFailures, .agentsCrashed, .agentsUnknown, .ledgerFailures, .answers,
            .requestsRefused, .announcementsFailed, .callbacksFailed, .sweeps, .sweepsFailed,
            .projectionRepairs, .serviceAway, .agentsWanted, .agentsBusy, .agentsIdle,
            .agentsStarting, .agentsLeaving, .agentsExposed, .agentsFailing, .jobsWaiting,
            .jobsBeyondMax, .startsFailed, .ledgerConflicts, .ledgerWriteUnits:
            .count
        }
    }

    /// What it is told apart by besides the service, where it is. Each value is a metric that is paid
    /// for, so it must be one of a few: never a task, a job or a run.
    package var dimension: LogField? {
        switch self {
        case .renewalsSpoiled, .departures, .leavesRefused, .agentsCrashed, .requestsRefused,
            .startsFailed:
            .reasonName
        case .answers: .status
        case .jobWait, .jobDuration, .idleTime, .boot, .bootPull, .bootStart, .bootProtect,
            .bootRegister, .bootFirstJob, .renewals, .handOvers, .protectionFailures,
            .agentsUnknown, .ledgerFailures,
            .answerDuration, .announcementsFailed, .callbacksFailed, .sweeps, .sweepsFailed,
            .sweepDuration, .projectionRepairs, .serviceAway, .agentsWanted, .agentsBusy,
            .agentsIdle, .agentsStarting, .agentsLeaving, .agentsExposed, .agentsFailing,
            .jobsWaiting, .jobsBeyondMax, .oldestWaitingJob, .ledgerConflicts, .ledgerWriteUnits:
            nil
        }
    }
}

/// What a line measures, each metric once.
package typealias Measurements = [Metric: Double]
