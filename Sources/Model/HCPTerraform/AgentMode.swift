/// How many jobs an agent takes.
package enum AgentMode: String, Sendable, CaseIterable {
    /// One, and it ends (`TFC_AGENT_SINGLE`).
    case single
    /// One after the other, until its sidecar retires it.
    case reuse
}
