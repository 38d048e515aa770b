import AWS
import Curl
import Daemon
import Decisions

/// What comes before a task's agent can start: a first call for protection, and the launcher on the
/// shared volume. Where the sidecar could not do its part the agent would run without one; there
/// nothing is delivered, and the task ends.
enum Delivery {
    /// - Returns: the exit code.
    static func run(_ environment: [String: String]) async -> Int32 {
        do {
            let settings = try SidecarSettings(environment)
            let http = try CurlClient(Sidecar.connections(settings))
            defer { http.stop() }
            // The sidecar goes on asking for what cannot be had now.
            let client = TaskMetadataClient(uri: settings.metadataURI, http: http)
            if let metadata = try? await client.task() {
                _ = try ECSPlace(settings, metadata)
                await protect(metadata.taskID, settings, http)
            }
            try SharedVolume(environment).deliverLauncher()
            return 0
        } catch {
            complain("\(error)")
            return 1
        }
    }

    /// A sidecar that dies in its first minute is not started again, and then the launcher starts the
    /// agent without one: the task should be protected all the same.
    private static func protect(
        _ task: TaskID,
        _ settings: SidecarSettings,
        _ http: CurlClient
    ) async {
        let client = TaskProtectionClient(uri: settings.agentURI, task: task, http: http)
        _ = await client.protect(minutes: settings.protectionMinutes)
    }
}
