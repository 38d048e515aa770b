import AgentLink
import AgentLinkServer
import Synchronization
import Testing

/// A sidecar that answers `hello` with a name, if it has one, and records what it hears. It is awake
/// until it is frozen: then it holds the connection and answers nothing.
final class FakeSidecar: Sendable {
    private let server: LinkServer
    private let heard = Mutex<[LinkEvent]>([])
    private let isFrozen = Mutex(false)

    init(in directory: String, name: String? = "agent-1") throws {
        server = try LinkServer(directory: directory)
        Task { [server, weak self] in
            for await event in server.events {
                if event == .message(.hello(version: 1)), let name { server.send(.name(name)) }
                if case .message(.ping(let number)) = event,
                    self?.isFrozen.withLock({ $0 }) == false
                {
                    server.send(.pong(number))
                }
                self?.heard.withLock { $0.append(event) }
            }
        }
    }

    /// All that the launcher has said so far, but for its questions.
    var messages: [LauncherMessage] {
        allMessages.filter { if case .ping = $0 { false } else { true } }
    }

    /// How often the launcher has asked whether anybody is awake.
    var questions: Int {
        allMessages.count { if case .ping = $0 { true } else { false } }
    }

    private var allMessages: [LauncherMessage] {
        heard.withLock { events in
            events.compactMap { if case .message(let message) = $0 { message } else { nil } }
        }
    }

    func freeze() { isFrozen.withLock { $0 = true } }
    func thaw() { isFrozen.withLock { $0 = false } }

    /// What is to be no message at all.
    var faults: [LinkEvent] {
        heard.withLock { events in
            events.filter {
                switch $0 {
                case .malformed, .refusedSecondClient: true
                default: false
                }
            }
        }
    }

    func send(_ message: SidecarMessage) {
        server.send(message)
    }

    /// Waits until the launcher has said this so many times.
    func hears(_ message: LauncherMessage, times: Int = 1) async throws {
        try await eventually("\(times) times \(message) from the launcher, in \(messages)") {
            messages.count { $0 == message } >= times
        }
    }

    func stop() {
        server.stop()
    }

    deinit {
        server.stop()
    }
}
