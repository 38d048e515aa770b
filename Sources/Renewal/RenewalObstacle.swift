/// Why a container cannot be renewed from its start on, so that it is used for one job.
package enum RenewalObstacle: Error, Equatable, Sendable, CustomStringConvertible {
    /// The launcher is not the container's first process, which ends with all others.
    case notFirstProcess
    /// It does not run as root.
    case notRoot
    /// Root lacks a right.
    case capabilityMissing(String)
    /// The image has no user of this name.
    case userUnknown(String)
    /// The agent's user is root.
    case userIsRoot(String)
    /// Something else runs, which may have opened or mapped what is found.
    case othersRun(pid: Int32)
    /// The agent's user has System V objects.
    case objects
    /// A container's files were in use before: what is found is not pristine.
    case usedBefore
    /// `/proc` does not tell all that is needed.
    case unreadable(String)
    /// A directory that is to be kept could not be put back.
    case cannotKeep(String)
    /// Something in the file tree that cannot be renewed.
    case files(String)
    /// A process that was confined as the agent will be could do what it must not.
    case confinement(String)

    package var description: String {
        switch self {
        case .notFirstProcess: "the launcher is not the container's first process"
        case .notRoot: "the launcher does not run as root"
        case .capabilityMissing(let name): "the launcher lacks the capability " + name
        case .userUnknown(let name): "the image has no user " + name
        case .userIsRoot(let name): "the agent's user " + name + " is root"
        case .othersRun(let pid): "process \(pid) runs in the container already"
        case .objects: "the agent's user has System V objects already"
        case .usedBefore: "the container's files were used before its start"
        case .unreadable(let what): what + " cannot be read"
        case .cannotKeep(let path):
            path
                + " is to be kept, and is not in a directory that the agent's user owns or may write"
        case .files(let text): text
        case .confinement(let text): "of a process of the agent's user: " + text
        }
    }
}
