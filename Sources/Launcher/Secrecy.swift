// `environ` is a C global that Swift cannot check. It is written here while the other threads only
// pass output on.
@preconcurrency import Glibc

/// Keeps the launcher to itself. It was started with the agent's token and whatever else the task
/// definition gives to the container, and the processes of every run have its user.
enum Secrecy {
    /// PR_SET_DUMPABLE (prctl(2)).
    private static let setDumpable: Int32 = 4

    /// Closes this process to all others without CAP_SYS_PTRACE, its own user and root among them:
    /// environment, memory and descriptors under `/proc/PID`, ptrace(2), pidfd_getfd(2); and no core
    /// file of it is ever written. What it executes is an ordinary process again, so each program
    /// that takes this one's place has to close itself anew.
    ///
    /// - Throws: Exit code 125.
    static func closeProcess() throws(LaunchFailure) {
        guard prctl(setDumpable, 0, 0, 0, 0) == 0 else { throw .callFailed("prctl") }
    }

    /// Overwrites the environment and the arguments that this process was started with, once the
    /// agent has its copy. Arguments are shown to everybody, closed or not, and the environment to
    /// a root that may trace. All of it goes: nobody can tell which names hold secrets. The
    /// program's own name stays.
    static func forgetStart() {
        forgetArguments()
        var entry = environ
        while let text = entry.pointee {
            overwrite(text)
            entry += 1
        }
        environ.pointee = nil
    }

    /// Moves what a later agent needs of the environment and the arguments to where only this process
    /// sees it, and overwrites the rest at once. What was moved stays for as long as the process.
    ///
    /// - Returns: The command with its own copy of its arguments.
    static func moveStart(_ command: AgentCommand) -> AgentCommand {
        let moved = AgentCommand(
            path: command.path,
            arguments: command.arguments.map { $0.flatMap { strdup($0) } }
        )
        var entry = environ
        while let text = entry.pointee {
            entry.pointee = strdup(text)
            overwrite(text)
            entry += 1
        }
        forgetArguments()
        return moved
    }

    private static func forgetArguments() {
        for place in 1..<max(1, Int(CommandLine.argc)) {
            overwrite(CommandLine.unsafeArgv[place])
        }
    }

    private static func overwrite(_ text: UnsafeMutablePointer<CChar>?) {
        guard let text else { return }
        memset(text, 0, strlen(text))
    }
}
