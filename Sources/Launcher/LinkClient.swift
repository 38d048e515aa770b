import AgentLink
import Glibc

/// The launcher's end of the link. It connects again for ever, and nothing it does ever waits: a
/// sidecar that connects and never reads is dropped, and told everything again when it is back.
struct LinkClient {
    /// What came in.
    enum Arrival {
        case message(SidecarMessage)
        case malformed(MessageFault)
    }

    private struct Connection {
        let descriptor: Int32
        var incoming = LineBuffer()
        var outgoing: [UInt8] = []
    }

    private let path: String
    private var connection: Connection?
    private var pause = LinkClient.shortestPause
    private var nextAttempt: MonotonicMilliseconds = 0

    /// Soon enough not to delay an agent, seldom enough to cost nothing.
    private static let shortestPause: MonotonicMilliseconds = 100
    private static let longestPause: MonotonicMilliseconds = 1000

    /// What may wait for a sidecar that is slow to read, beyond what the socket holds: a state of
    /// the longest lines, twice.
    private static let outgoingLimitBytes = 4 * Link.messageLimitBytes
    private static let readBytes = 4096

    init(path: String) {
        self.path = path
    }

    /// What poll(2) should watch; descriptor -1, which it ignores, while not connected.
    var pollEntry: pollfd {
        var events = Int16(POLLIN)
        if connection?.outgoing.isEmpty == false { events |= Int16(POLLOUT) }
        return pollfd(fd: connection?.descriptor ?? -1, events: events, revents: 0)
    }

    var isConnected: Bool { connection != nil }

    /// When `connectIfDue` has something to do; nil while connected.
    var deadline: MonotonicMilliseconds? {
        connection == nil ? nextAttempt : nil
    }

    /// Tries to connect when it is time.
    ///
    /// - Parameters:
    ///   - now: The time.
    ///   - isEager: Whether the agent waits for the sidecar, so that every attempt counts.
    /// - Returns: True when a new connection is there, to be greeted.
    mutating func connectIfDue(_ now: MonotonicMilliseconds, isEager: Bool) -> Bool {
        guard connection == nil, now >= nextAttempt else { return false }
        nextAttempt = now + (isEager ? LinkClient.shortestPause : pause)
        // Shortened again by the first message: to be connected alone proves nothing, a sidecar
        // may take the connection and turn it away.
        pause = min(pause * 2, LinkClient.longestPause)
        guard let descriptor = try? UnixSocket.connect(to: path) else { return false }
        connection = Connection(descriptor: descriptor)
        return true
    }

    /// Says something, if anybody is there; what is state will be repeated to the next.
    mutating func say(_ message: LauncherMessage) {
        guard connection != nil, let line = try? message.serialised() else { return }
        connection?.outgoing += line
        flush()
    }

    /// Does what the connection is ready for. One piece is read in a turn: a sidecar that talks
    /// without end must not keep signals waiting.
    ///
    /// - Returns: The lines that came, in order.
    mutating func serve() -> [Arrival] {
        flush()
        guard let descriptor = connection?.descriptor else { return [] }
        var piece: [UInt8] = []
        var reading = Descriptor.ReadResult.over
        withUnsafeTemporaryAllocation(
            byteCount: LinkClient.readBytes,
            alignment: 1
        ) { buffer in
            reading = Descriptor.read(descriptor, into: buffer)
            if case .bytes(let count) = reading { piece = Array(buffer[..<count]) }
        }
        switch reading {
        case .bytes: pause = LinkClient.shortestPause
        case .nothingYet: return []
        case .over: drop()
        }
        return (connection?.incoming.take(piece) ?? []).map { LinkClient.arrival(of: $0) }
    }

    private static func arrival(of line: LineBuffer.Line) -> Arrival {
        switch line {
        case .tooLong(let bytes):
            return .malformed(.tooLong(bytes: bytes))
        case .whole(let bytes):
            do throws(MessageFault) {
                return .message(try SidecarMessage(parsing: bytes))
            } catch {
                return .malformed(error)
            }
        }
    }

    /// A connection found dead here is dropped by the next read, which still brings what the
    /// sidecar said last.
    private mutating func flush() {
        guard let descriptor = connection?.descriptor else { return }
        if connection?.outgoing.isEmpty == false {
            var outgoing = connection?.outgoing ?? []
            connection?.outgoing = []
            connection?.outgoing = Descriptor.send(descriptor, &outgoing) ? outgoing : []
        }
        if (connection?.outgoing.count ?? 0) > LinkClient.outgoingLimitBytes {
            drop()
        }
    }

    private mutating func drop() {
        guard let descriptor = connection?.descriptor else { return }
        close(descriptor)
        connection = nil
        nextAttempt = max(nextAttempt, MonotonicClock.now + LinkClient.shortestPause)
    }
}
