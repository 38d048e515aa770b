import AWS
import Curl
import Daemon
import Decisions
import Ports

/// What comes before a task's agent can start: the first calls for protection, and the launcher on the
/// shared volume. Where the sidecar could not do its part the agent would run without one; there
/// nothing is delivered, and the task ends.
enum Delivery {
    /// For so long it is asked again what nobody can say yet: the container agent answers with errors
    /// before it knows the task. The agent's container waits meanwhile.
    private static let patience: Duration = .seconds(5)

    /// - Returns: the exit code.
    static func run(_ environment: [String: String]) async -> Int32 {
        do {
            let settings = try SidecarSettings(environment)
            let http = try CurlClient(Sidecar.connections(settings))
            defer { http.stop() }
            let retry = RetryClock()
            let end = retry.now() + patience
            var attempt = 1
            // A sidecar that dies in its first minute is not started again, and then the launcher starts
            // the agent without one: the task should be protected all the same.
            while try await !isAnswered(settings, http), retry.now() < end,
                await retry.pause(afterTry: attempt)
            {
                attempt += 1
            }
            try SharedVolume(environment).deliverLauncher()
            return 0
        } catch {
            complain("\(error)")
            return 1
        }
    }

    /// Asks for protection.
    ///
    /// - Returns: whether ECS has decided; the sidecar goes on asking, whatever it said.
    /// - Throws: that the task is another service's.
    private static func isAnswered(
        _ settings: SidecarSettings,
        _ http: CurlClient
    ) async throws -> Bool {
        let client = TaskMetadataClient(uri: settings.metadataURI, http: http)
        guard let metadata = try? await client.task() else { return false }
        _ = try ECSPlace(settings, metadata)
        let protection = TaskProtectionClient(
            uri: settings.agentURI,
            task: metadata.taskID,
            http: http
        )
        switch await protection.protect(minutes: settings.protectionMinutes) {
        case .protected, .unprotected, .blocked, .refused, .denied: return true
        case .throttled, .unclear, .malformed: return false
        }
    }
}
