import AgentLink
import AgentLinkServer
import Synchronization

/// Answers the launcher's questions until somebody else does, and keeps what else it says: a launcher
/// that hears nothing for half a minute starts the agent without a sidecar, while this one may still
/// be waiting for the task's metadata. Its start takes a minute at the most, so that the answers
/// prove that it lives.
final class Reception: Sendable {
    let link: LinkServer
    private let isOver = Mutex(false)
    private let events: AsyncStream<LinkEvent>

    init(_ link: LinkServer) {
        self.link = link
        let (events, passOn) = AsyncStream.makeStream(of: LinkEvent.self)
        self.events = events
        // Ends with the link's events.
        Task { [self] in
            for await event in link.events where !answers(event) { passOn.yield(event) }
            passOn.finish()
        }
    }

    /// - Returns: what the launcher has said so far and will say, for one reader that answers it.
    func takeOver() -> AsyncStream<LinkEvent> {
        isOver.withLock { $0 = true }
        return events
    }

    private func answers(_ event: LinkEvent) -> Bool {
        guard case .message(.ping(let number)) = event, !isOver.withLock({ $0 }) else {
            return false
        }
        link.send(.pong(number))
        return true
    }
}
