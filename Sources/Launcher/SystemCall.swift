import Glibc

/// Calls that glibc has and Swift's Glibc module leaves out. Integers and pointers are passed alike
/// by Swift and C here; prctl(2) and syscall(2) take their arguments from a variable list, which on
/// Linux's 64 bit machines travel like any others.
@_silgen_name("signalfd")
func signalfd(_ old: Int32, _ mask: UnsafePointer<sigset_t>, _ flags: Int32) -> Int32
@_silgen_name("prctl")
func prctl(_ option: Int32, _ a: UInt, _ b: UInt, _ c: UInt, _ d: UInt) -> Int32
@_silgen_name("syscall")
private func syscall(_ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int) -> Int

/// System calls that an older glibc has no function for. Their numbers are the same on x86-64 and
/// arm64, but for one.
enum SystemCall {
    private static let pidfdOpenNumber = 434
    private static let pidfdSendSignalNumber = 424
    #if arch(arm64)
        private static let signalActionNumber = 134
    #else
        private static let signalActionNumber = 13
    #endif

    /// A descriptor for a process that stays its own whatever becomes of the id: readable once the
    /// process has ended (pidfd_open(2), Linux 5.3). Closed on exec. Negative with errno.
    static func pidfdOpen(_ pid: pid_t) -> Int32 {
        Int32(syscall(pidfdOpenNumber, Int(pid), 0, 0, 0))
    }

    /// Signals the process of such a descriptor; without harm if it has ended.
    static func pidfdSendSignal(_ descriptor: Int32, _ signal: Int32) {
        _ = syscall(pidfdSendSignalNumber, Int(descriptor), Int(signal), 0, 0)
    }

    /// Ignores a signal, also those two that glibc keeps for itself and whose default ends a process
    /// all the same.
    static func ignore(_ signal: Int32) {
        // The kernel's struct sigaction: handler, flags, restorer and mask, of 8 bytes each.
        let action = [UInt(1), 0, 0, 0]
        action.withUnsafeBufferPointer { action in
            _ = syscall(
                signalActionNumber,
                Int(signal),
                Int(bitPattern: action.baseAddress),
                0,
                MemoryLayout<UInt64>.size
            )
        }
    }
}

/// A duration or a deadline, in whole milliseconds of the monotonic clock: the wall clock may jump.
typealias MonotonicMilliseconds = Int

enum MonotonicClock {
    static var now: MonotonicMilliseconds {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
