import Glibc

/// Calls that glibc has and Swift's Glibc module leaves out. Integers and pointers are passed alike
/// by Swift and C here; prctl(2) takes its arguments from a variable list, which on Linux's 64 bit
/// machines travel like any others.
@_silgen_name("signalfd")
private func signalfd(_ old: Int32, _ mask: UnsafePointer<sigset_t>, _ flags: Int32) -> Int32
@_silgen_name("prctl")
private func prctl(_ option: Int32, _ a: UInt, _ b: UInt, _ c: UInt, _ d: UInt) -> Int32

/// The signals that are for the launcher, read one by one instead of interrupting it.
struct SignalSource {
    /// Readable when a signal has come; for poll(2).
    let descriptor: Int32

    /// Hangup counts as a stop too: by default it would end the launcher and leave the agent alone
    /// with closed pipes, in the middle of its job.
    private static let caught = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD]

    /// Blocks the signals and opens the source. To be called before any thread is started: a
    /// thread that does not block a stop signal would be ended by it, and the launcher with it.
    ///
    /// - Throws: Exit code 125.
    static func takeOver() throws(Refusal) -> SignalSource {
        // Writing to a closed stdout or link must be an error, not the end.
        signal(SIGPIPE, SIG_IGN)
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
