import Glibc

/// The TCP connections of the network namespace that still have something of a job's to send.
enum SocketTable {
    /// The numbers that `/proc/net/tcp` has for a connection's state (linux/tcp_states.h).
    private enum State {
        /// All is sent, and the other side has said so: nothing of the job is left in it.
        static let finished: Set<String> = ["05", "06"]
        /// A connection that nobody has taken yet; it goes with the socket that listens.
        static let incoming = "03"
    }

    /// How many there are. A socket whose process has ended belongs to nobody, and an older Linux
    /// says then that it is root's: so each that no process holds counts.
    ///
    /// - Parameters:
    ///   - table: A file as `/proc/net/tcp`.
    ///   - user: The agent's user.
    /// - Returns: nil if the table is not understood.
    static func unfinished(_ table: [UInt8], of user: UInt32) -> Int? {
        var count = 0
        for line in table.split(separator: UInt8(ascii: "\n")).dropFirst() {
            let fields = line.split(separator: UInt8(ascii: " ")).prefix(10)
                .map { String(decoding: $0, as: UTF8.self) }
            guard fields.count == 10, let owner = UInt32(fields[7]) else { return nil }
            if State.finished.contains(fields[3]) { continue }
            let isHeld = fields[9] != "0"
            if owner == user || !isHeld && fields[3] != State.incoming { count += 1 }
        }
        return count
    }

    /// Waits until there are none.
    ///
    /// - Returns: Whether that came in time.
    static func areFinished(of user: UInt32, deadline: Int) -> Bool {
        while true {
            let counts = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map { path -> Int? in
                guard let table = KernelCall.contents(path) else {
                    // Without IPv6 there is none.
                    return errno == ENOENT ? 0 : nil
                }
                return unfinished(table, of: user)
            }
            if counts.allSatisfy({ $0 == 0 }) { return true }
            guard KernelCall.now < deadline, !counts.contains(nil) else { return false }
            KernelCall.pause(microseconds: 2000)
        }
    }
}
