// `environ` is a C global that Swift cannot check. It is read here before there is a second thread.
@preconcurrency import Glibc

/// What a container can do with the task's role. ECS shows the address of its credentials to every
/// container of a task (Amazon ECS developer guide, "Task IAM role"), so a run in the agent's
/// container can use them; and it protects tasks in the role's name for whoever asks it from one.
enum TaskRole {
    /// The names by which AWS's SDKs find the credentials in a container, that of the address for
    /// task protection, and those of the task metadata: their address ends in the same id, from
    /// which the one for task protection can be made.
    private static let names = [
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "ECS_AGENT_URI", "ECS_CONTAINER_METADATA_URI", "ECS_CONTAINER_METADATA_URI_V4",
    ]

    /// Starts this program anew, as the same process, without the names; does nothing once they
    /// are gone.
    ///
    /// Leaving them out of the agent's environment alone would leave them in this process's own
    /// memory, which a root that may trace can read.
    ///
    /// - Throws: Exit code 125, if this program cannot be started again.
    static func hide() throws(LaunchFailure) {
        var entries: [UnsafeMutablePointer<CChar>?] = []
        var isThere = false
        var entry = environ
        while let text = entry.pointee {
            if names.contains(where: { isNamed(text, $0) }) {
                isThere = true
            } else {
                entries.append(text)
            }
            entry += 1
        }
        guard isThere else { return }
        // By its own path, or it would go by the name of "exe".
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        if readlink("/proc/self/exe", &path, path.count - 1) > 0 {
            execve(path, CommandLine.unsafeArgv, entries + [nil])
        }
        throw .callFailed("execve")
    }

    private static func isNamed(_ entry: UnsafePointer<CChar>, _ name: String) -> Bool {
        strncmp(entry, name, name.utf8.count) == 0
            && entry[name.utf8.count] == CChar(UInt8(ascii: "="))
    }
}
