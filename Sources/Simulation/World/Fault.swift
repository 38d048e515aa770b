/// A kind of thing that goes wrong. All that is drawn, played, counted and printed of faults goes by
/// this list.
package enum Fault: Int, Sendable, CaseIterable {
    // Of each call of AWS.
    case failsBefore
    case failsAfter
    /// How far ECS's counts and lists may lag, in ``Milliseconds``.
    case lag

    // In each hour, each for a minute or several.
    case ledgerOutages
    case protectionOutages
    case endpointOutages
    /// Of each raise: the endpoint's process dies between ledger and service.
    case endpointDies

    // In each hour of a task's life.
    case sidecarDies
    case hostDies
    case agentDies
    /// In each hour: for a minute or several agents that start end at once, since their token is not
    /// valid, say.
    case failedStarts
    case stoppedOutside
    case linkBreaks
    /// Of each start, for one of ECS's reasons.
    case bootFails
    case startOutages

    // In each hour, by a person.
    case deployments
    case countEdited
    case serviceEnds

    /// Of each status line.
    case unreadable
    /// Of each signal to an idle agent while a job waits.
    case catchesJob
    /// Of each drain of an idle agent.
    case processesLinger

    // Of each renewal of a container.
    /// Something is left, or that nothing is cannot be shown.
    case spoils
    /// Soon after it has begun the sidecar dies, the link breaks or somebody stops the task.
    case strikesRenewal

    // Of each try of a run task's call.
    case webhookLost
    case webhookDoubled
    /// Of each plan or assessment.
    case unannounced
    /// In each hour.
    case ledgerLost
    /// Clocks of machines differ by up to so many ``Milliseconds``.
    case clockSkew

    /// What has happened when it was played once, as a table says it of several.
    package var title: String {
        switch self {
        case .failsBefore: "calls of AWS that failed and changed nothing"
        case .failsAfter: "calls of AWS that took effect without an answer"
        case .lag: "answers of ECS that were old"
        case .ledgerOutages: "times that the ledger was away"
        case .protectionOutages: "times that the protection endpoint was away"
        case .endpointOutages: "times that the scale-up endpoint was away"
        case .endpointDies: "endpoints that died between ledger and service"
        case .sidecarDies: "sidecars that died"
        case .hostDies: "hosts that died"
        case .agentDies: "agents that crashed"
        case .failedStarts: "times that HCP Terraform let no agent in"
        case .stoppedOutside: "tasks stopped by a person or Spot"
        case .linkBreaks: "links of sidecar and launcher that broke"
        case .bootFails: "single starts that failed"
        case .startOutages: "times that no task could start"
        case .deployments: "deployments"
        case .countEdited: "edits of the count by a person"
        case .serviceEnds: "services that were ended"
        case .unreadable: "status lines that could not be read"
        case .catchesJob: "idle agents whose last request brought a job"
        case .processesLinger: "drains that found a process of the last job"
        case .spoils: "renewals that left something"
        case .strikesRenewal: "renewals struck by a death, a break or a stop"
        case .webhookLost: "calls of run tasks that were lost"
        case .webhookDoubled: "calls of run tasks that came twice"
        case .unannounced: "plans that no run task announced"
        case .ledgerLost: "ledgers that were lost"
        case .clockSkew: "tasks with a clock of their own"
        }
    }
}
