import AgentLink
import Glibc

/// An agent that is another process than the command, watched so that neither a signal nor its end can
/// be mistaken: it may be a script's child, whose id is another's as soon as the script takes note
/// of its end.
struct FoundAgent {
    let pid: pid_t
    /// Readable once the process has ended, for poll(2); -1, which that ignores, for a child of
    /// ours that is watched by its id.
    let descriptor: Int32

    private init(pid: pid_t, descriptor: Int32) {
        self.pid = pid
        self.descriptor = descriptor
    }

    /// Watches a child of ours by its id, which is no other's until we have reaped it.
    init(child pid: pid_t) {
        self.init(pid: pid, descriptor: -1)
    }

    enum WatchResult {
        case watched(FoundAgent)
        /// It has ended in the meantime.
        case gone
        /// By this errno: before Linux 5.3, or where the call is forbidden.
        case impossible(Int32)
    }

    /// Watches a process that has just been found.
    static func watch(_ pid: pid_t) -> WatchResult {
        let descriptor = SystemCall.pidfdOpen(pid)
        if descriptor >= 0 { return .watched(FoundAgent(pid: pid, descriptor: descriptor)) }
        return errno == ESRCH ? .gone : .impossible(errno)
    }

    func signal(_ number: Int32) {
        if descriptor >= 0 {
            SystemCall.pidfdSendSignal(descriptor, number)
        } else {
            kill(pid, number)
        }
    }

    /// Whether the process has ended, be it reaped or not.
    var hasEnded: Bool {
        guard descriptor >= 0 else {
            // Looked at, and left to be reaped.
            var information = siginfo_t()
            let options = WEXITED | WNOHANG | WNOWAIT
            return waitid(P_PID, id_t(pid), &information, options) == 0
                && information.si_signo == SIGCHLD
        }
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 1
    }

    func letGo() {
        if descriptor >= 0 { close(descriptor) }
    }

    /// The log level by which a process that we did not start hides what it says of its state, if
    /// it does: a script can set one that nobody outside sees.
    static func hidingLevel(of pid: pid_t) -> String? {
        let arguments = texts("/proc/\(pid)/cmdline") { _ in true }
        if let level = AgentLogLevel.uncovered(arguments)?.level { return level }
        if arguments.contains(where: { $0.hasPrefix("-log-level") || $0.hasPrefix("--log-level") })
        {
            return nil
        }
        let name = Array((AgentVariable.logLevel + "=").utf8)
        let entry = texts("/proc/\(pid)/environ") { $0.starts(with: name) }.first
        guard let level = entry?.dropFirst(name.count) else { return nil }
        return AgentLogLevel.hidesState(String(level)) ? String(level) : nil
    }

    /// Those of a file's texts, each ended by a NUL, that are wanted. Nothing of the others stays in
    /// memory: they hold the agent's secrets.
    private static func texts(
        _ path: String,
        _ isWanted: (UnsafeRawBufferPointer.SubSequence) -> Bool
    ) -> [String] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: readLimitBytes, alignment: 1) { buffer in
            var length = 0
            while length < buffer.count,
                case let count = read(
                    file,
                    buffer.baseAddress.map { $0 + length },
                    buffer.count - length
                ),
                count > 0
            {
                length += count
            }
            defer { if let start = buffer.baseAddress { explicit_bzero(start, length) } }
            return UnsafeRawBufferPointer(buffer)[..<length].split(separator: 0)
                .filter(isWanted).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Far more than a container's environment: what comes after it is not looked at.
    private static let readLimitBytes = 256 * 1024
}
