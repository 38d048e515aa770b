/// What the shell tells ``Retirement``: what happened, and how each directive ended.
package enum Observation: Hashable, Sendable {
    /// The sidecar runs; also sent when a timer asked for by `wakeAt` is due.
    case woke
    case protection(ProtectionReport)
    case unprotected
    /// The task may still be protected.
    case unprotectFailed(String)
    /// `allowAgent` came to nothing.
    case allowanceFailed(String)
    case linked
    case unlinked
    case agent(AgentEvent)
    /// A ledger operation took effect; `sizeChanged` says that the service must follow.
    case booked(LedgerReport, sizeChanged: Bool)
    /// A ledger operation failed or is unclear. It is safe to try again: the store reads first.
    /// `sizeMayHaveChanged` says that the service must follow, whatever the next try finds.
    case ledgerFailed(String, sizeMayHaveChanged: Bool = false)
    case projected
    /// ECS does not follow yet: an error, or a lowering held back while an agent is exposed.
    case projectionFailed(String)
    /// ECS and ledger beside each other; nil when this sidecar did not read them this time.
    case compared(Comparison?)
    /// The service's deployments; nil when ECS did not say.
    case looked(Rollout?)
    case watched(WatchReport)
    /// The sidecar itself was asked to stop.
    case stopRequested
}

package enum ProtectionReport: Hashable, Sendable {
    case protected(for: Duration)
    /// The service has as many protected tasks as it wants: this one is not needed yet.
    case blocked
    case refused(String)
    /// No answer, or one that does not say whether the task is protected.
    case unclear(String)
    /// The request failed, but ECS says that an earlier one protects the task for so long.
    case held(for: Duration, String)
}

/// What the shell has to do, in order. Each ends in an observation, except those that cannot
/// fail.
package enum Directive: Hashable, Sendable {
    case protect
    case unprotect
    /// The agent may start: noted for a sidecar of this task that comes after this one. Said again
    /// only if it failed, and never taken back.
    case allowAgent
    /// Tell the launcher the agent's name, at which it starts the agent.
    case nameAgent
    /// Tell the launcher the name of the task's next agent, by its number.
    case nameNext(Int)
    case drain
    case release
    /// Keep the agent's container open until ECS stops the task.
    case hold
    case ledger(LedgerOperation)
    case project
    /// Read service and ledger. Unless it must be, a turn may be skipped (``Comparison/turns(size:)``).
    case compare(always: Bool)
    /// Ask ECS for the service's deployments.
    case look
    /// Ask the agents API what HCP Terraform takes this agent for.
    case watch(agent: String)
    case wakeAt(Instant)
    /// Nothing is left to do.
    case end
    /// Something worth a line in the log; no effect.
    case note
    /// Something the person on call should read; no effect.
    case warn
    /// The installation is faulty; no effect beyond the log.
    case alarm
}

/// A directive and why it is given, so that log, rehearsal and test tell the same story.
package struct Step: Hashable, Sendable {
    package let directive: Directive
    package let reason: Reason

    package init(_ directive: Directive, _ reason: Reason) {
        self.directive = directive
        self.reason = reason
    }
}
