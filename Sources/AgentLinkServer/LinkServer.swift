package import AgentLink
import Glibc
import Synchronization

/// What happened on the sidecar's end of the link.
package enum LinkEvent: Sendable, Equatable {
    /// A launcher connected. Its `hello` and its state follow as messages.
    case connected
    /// The launcher said this.
    case message(LauncherMessage)
    /// The launcher sent a line that is no message of its own; the connection goes on.
    case malformed(MessageFault)
    /// Somebody connected beside the launcher and was turned away.
    case refusedSecondClient
    /// The connection is over. The launcher comes back by itself.
    case disconnected
}

/// The sidecar's end of the link: listens on the shared volume and talks to one launcher at a
/// time, on a thread of its own, so that no wait for the launcher ever holds a thread of the
/// concurrency runtime.
package final class LinkServer: Sendable {
    /// What happens, in order, for one reader. Ends after `stop()`.
    package let events: AsyncStream<LinkEvent>

    private struct Mailbox {
        var outgoing: [UInt8] = []
        var isConnected = false
        var isStopping = false
        /// Nobody reads the events yet.
        var isUnread: Bool
    }

    private let mailbox: Mutex<Mailbox>
    private let wakeup: Wakeup
    private let publish: AsyncStream<LinkEvent>.Continuation

    /// Listens on `link.sock` and starts the thread. A socket that a predecessor left there is
    /// replaced.
    ///
    /// - Parameters:
    ///   - directory: The shared volume's directory; it has to exist.
    ///   - isUnread: Nobody reads the events yet, until ``takeOver()``. As long as that is so the link
    ///     itself answers the launcher's questions: one that hears nothing for half a minute starts the
    ///     agent without a sidecar. Whoever says so must not take long, since the answers then prove no
    ///     more than that its process lives.
    /// - Throws: Why nobody can connect. Nothing is left open then.
    package init(directory: String, isUnread: Bool = false) throws(SocketFault) {
        mailbox = Mutex(Mailbox(isUnread: isUnread))
        let path = Link.socketPath(in: directory)
        let listener = try UnixSocket.listen(at: path)
        guard let wakeup = Wakeup() else {
            let fault = SocketFault.callFailed(call: "pipe", path: path, errno: errno)
            close(listener)
            throw fault
        }
        self.wakeup = wakeup
        // Bounded: whoever can reach the socket could otherwise fill the sidecar's memory. The
        // newest events stay, and an overflow ends the connection, so that the launcher comes back
        // and repeats its state.
        (events, publish) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(LinkServer.waitingEventsLimit)
        )
        let result = LinkServer.startThread { [self] in
            var loop = LinkServerLoop(listener: listener, path: path, server: self)
            loop.run()
        }
        guard result == 0 else {
            close(listener)
            wakeup.close()
            throw .callFailed(call: "pthread_create", path: path, errno: result)
        }
    }

    /// From now on whoever reads the events answers them.
    package func takeOver() { mailbox.withLock { $0.isUnread = false } }

    /// Says something to the launcher. Returns at once; without a connection the message is
    /// dropped, since the launcher's state, repeated when it connects, decides what to say then. A
    /// name that no line can carry is dropped too.
    package func send(_ message: SidecarMessage) {
        guard let line = try? message.serialised() else { return }
        mailbox.withLock { mailbox in
            guard mailbox.isConnected else { return }
            mailbox.outgoing += line
            // Under the lock: afterwards the thread may have ended and given the wakeup back.
            wakeup.ring()
        }
    }

    /// Ends the connection, the thread and the events. The socket's file stays: by now it may be a
    /// successor's.
    package func stop() {
        mailbox.withLock { mailbox in
            guard !mailbox.isStopping else { return }
            mailbox.isStopping = true
            wakeup.ring()
        }
    }

    /// Far more than a launcher says in its life between two looks of the sidecar.
    private static let waitingEventsLimit = 1024

    // MARK: For the thread

    /// Answers what needs nobody who reads the events.
    ///
    /// - Returns: False for what is an event.
    func answers(_ event: LinkEvent) -> Bool {
        guard case .message(.ping(let number)) = event, mailbox.withLock({ $0.isUnread }) else {
            return false
        }
        send(.pong(number))
        return true
    }

    var wakeupDescriptor: Int32 { wakeup.descriptor }

    /// Whether to go on, after the ring is silenced.
    func mayGoOn() -> Bool {
        wakeup.silence()
        return mailbox.withLock { !$0.isStopping }
    }

    func setConnected(_ isConnected: Bool) {
        mailbox.withLock { mailbox in
            mailbox.isConnected = isConnected
            mailbox.outgoing = []
        }
        tell(isConnected ? .connected : .disconnected)
    }

    /// Takes what `send` left since the last time.
    func takeOutgoing() -> [UInt8] {
        mailbox.withLock { mailbox in
            defer { mailbox.outgoing = [] }
            return mailbox.outgoing
        }
    }

    /// - Returns: False when the reader does not keep up and an older event was lost.
    @discardableResult
    func tell(_ event: LinkEvent) -> Bool {
        if case .dropped = publish.yield(event) { false } else { true }
    }

    func finish() {
        mailbox.withLock { mailbox in
            mailbox.isConnected = false
            wakeup.close()
        }
        publish.finish()
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private static func startThread(_ run: @escaping @Sendable () -> Void) -> Int32 {
        let body = Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            },
            body.toOpaque()
        )
        if result == 0 { pthread_detach(thread) } else { body.release() }
        return result
    }
}
