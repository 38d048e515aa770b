import Glibc

/// The signals that are for the launcher, read one by one instead of interrupting it.
struct SignalSource {
    /// Readable when a signal has come; for poll(2).
    let descriptor: Int32

    /// Hangup counts as a stop too: by default it would end the launcher and leave the agent alone
    /// with closed pipes, in the middle of its job.
    private static let caught = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD]

    /// Left as they are: nobody can ignore the first two, and the others end nothing.
    private static let harmless = [SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT]

    /// The last of the real-time signals.
    private static let lastSignal: Int32 = 64

    /// Blocks the signals that are asked for, ignores all others that would end a process that is
    /// not PID 1, and opens the source. To be called before any thread is started: a thread that
    /// does not block a stop signal would be ended by it, and the launcher with it.
    ///
    /// A fault of the launcher's own, such as a failed check of Swift's, still ends it: the kernel
    /// and abort(3) do not care what is ignored.
    ///
    /// - Throws: Exit code 125.
    static func takeOver() throws(LaunchFailure) -> SignalSource {
        // An agent whose launcher died would work on alone, with closed pipes. SIGPIPE is among
        // these: writing to a closed stdout or link must be an error, not the end.
        for number in 1...lastSignal where !caught.contains(number) && !harmless.contains(number) {
            SystemCall.ignore(number)
        }
        // Inherited as ignored, it would let the kernel throw the agent's exit code away.
        signal(SIGCHLD, SIG_DFL)
        var mask = sigset_t()
        sigemptyset(&mask)
        for signal in caught {
            sigaddset(&mask, signal)
        }
        pthread_sigmask(SIG_BLOCK, &mask, nil)
        // SFD_NONBLOCK and SFD_CLOEXEC are these same numbers.
        let descriptor = signalfd(-1, &mask, O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw .callFailed("signalfd") }
        return SignalSource(descriptor: descriptor)
    }

    /// The next signal that has come, or nil.
    func next() -> Int32? {
        // struct signalfd_siginfo has 128 bytes; the signal's number is the first four.
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { buffer in
            guard read(descriptor, buffer.baseAddress, buffer.count) == buffer.count else {
                return nil
            }
            return buffer.load(as: Int32.self)
        }
    }
}
