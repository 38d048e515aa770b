import AgentLink
import Renewal
// `environ` is a C global that Swift cannot check. Only the main thread reads it.
@preconcurrency import Glibc

/// How the agent's process is started.
enum AgentProcess {
    /// Starts the agent: stdin inherited, stdout and stderr given, signals as a fresh process has
    /// them, and a process group of its own, so that a terminal's Ctrl-C does not reach it beside
    /// our one signal.
    ///
    /// - Parameters:
    ///   - command: The program and its arguments.
    ///   - name: The agent's name, unless the environment has one.
    ///   - output: What the agent gets as its stdout.
    ///   - errors: What the agent gets as its stderr.
    ///   - takesOneJob: What the environment is made to say of it; nil for what it says.
    ///   - identity: Whom it runs as, confined; nil for this process's own user.
    /// - Returns: The process id, ours until it is reaped.
    /// - Throws: Why it could not be started.
    static func start(
        _ command: AgentCommand,
        name: String?,
        output: Int32,
        errors: Int32,
        takesOneJob: Bool?,
        as identity: AgentIdentity?
    ) throws(LaunchFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        if identity != nil {
            // A file that two agents have open would be a way from one to the next.
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        var attributes = freshAttributes()
        var pid = pid_t()
        let result = posix_spawn(
            &pid,
            // posix_spawn changes no user: this program does, as the process that becomes the agent.
            identity == nil ? command.path : AgentEntry.program,
            &actions,
            &attributes,
            (identity.map { AgentEntry.arguments(command, as: $0) } ?? command.arguments) + [nil],
            environment(name: name, replacing: replaced(takesOneJob, identity))
        )
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
        guard result == 0 else {
            throw LaunchFailure(
                text: command.path + ": cannot be executed: " + Notice.errorText(result),
                exitCode: result == ENOENT ? LaunchFailure.notFound : LaunchFailure.cannotExecute
            )
        }
        return pid
    }

    private static func freshAttributes() -> posix_spawnattr_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP)
        )
        return attributes
    }

    /// What counts whatever our own environment says: an agent that took a second job where each is to
    /// have its own would show it what the first one left, and a home is of the user that this process
    /// has and the agent has not.
    private static func replaced(
        _ takesOneJob: Bool?,
        _ identity: AgentIdentity?
    ) -> [(name: String, value: String)] {
        var settings: [(name: String, value: String)] = []
        if let takesOneJob { settings.append((AgentVariable.single + "=", "\(takesOneJob)")) }
        if let home = identity?.home { settings.append(("HOME=", home)) }
        return settings
    }

    /// Our own environment, byte for byte but for a log level that would hide the agent's state, what
    /// is replaced, and at most two names that are unset in it. The agent checks for names that begin
    /// with TFC_AGENT_ and that it does not know: it must not get others.
    private static func environment(
        name: String?,
        replacing replaced: [(name: String, value: String)]
    ) -> [UnsafeMutablePointer<CChar>?] {
        var added = [(name: AgentVariable.logsJSON + "=", value: "1")]
        if let name { added.append((AgentVariable.name + "=", name)) }
        added.removeAll { LauncherSettings.value(String($0.name.dropLast())) != nil }
        var entries: [UnsafeMutablePointer<CChar>?] = []
        var entry = environ
        while let text = entry.pointee {
            // An empty one would stand before ours, and count.
            let isReplaced =
                added.contains { strcmp(text, $0.name) == 0 }
                || replaced.contains { strncmp(text, $0.name, $0.name.utf8.count) == 0 }
            if !isReplaced { entries.append(shown(text)) }
            entry += 1
        }
        return entries + (added + replaced).map { strdup($0.name + $0.value) } + [nil]
    }

    private static func shown(
        _ entry: UnsafeMutablePointer<CChar>
    ) -> UnsafeMutablePointer<CChar> {
        let name = AgentVariable.logLevel + "="
        guard strncmp(entry, name, name.utf8.count) == 0,
            AgentLogLevel.hidesState(String(cString: entry + name.utf8.count))
        else { return entry }
        return strdup(name + AgentLogLevel.needed)
    }
}

/// Takes leave of every process that ends as our child.
enum Reaper {
    /// PR_SET_CHILD_SUBREAPER (prctl(2)).
    private static let setChildSubreaper: Int32 = 36

    /// Makes the agent's orphans ours, as they are anyway for PID 1. Without it nothing but their
    /// being reaped elsewhere would change, so a failure is let go.
    static func adoptOrphans() {
        guard getpid() != 1 else { return }
        _ = prctl(setChildSubreaper, 1, 0, 0, 0)
    }

    /// The next child that has ended and its code as a shell reports it, or nil.
    static func next() -> (pid: pid_t, code: Int32)? {
        var status: Int32 = 0
        let pid = waitpid(-1, &status, WNOHANG)
        guard pid > 0 else { return nil }
        let signal = status & 0x7F
        return (pid, signal == 0 ? status >> 8 & 0xFF : 128 + signal)
    }
}
