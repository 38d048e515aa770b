import AgentLink
import Glibc

/// The agent's life: register, poll, work, deregister.
struct StandInLife: Sendable {
    static let version = "1.33.0"
    /// A failed call is repeated so often before the agent gives up.
    static let attempts = 20

    let settings: StandInSettings
    let source: any JobSource
    let log: Log
    let stop: StopRequest

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
        log.identify(id: agent.id, name: settings.name, pool: agent.pool)
        log.write(
            .info,
            "core",
            StatusPhrase.registered.words + " with HCP Terraform",
            [("agent_id", agent.id), ("agent_pool_id", agent.pool)]
        )
        log.write(.info, "core", StatusPhrase.waiting.words)
        while !stop.isRequested {
            let job: OfferedJob
            switch await source.next(for: agent.id) {
            case .gone: return gone()
            case .nothing:
                await stop.pause(.milliseconds(settings.pollMilliseconds))
                continue
            case .job(let offered): job = offered
            }
            guard await work(on: job, as: agent.id) else { return gone() }
            if let code = settings.exitAfterJob {
                log.write(.error, "core", "Failed after a job", [("code", "\(code)")])
                return code
            }
            if settings.isSingle || stop.isRequested { break }
            log.write(.info, "core", StatusPhrase.waiting.words)
        }
        await source.deregister(agent.id)
        log.write(.info, "core", "Agent deregistered")
        return 0
    }

    /// HCP Terraform holds this agent for errored; a real one exits at once then.
    private func gone() -> Int32 {
        log.write(.error, "core", "Agent has been marked as errored")
        return 1
    }

    private func register() async -> EnlistedAgent? {
        for _ in 0..<Self.attempts where !stop.isRequested {
            switch await source.register(settings) {
            case .agent(let agent): return agent
            case .refused: return nil
            case .failed: await stop.pause(.milliseconds(settings.pollMilliseconds))
            }
        }
        return nil
    }

    /// Works for the job's seconds with a child process, as Terraform would be one. First it looks
    /// for what earlier jobs left, then it leaves something itself.
    ///
    /// - Returns: whether HCP Terraform still knows this agent.
    private func work(on job: OfferedJob, as id: String) async -> Bool {
        log.write(
            .info,
            "core",
            StatusPhrase.jobReceived.words,
            [("job_type", job.type), ("job_id", job.id)]
        )
        log.write(
            .info,
            "terraform",
            "Handling run",
            [("run_id", job.id), ("run_operation", job.type)]
        )
        log.write(.info, "terraform", "Running terraform \(job.type)")
        let leavings = Leavings(settings)
        let found = leavings.found()
        if !found.isEmpty {
            log.write(
                .warn,
                "terraform",
                "Found what an earlier job left",
                [
                    ("job_type", job.type), ("job_id", job.id),
                    ("left", found.joined(separator: ", ")),
                ]
            )
        }
        let child = startChild(StandInWork.command(job.seconds))
        stop.setChild(child)
        leave(leavings.script(of: "\(job.id)-\(job.type)"))
        let (isKnown, canceled) = await supervise(child, as: id)
        stop.setChild(nil)
        guard isKnown else { return false }
        log.write(.info, "terraform", "Finished handling run")
        let result = canceled ? "canceled" : child == nil ? "errored" : "finished"
        return await source.finish(job, by: id, result: result)
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
            switch await source.report(id) {
            case .gone:
                kill(child, SIGKILL)
                waitpid(child, &status, 0)
                return (false, false)
            case .canceled where !canceled:
                canceled = true
                // A canceled run interrupts terraform, not the agent.
                kill(child, SIGINT)
            case .canceled, .known: break
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
}
