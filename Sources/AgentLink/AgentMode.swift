/// What a job may share with those before it.
package enum AgentMode: String, Sendable, Hashable, CaseIterable {
    /// Each job has a container of its own, and the task leaves after it.
    case single
    /// Each job has an agent process of its own, in a container that was shown to be as it was.
    case renewed
    /// Each job has whatever agent is idle, and finds what earlier ones left.
    case shared

    /// Whether each job has an agent process of its own.
    package var isSingle: Bool { self != .shared }

    /// The environment variable that says which, on both ends of the link.
    package static let variable = "AGENT_MODE"

    /// The words that are understood, for a message.
    package static let words = "single, renewed or shared"

    /// What a value of the variable means.
    ///
    /// - Parameter text: The value; nil where there is none.
    /// - Returns: nil for a word that is none of the three: it may have been meant to keep jobs apart.
    package init?(variable text: String?) {
        guard let text else {
            self = .single
            return
        }
        self.init(rawValue: text)
    }
}

/// Why a container could not be renewed, so that its task leaves as in single mode.
package enum SpoilReason: String, Sendable, Hashable, CaseIterable {
    /// A process of the job does not end.
    case processes
    /// A process of another user was there: somebody came into the container from outside.
    case stranger
    /// A connection of the job still has something to send.
    case connections
    /// A System V object of the job is left.
    case objects
    /// What is mounted is not what was mounted at the start.
    case mounts
    /// There is more to remove than the bound says.
    case entries
    /// It took longer than the bound says.
    case time
    /// Something could not be removed, or was found again afterwards.
    case remains
    /// The pristine copy could not be put back as it was.
    case copy
}
