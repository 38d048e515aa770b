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
        for place in 1..<max(1, Int(CommandLine.argc)) {
            overwrite(CommandLine.unsafeArgv[place])
        }
        var entry = environ
        while let text = entry.pointee {
            overwrite(text)
            entry += 1
        }
        environ.pointee = nil
    }

    private static func overwrite(_ text: UnsafeMutablePointer<CChar>?) {
        guard let text else { return }
        memset(text, 0, strlen(text))
    }
}
