import AgentLink
import Glibc

/// What the thread of a `LinkServer` does. Everything here belongs to that thread alone.
struct LinkServerLoop {
    private struct Client {
        let descriptor: Int32
        let isRoot: Bool
        var incoming = LineBuffer()
        var outgoing: [UInt8] = []
    }

    private let listener: Int32
    private let path: String
    private let server: LinkServer
    private var client: Client?
    private var isListenerResting = false

    /// What may wait for a launcher that does not read: some messages of the longest kind. Beyond
    /// it the connection ends and the launcher comes back.
    private static let outgoingLimitBytes = 4 * Link.messageLimitBytes

    /// Reads for one client before others are looked at: more than a socket holds, so that a
    /// connection that was closed is seen as closed before its successor is accepted.
    private static let readsAtOnce = 64
    private static let readBytes = 16 * 1024

    /// How long the listener rests when accepting fails, for example for want of descriptors: the
    /// waiting client would make every poll return at once.
    private static let restMilliseconds: Int32 = 1000

    init(listener: Int32, path: String, server: LinkServer) {
        self.listener = listener
        self.path = path
        self.server = server
    }

    mutating func run() {
        while server.mayGoOn() {
            sendToClient()
            var entries = pollEntries()
            let count = poll(
                &entries,
                nfds_t(entries.count),
                isListenerResting ? LinkServerLoop.restMilliseconds : -1
            )
            isListenerResting = false
            guard count > 0 else { continue }
            // The client before the listener: a launcher that comes back has closed its last
            // connection first, and would be refused beside it.
            if entries[2].revents != 0 { readFromClient() }
            if entries[1].revents != 0 { acceptClient() }
        }
        closeClient()
        close(listener)
        server.finish()
    }

    private func pollEntries() -> [pollfd] {
        var clientEvents = Int16(POLLIN)
        if client?.outgoing.isEmpty == false { clientEvents |= Int16(POLLOUT) }
        return [
            pollfd(fd: server.wakeupDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isListenerResting ? -1 : listener, events: Int16(POLLIN), revents: 0),
            pollfd(fd: client?.descriptor ?? -1, events: clientEvents, revents: 0),
        ]
    }

    private mutating func acceptClient() {
        switch UnixSocket.accept(listener) {
        case .success(let descriptor):
            take(Client(descriptor: descriptor, isRoot: UnixSocket.isRoot(descriptor)))
        case .failure(.callFailed(_, _, errno: EAGAIN)),
            .failure(.callFailed(_, _, errno: EINTR)),
            .failure(.callFailed(_, _, errno: ECONNABORTED)):
            break
        case .failure:
            isListenerResting = true
        }
    }

    /// The launcher is the first one, before there is an agent. Where it is root, its agent may be
    /// another user, whose jobs must not speak in its name: not even where the sidecar came so late that
    /// one of them was first.
    private mutating func take(_ newcomer: Client) {
        if newcomer.isRoot {
            UnixSocket.closeToOthers(path)
            if client?.isRoot == false { closeClient() }
        }
        guard client == nil else {
            close(newcomer.descriptor)
            server.tell(.refusedSecondClient)
            return
        }
        client = newcomer
        server.setConnected(true)
    }

    private mutating func readFromClient() {
        for _ in 0..<LinkServerLoop.readsAtOnce {
            guard let client else { return }
            var piece: [UInt8] = []
            var reading = Descriptor.ReadResult.over
            withUnsafeTemporaryAllocation(
                byteCount: LinkServerLoop.readBytes,
                alignment: 1
            ) { buffer in
                reading = Descriptor.read(client.descriptor, into: buffer)
                if case .bytes(let count) = reading { piece = Array(buffer[..<count]) }
            }
            switch reading {
            case .bytes: take(piece)
            case .nothingYet: return
            case .over: return closeClient()
            }
        }
    }

    private mutating func take(_ piece: [UInt8]) {
        var keptUp = true
        for line in client?.incoming.take(piece) ?? [] {
            let event = LinkServerLoop.event(of: line)
            if !server.answers(event) { keptUp = server.tell(event) && keptUp }
        }
        if !keptUp { closeClient() }
    }

    private static func event(of line: LineBuffer.Line) -> LinkEvent {
        switch line {
        case .tooLong(let bytes):
            return .malformed(.tooLong(bytes: bytes))
        case .whole(let bytes):
            do throws(MessageFault) {
                return .message(try LauncherMessage(parsing: bytes))
            } catch {
                return .malformed(error)
            }
        }
    }

    private mutating func sendToClient() {
        guard client != nil else { return }
        client?.outgoing += server.takeOutgoing()
        guard let descriptor = client?.descriptor, var outgoing = client?.outgoing else { return }
        let isAlive = Descriptor.send(descriptor, &outgoing)
        client?.outgoing = outgoing
        // A dead connection is closed by its read, which still finds what the launcher said last.
        if !isAlive { client?.outgoing = [] }
        if outgoing.count > LinkServerLoop.outgoingLimitBytes { closeClient() }
    }

    private mutating func closeClient() {
        guard let descriptor = client?.descriptor else { return }
        close(descriptor)
        client = nil
        server.setConnected(false)
    }
}
