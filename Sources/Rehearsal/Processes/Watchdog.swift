import Glibc

/// A small process that outlives this one by a moment: when this one is killed without a chance to
/// clean up, the watchdog's standard input ends, and it kills the rehearsal's processes and removes
/// its directory. Linux would kill children with their parent (`PR_SET_PDEATHSIG`), but neither
/// `posix_spawn` nor Swift can ask for that.
struct Watchdog: Sendable {
    static let command = "sweep"

    private let pid: pid_t
    private let lifeline: Int32

    /// - Parameters:
    ///   - executable: this program; it is run with the hidden subcommand `sweep`.
    ///   - marker: of this rehearsal's processes.
    ///   - directory: is removed.
    /// - Throws: when it could not be started; the rehearsal should not start either.
    init(executable: String, marker: String, directory: String) throws(SpawnError) {
        let pipe = try Pipe()
        defer { close(pipe.read) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, pipe.read, 0)
        // Above all the pipe's other end, or its input would never end.
        try SpawnActions.close(&actions, from: 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Its own group, or Ctrl-C would end it together with the process that it watches.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        let words = [executable, Self.command, marker, directory]
        var arguments = words.map { strdup($0) } + [nil]
        defer { for text in arguments { free(text) } }
        var child = pid_t()
        let result = posix_spawn(&child, executable, &actions, &attributes, &arguments, environ)
        guard result == 0 else {
            close(pipe.write)
            throw SpawnError(description: "the watchdog did not start: error \(result)")
        }
        pid = child
        lifeline = pipe.write
    }

    /// Ends the watchdog; it sweeps once more and is gone when this returns.
    func dismiss() {
        close(lifeline)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1 && errno == EINTR {}
    }
}

/// SIGINT, SIGTERM and SIGHUP, waited for by the main thread. They are blocked before any other
/// thread exists, so that all threads inherit that; an async main would take them instead.
struct StopSignals {
    private var set = sigset_t()

    init() {
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    func wait() {
        var set = set
        var number: Int32 = 0
        sigwait(&set, &number)
    }
}
