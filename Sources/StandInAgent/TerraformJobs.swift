import Curl
import FoundationEssentials
import Glibc
import StrictJSON

/// Jobs of a rehearsal's stand-in for HCP Terraform. The real agents' protocol is not documented; this
/// one is the project's own.
struct TerraformJobs: JobSource {
    let settings: StandInSettings
    let client: any HTTPClient
    let log: Log

    private struct Job: Decodable {
        var job_id: String
        var job_type: String
        var seconds: Double
    }

    private struct Registered: Decodable {
        var agent_id: String
        var agent_pool_id: String
    }

    private struct Report: Decodable {
        var cancel: Bool
    }

    private static let gone = 410

    func register(_ settings: StandInSettings) async -> Registration {
        let body = [
            "name": settings.name, "task": settings.task, "version": StandInLife.version,
        ]
        let answer = await post("register", body, numbers: ["pid": Int(getpid())])
        if let agent = Self.decode(Registered.self, answer) {
            return .agent(EnlistedAgent(id: agent.agent_id, pool: agent.agent_pool_id))
        }
        log.write(
            .error,
            "core",
            "Unexpected HTTP response code",
            [
                ("method", "POST"), ("url", settings.address + "/api/agent/register"),
                ("status", answer.map { "\($0.status)" } ?? "none"),
            ]
        )
        return answer?.status == 401 ? .refused : .failed
    }

    func next(for agent: String) async -> NextJob {
        let answer = await post("jobs/next", ["agent_id": agent])
        if answer?.status == Self.gone { return .gone }
        guard let job = Self.decode(Job.self, answer) else { return .nothing }
        return .job(OfferedJob(id: job.job_id, type: job.job_type, seconds: job.seconds))
    }

    func report(_ agent: String) async -> AgentReport {
        let answer = await post("status", ["agent_id": agent])
        if answer?.status == Self.gone { return .gone }
        return Self.decode(Report.self, answer)?.cancel == true ? .canceled : .known
    }

    func finish(_ job: OfferedJob, by agent: String, result: String) async -> Bool {
        let answer = await post(
            "jobs/finish",
            ["agent_id": agent, "job_id": job.id, "job_type": job.type, "result": result]
        )
        return answer?.status != Self.gone
    }

    func deregister(_ agent: String) async { _ = await post("deregister", ["agent_id": agent]) }

    private func post(
        _ verb: String,
        _ body: [String: String],
        numbers: [String: Int] = [:]
    ) async -> HTTPResponse? {
        let encoder = JSONEncoder()
        var parts: [String] = []
        for (name, value) in body {
            let text = (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) }
            parts.append("\"\(name)\":\(text ?? "\"\"")")
        }
        parts += numbers.map { "\"\($0.key)\":\($0.value)" }
        let request = HTTPRequest(
            .post,
            "\(settings.address)/api/agent/\(verb)",
            headers: [
                ("Authorization", "Bearer \(settings.token)"),
                ("Content-Type", "application/json"),
            ],
            body: Array("{\(parts.joined(separator: ","))}".utf8)
        )
        do {
            return try await client.send(request)
        } catch {
            log.write(.warn, "core", "Request failed", [("error", "\(error)")])
            return nil
        }
    }

    private static func decode<Value: Decodable>(
        _ type: Value.Type,
        _ answer: HTTPResponse?
    ) -> Value? {
        guard let answer, answer.status == 200 else { return nil }
        return try? StrictJSON.decode(type, from: answer.body)
    }
}
