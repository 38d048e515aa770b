import Glibc

/// Ends every process of the container but this one, which is its first.
enum ProcessEnd {
    enum Fault: Error, Equatable, Sendable {
        /// A process of another user than the agent's is there: somebody came in from outside.
        case stranger(pid_t)
        /// Some do not end.
        case remain(Int)
        /// `/proc` cannot be read.
        case unreadable
    }

    /// One process, as `/proc` shows it (proc_pid_status(5)).
    struct Process: Equatable, Sendable {
        let pid: pid_t
        /// The real, effective, saved and filesystem user.
        let users: [UInt32]
    }

    /// __WALL (waitpid(2)): children of every kind.
    private static let everyKind: Int32 = 0x4000_0000
    private static let firstPause = 200
    private static let longestPause = 2000

    /// - Parameters:
    ///   - user: The agent's user.
    ///   - deadline: When it has to be over, in milliseconds of the monotonic clock.
    /// - Throws: What is left then still runs.
    static func all(of user: UInt32, deadline: Int) throws(Fault) {
        // To anybody but a container's first process, "every process" is every process of the machine.
        guard getpid() == 1 else { throw .unreadable }
        if let stranger = try others().first(where: { $0.users.contains { $0 != user } }) {
            throw .stranger(stranger.pid)
        }
        var pause = firstPause
        while true {
            let isNobodyThere = kill(-1, SIGKILL) != 0 && errno == ESRCH
            if reapAll(), isNobodyThere, try others().isEmpty { return }
            guard KernelCall.now < deadline else { throw .remain(try others().count) }
            KernelCall.pause(microseconds: pause)
            pause = min(pause * 2, longestPause)
        }
    }

    /// Takes leave of each child that has ended.
    ///
    /// - Returns: Whether there are no more.
    private static func reapAll() -> Bool {
        var status: Int32 = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG | everyKind)
            if pid < 0 && errno == EINTR { continue }
            guard pid > 0 else { return pid < 0 && errno == ECHILD }
        }
    }

    /// All processes but this one, the dead ones that nobody has taken note of included.
    static func others() throws(Fault) -> [Process] {
        let directory = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw .unreadable }
        defer { close(directory) }
        var found: [Process] = []
        do throws(FileFault) {
            try DirectoryReader.forEach(directory) { name, _ throws(FileFault) in
                guard let pid = pid_t(String(cString: name)), pid != getpid() else { return }
                guard let text = KernelCall.contents("/proc/\(pid)/status") else {
                    // It has ended while we looked.
                    guard errno == ENOENT || errno == ESRCH else { throw .failed("read", name) }
                    return
                }
                found.append(Process(pid: pid, users: users(text)))
            }
        } catch {
            throw .unreadable
        }
        return found
    }

    /// Nobody's if the file does not say: such a process counts as a stranger.
    static func users(_ status: [UInt8]) -> [UInt32] {
        let line = status.split(separator: UInt8(ascii: "\n")).first {
            $0.starts(with: "Uid:".utf8)
        }
        let users = line?.split(whereSeparator: { $0 == 0x09 || $0 == 0x20 }).dropFirst()
            .compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
        return users.map { $0.count == 4 ? $0 : [.max] } ?? [.max]
    }
}
