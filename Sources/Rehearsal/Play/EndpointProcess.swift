import Glibc
import Synchronization

/// The scale-up endpoint as a process: started, found by the port in its log or by that of its
/// function URL, and started again when it dies, as its service or Lambda would.
final class EndpointProcess: Sendable {
    /// It must be listening after this long.
    static let startLimit: Duration = .seconds(20)
    static let restartDelay: Duration = .seconds(1)

    private struct State {
        var pid: Int?
        var port: Int?
        var isClosing = false
        var hasFailed = false
    }

    private let state = Mutex(State())
    private let kind: EndpointKind

    init(_ kind: EndpointKind) { self.kind = kind }

    /// Its process, while there is one.
    var pid: Int? { state.withLock { $0.pid } }
    var port: Int? { state.withLock { $0.port } }
    /// It ended before it was listening: its settings are wrong, another start would not help.
    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    /// It can be called at this port from now on.
    func isReady(at port: Int) { state.withLock { $0.port = $0.port ?? port } }

    /// Takes a line of the endpoint's log; the first that says `listening` tells the port.
    func read(_ line: String) {
        guard port == nil, line.contains("listening") else { return }
        let found = Self.port(in: LogLine(program: line))
        state.withLock { $0.port = $0.port ?? found }
    }

    /// The port in a line that says that the server is listening: a detail of that name, or the
    /// digits at the end of any part.
    static func port(in line: LogLine) -> Int? {
        if let port = line.value("port").flatMap({ Int($0) }) { return port }
        for text in line.details.map(\.value) + [line.message] {
            guard let colon = text.lastIndex(of: ":") else { continue }
            let digits = text[text.index(after: colon)...].prefix { $0.isNumber }
            if let port = Int(digits), port > 0 { return port }
        }
        return nil
    }

    /// - Parameter onEnd: runs after each unwanted end, before another start.
    func start(
        _ program: Program,
        journal: PlayJournal,
        onEnd: @escaping @Sendable () async -> Void
    ) throws(SpawnError) {
        let pid = try ChildProcess.start(
            program,
            line: { _, line in journal.record(.line(.endpoint, line)) },
            exit: { [self] code in ended(code, program, journal, onEnd) }
        )
        state.withLock { $0.pid = pid }
        journal.record(.line(.endpoint, startedLine(pid)))
    }

    /// Ends the process; another follows.
    func kill() {
        if let pid = state.withLock({ $0.pid }) { Glibc.kill(-pid_t(pid), SIGKILL) }
    }

    /// Ends it for good.
    func close() {
        let pid = state.withLock {
            $0.isClosing = true
            return $0.pid
        }
        if let pid { Glibc.kill(-pid_t(pid), SIGKILL) }
    }

    private func startedLine(_ pid: Int) -> String {
        let message = "\(kind.executable) started, pid \(pid)"
        return JSON.object(["level": "info", "message": .string(message)]).text
    }

    private func ended(
        _ code: Int,
        _ program: Program,
        _ journal: PlayJournal,
        _ onEnd: @escaping @Sendable () async -> Void
    ) {
        let (isClosing, port) = state.withLock {
            $0.pid = nil
            return ($0.isClosing, $0.port)
        }
        guard !isClosing else { return }
        journal.record(.note("\(kind.executable) exited with code \(code)"))
        guard let port else {
            state.withLock { $0.hasFailed = true }
            return
        }
        Task {
            await onEnd()
            try? await Task.sleep(for: Self.restartDelay)
            var again = program
            again.environment["PORT"] = "\(port)"
            do {
                try start(again, journal: journal, onEnd: onEnd)
            } catch {
                journal.record(.note("\(error)"))
            }
        }
    }
}
