import Glibc
import Testing

/// ptrace(2), which Swift's Glibc module leaves out for its list of arguments; integers and pointers
/// travel alike there.
@_silgen_name("ptrace")
private func ptrace(_ request: Int, _ pid: Int, _ address: Int, _ data: Int) -> Int

/// A launcher that is stopped at one place of its loop, to let something happen just there. The
/// tests are its parent and may trace it, as no process of a run can.
enum TracedLauncher {
    private static let seize = 0x4206
    private static let interrupt = 0x4207
    private static let goOnToCall = 24
    private static let detach = 17
    private static let callInformation = 0x420e
    /// PTRACE_O_TRACESYSGOOD.
    private static let marksCalls = 1
    private static let readNumber: UInt64 = {
        #if arch(arm64)
            63
        #else
            0
        #endif
    }()

    /// The fields of struct ptrace_syscall_info that are looked at.
    private struct Call {
        var entry: (number: UInt64, first: UInt64)?
        var result: Int64?

        init(_ bytes: UnsafeRawBufferPointer) {
            switch bytes[0] {
            case 1:
                entry = (
                    bytes.load(fromByteOffset: 24, as: UInt64.self),
                    bytes.load(fromByteOffset: 32, as: UInt64.self)
                )
            case 2: result = bytes.load(fromByteOffset: 24, as: Int64.self)
            default: break
            }
        }
    }

    /// Stops the launcher where it has just found no more signals, and runs the body meanwhile.
    static func hold(_ pid: pid_t, _ body: () throws -> Void) throws {
        let signals = try #require(descriptor(of: pid, "anon_inode:[signalfd]"))
        try #require(ptrace(seize, Int(pid), 0, marksCalls) == 0)
        defer { _ = ptrace(detach, Int(pid), 0, 0) }
        try #require(ptrace(interrupt, Int(pid), 0, 0) == 0)
        try waitForStop(pid)
        // Any signal that means nothing makes it go round once.
        kill(pid, SIGCHLD)
        var isReadingSignals = false
        while true {
            try #require(ptrace(goOnToCall, Int(pid), 0, 0) == 0)
            try waitForStop(pid)
            let call = try withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { room in
                let count = ptrace(
                    callInformation,
                    Int(pid),
                    room.count,
                    Int(bitPattern: room.baseAddress)
                )
                try #require(count > 0)
                return Call(UnsafeRawBufferPointer(room))
            }
            if let entry = call.entry {
                isReadingSignals = entry.number == readNumber && entry.first == signals
            } else if isReadingSignals, call.result == Int64(-EAGAIN) {
                return try body()
            }
        }
    }

    /// Waits for a child of the stopped launcher to be dead; nobody reaps it meanwhile.
    static func waitUntilDead(_ pid: pid_t) throws {
        let deadline = ContinuousClock.now + .seconds(15)
        while !String(decoding: fileBytes("/proc/\(pid)/stat"), as: UTF8.self).contains(") Z ") {
            try #require(ContinuousClock.now < deadline)
            sched_yield()
        }
    }

    private static func waitForStop(_ pid: pid_t) throws {
        var status: Int32 = 0
        try #require(waitpid(pid, &status, 0) == pid)
        // As WIFSTOPPED.
        try #require(status & 0xFF == 0x7F)
    }

    private static func descriptor(of pid: pid_t, _ name: String) -> UInt64? {
        (0..<64).first { number in
            var target = [CChar](repeating: 0, count: 64)
            let count = readlink("/proc/\(pid)/fd/\(number)", &target, target.count)
            return count > 0
                && target.prefix(count).elementsEqual(name.utf8.map { CChar(bitPattern: $0) })
        }
    }
}
