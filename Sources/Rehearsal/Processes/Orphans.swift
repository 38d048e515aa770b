import Glibc

/// Processes whose parent is gone: a container's others when its first process was killed.
enum Orphans {
    /// Makes them children of this process, so that it can collect them; without that they would
    /// go to the machine's first process, which in a container often collects nothing.
    static func adopt() {
        // `prctl` is variadic in C, so it is looked up with the one shape that is needed.
        typealias Control = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
        guard let function = dlsym(nil, "prctl") else { return }
        _ = unsafeBitCast(function, to: Control.self)(setChildSubreaper, 1, 0, 0, 0)
    }

    /// Collects all that have ended. Call it when no other thread waits for a child any more.
    static func collect() {
        var status: Int32 = 0
        // Killed processes need a moment to end.
        for _ in 0..<200 {
            let pid = waitpid(-1, &status, WNOHANG)
            if pid == -1 { return }
            if pid == 0 { usleep(1000) }
        }
    }

    /// `PR_SET_CHILD_SUBREAPER` of <linux/prctl.h>.
    private static let setChildSubreaper: Int32 = 36
}
