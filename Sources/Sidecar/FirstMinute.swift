import AWS
import Curl
import Daemon
import Ports
import Synchronization

/// Keeps a sidecar alive for as long as ECS would not start it again.
///
/// ECS restarts a container only if it ran for at least 60 s (ECS developer guide, "Restart
/// individual containers in Amazon ECS tasks with container restart policies"). A sidecar that
/// ends earlier is gone for good, and its task then has an agent that nobody protects, or one that
/// never starts. So whatever may pass is tried again for so long.
final class FirstMinute: Sendable {
    private struct Waiting {
        var isOver = false
        var sleeper: Task<Void, Never>?
    }

    private let retry: RetryClock
    private let complain: @Sendable (String) -> Void
    private let end: ContinuousClock.Instant
    private let waiting = Mutex(Waiting())

    /// The stop signals that were heard, for whoever comes after the start.
    let stops: AsyncStream<Int32>
    private let passOn: AsyncStream<Int32>.Continuation

    /// A second more than ECS asks for: it counts from another clock than this process does.
    static let length: Duration = .seconds(61)

    /// - Parameter complain: hears why a start has to be tried again, each cause in a row once.
    init(retry: RetryClock = RetryClock(), complain: @escaping @Sendable (String) -> Void) {
        self.retry = retry
        self.complain = complain
        end = retry.now().advanced(by: Self.length)
        (stops, passOn) = AsyncStream.makeStream(of: Int32.self)
    }

    /// Hears the stop signals and passes them on; with the first one nothing is waited for any
    /// more.
    func listen(to signals: AsyncStream<Int32>) async {
        for await signal in signals {
            passOn.yield(signal)
            stop()
        }
    }

    /// Does something until it succeeds, its failure is one that only a person can mend, the
    /// minute is over, or somebody asks to stop.
    ///
    /// - Throws: the last failure.
    func attempt<Value>(
        _ deed: String,
        _ body: () async throws -> Value
    ) async throws -> Value {
        var attempt = 1
        var last = ""
        while true {
            do {
                return try await body()
            } catch {
                guard Self.mayPass(error), retry.now() < end else { throw error }
                let cause = "\(error)"
                if cause != last { complain("\(deed): \(cause); tried again") }
                last = cause
                guard await sleep(retry.wait(afterTry: attempt)) else { throw error }
                attempt += 1
            }
        }
    }

    /// Waits for the minute's end, or until somebody asks to stop.
    func rest() async {
        _ = await sleep(max(.zero, retry.now().duration(to: end)))
    }

    private func stop() {
        waiting.withLock { waiting in
            waiting.isOver = true
            waiting.sleeper?.cancel()
        }
    }

    /// - Returns: false when somebody asks to stop.
    private func sleep(_ time: Duration) async -> Bool {
        let retry = retry
        let sleeper = waiting.withLock { waiting -> Task<Void, Never>? in
            guard !waiting.isOver else { return nil }
            let sleeper = Task { _ = try? await retry.sleep(time) }
            waiting.sleeper = sleeper
            return sleeper
        }
        await sleeper?.value
        return waiting.withLock { !$0.isOver }
    }

    /// Settings stay as they are for as long as the task lives.
    private static func mayPass(_ error: any Error) -> Bool {
        switch error {
        case is SettingsFault, is AWSSettingsFailure: false
        case let failure as CurlSetupFailure: failure == .noResources
        default: true
        }
    }
}
