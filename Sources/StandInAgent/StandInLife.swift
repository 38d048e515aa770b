import AgentLink
import Curl
import FoundationEssentials
import Glibc
import StrictJSON

/// The agent's life: register, poll, work, deregister.
struct StandInLife: Sendable {
    static let version = "1.33.0"
    /// A failed call is repeated so often before the agent gives up.
    static let attempts = 20

    let settings: StandInSettings
    let client: any HTTPClient
    let log: Log
    let stop: StopRequest

    private struct Job: Decodable {
        var job_id: String
        var job_type: String
        var seconds: Double
    }

    private struct Registration: Decodable {
        var agent_id: String
        var agent_pool_id: String
    }

    private struct Report: Decodable {
        var cancel: Bool
    }

    /// Runs until stopped; returns the exit code.
    func run() async -> Int32 {
        log.write(
            .info,
            "agent",
            "Starting",
            [("agent_version", Self.version), ("os", "linux"), ("arch", "amd64")]
        )
        log.write(.info, "core", "Starting", [("version", Self.version)])
        if let code = settings.exitAtStart {
            log.write(.error, "core", "Failed to start", [("code", "\(code)")])
            return code
        }
        guard let agent = await register() else { return 1 }
        log.identify(id: agent.agent_id, name: settings.name, pool: agent.agent_pool_id)
        log.write(
            .info,
            "core",
            StatusPhrase.registered.words + " with HCP Terraform",
            [("agent_id", agent.agent_id), ("agent_pool_id", agent.agent_pool_id)]
        )
        log.write(.info, "core", StatusPhrase.waiting.words)
        while !stop.isRequested {
            let answer = await post("jobs/next", ["agent_id": agent.agent_id])
            if answer?.status == 410 { return gone() }
            guard let job = Self.decode(Job.self, answer) else {
                await stop.pause(.milliseconds(settings.pollMilliseconds))
                continue
            }
            guard await work(on: job, as: agent.agent_id) else { return gone() }
            if let code = settings.exitAfterJob {
                log.write(.error, "core", "Failed after a job", [("code", "\(code)")])
                return code
            }
            if settings.isSingle || stop.isRequested { break }
            log.write(.info, "core", StatusPhrase.waiting.words)
        }
        _ = await post("deregister", ["agent_id": agent.agent_id])
        log.write(.info, "core", "Agent deregistered")
        return 0
    }

    /// HCP Terraform holds this agent for errored; a real one exits at once then.
    private func gone() -> Int32 {
        log.write(.error, "core", "Agent has been marked as errored")
        return 1
    }

    private func register() async -> Registration? {
        let body = ["name": settings.name, "task": settings.task, "version": Self.version]
        for _ in 0..<Self.attempts where !stop.isRequested {
            let answer = await post("register", body, numbers: ["pid": Int(getpid())])
            if let agent = Self.decode(Registration.self, answer) { return agent }
            log.write(
                .error,
                "core",
                "Unexpected HTTP response code",
                [
                    ("method", "POST"), ("url", settings.address + "/api/agent/register"),
                    ("status", answer.map { "\($0.status)" } ?? "none"),
                ]
            )
            if answer?.status == 401 { return nil }
            await stop.pause(.milliseconds(settings.pollMilliseconds))
        }
        return nil
    }

    /// Works for the job's seconds with a child process, as Terraform would be one. First it looks
    /// for what earlier jobs left, then it leaves something itself.
    ///
    /// - Returns: whether HCP Terraform still knows this agent.
    private func work(on job: Job, as id: String) async -> Bool {
        log.write(
            .info,
            "core",
            StatusPhrase.jobReceived.words,
            [("job_type", job.job_type), ("job_id", job.job_id)]
        )
        log.write(
            .info,
            "terraform",
            "Handling run",
            [("run_id", job.job_id), ("run_operation", job.job_type)]
        )
        log.write(.info, "terraform", "Running terraform \(job.job_type)")
        let leavings = Leavings(settings)
        let found = leavings.found()
        if !found.isEmpty {
            log.write(
                .warn,
                "terraform",
                "Found what an earlier job left",
                [
                    ("job_type", job.job_type), ("job_id", job.job_id),
                    ("left", found.joined(separator: ", ")),
                ]
            )
        }
        let child = startChild(["sleep", "\(job.seconds)"])
        stop.setChild(child)
        leave(leavings.script(of: "\(job.job_id)-\(job.job_type)"))
        let (isKnown, canceled) = await supervise(child, as: id)
        stop.setChild(nil)
        guard isKnown else { return false }
        log.write(.info, "terraform", "Finished handling run")
        let result = canceled ? "canceled" : child == nil ? "errored" : "finished"
        let answer = await post(
            "jobs/finish",
            [
                "agent_id": id, "job_id": job.job_id, "job_type": job.job_type, "result": result,
            ]
        )
        return answer?.status != 410
    }

    private func supervise(_ child: pid_t?, as id: String) async -> (known: Bool, canceled: Bool) {
        guard let child else { return (true, false) }
        var status: Int32 = 0
        var canceled = false
        var reported = ContinuousClock.now
        while waitpid(child, &status, WNOHANG) == 0 {
            try? await Task.sleep(for: .milliseconds(20))
            let due = reported + .milliseconds(settings.pollMilliseconds)
            guard ContinuousClock.now >= due else { continue }
            reported = .now
            let answer = await post("status", ["agent_id": id])
            if answer?.status == 410 {
                kill(child, SIGKILL)
                waitpid(child, &status, 0)
                return (false, false)
            }
            if !canceled, Self.decode(Report.self, answer)?.cancel == true {
                canceled = true
                // A canceled run interrupts terraform, not the agent.
                kill(child, SIGINT)
            }
        }
        return (true, canceled)
    }

    private func leave(_ script: [String]?) {
        guard let script, let child = startChild(script) else { return }
        var status: Int32 = 0
        while waitpid(child, &status, 0) == -1 && errno == EINTR {}
        guard status != 0 else { return }
        log.write(.error, "terraform", "Nothing to leave behind", [("status", "\(status)")])
    }

    private func startChild(_ words: [String]) -> pid_t? {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The child must not inherit the signals that this process blocks for itself.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var arguments = words.map { strdup($0) } + [nil]
        defer { for text in arguments { free(text) } }
        var pid = pid_t()
        let result = posix_spawnp(&pid, words[0], nil, &attributes, &arguments, environ)
        guard result == 0 else {
            log.write(.error, "terraform", "Failed to start terraform", [("error", "\(result)")])
            return nil
        }
        return pid
    }

    // MARK: - Calls

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
