import AgentLink

extension LauncherLife.LeaveReason {
    /// What a person should know of a container that ends so; nil where all is as it should be.
    ///
    /// - Parameter limit: How long a sidecar was waited for.
    func notice(limit: Milliseconds) -> String? {
        switch self {
        case .released, .stoppedBeforeStart, .stoppedWhileHeld:
            nil
        case .releaseLimitReached:
            "no release within \(limit) ms after the agent's end"
        case .heldAlone:
            "the container was held open, and no sidecar has answered for \(limit) ms or more"
        }
    }
}
