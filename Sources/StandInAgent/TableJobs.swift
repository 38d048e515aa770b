import AWS
import Curl
import Decisions

/// Jobs of a table, where there is no HCP Terraform: `rehearsal prove` offers them. Read and taken with
/// the task's role.
struct TableJobs: JobSource {
    private let table: JobTable
    private let log: Log

    /// - Parameter environment: the process's: region and credentials, as for AWS's own tools.
    /// - Throws: where they are missing or wrong.
    init(
        table: String,
        environment: [String: String],
        client: any HTTPClient,
        log: Log
    ) throws(AWSSettingsFailure) {
        let aws = AWSClient(
            try AWSEnvironment(environment),
            credentials: CredentialsProvider(try CredentialsSource(environment), http: client),
            http: client
        )
        self.table = JobTable(aws, name: table)
        self.log = log
    }

    /// Nobody keeps a list of these agents: each is who it says.
    func register(_ settings: StandInSettings) async -> Registration {
        .agent(EnlistedAgent(id: settings.name, pool: "apool-none"))
    }

    func next(for agent: String) async -> NextJob {
        guard let entry = await asking({ try await table.take(by: agent) }) ?? nil else {
            return .nothing
        }
        return .job(
            OfferedJob(
                id: entry.job.id,
                type: entry.job.type,
                seconds: Double(entry.milliseconds) / 1_000
            )
        )
    }

    func report(_ agent: String) async -> AgentReport { .known }

    /// What cannot be said stays taken, and `prove` finds a job that never ends.
    func finish(_ job: OfferedJob, by agent: String, result: String) async -> Bool {
        guard result == "finished", let job = Job(id: job.id, type: job.type) else { return true }
        return await asking { try await table.finish(job, by: agent) } ?? true
    }

    func deregister(_ agent: String) async {}

    private func asking<Answer>(_ ask: () async throws -> Answer) async -> Answer? {
        do {
            return try await ask()
        } catch {
            log.write(.warn, "core", "Request failed", [("error", "\(error)")])
            return nil
        }
    }
}
