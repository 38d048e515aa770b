import AgentLink
import Model

/// Where the scale-up endpoint of a rehearsal runs.
enum EndpointKind: String, Sendable, CaseIterable {
    /// `scale-up-server`, a process that listens.
    case server
    /// `scale-up-lambda`, behind a stand-in for Lambda and its function URL.
    case lambda

    var executable: String { "scale-up-\(rawValue)" }
}

/// Everything that `rehearsal play` was asked for, with the defaults filled in.
struct PlaySettings: Sendable {
    var runs = 1
    var maxCount = 3
    var desiredCount = 0
    var spareCount = 0
    /// Behind one endpoint, each with a service, a ledger and agents of its own.
    var pools = 1
    var mode = AgentMode.single
    var endpoint = EndpointKind.server
    var seed: UInt64 = 0
    var planSeconds = 3.0
    var applySeconds = 3.0
    var approvalSeconds = 1.0
    var bootSeconds = 1.0
    var spreadSeconds = 0.0
    var idleSeconds = 5
    var firstJobSeconds = 15
    var timeLimitSeconds = 60.0
    /// Jobs after which a task leaves, where containers are renewed; 0 is no limit.
    var maxJobs = 0
    var isMixed = false
    /// Faults by the seed; none without `--chaos`.
    var chaos: FaultPlan.Options?
    var broken: Break?
    /// How ECS replaces a task that ends while a deployment is open.
    var replacement = Replacement.same
    /// Sidecar and endpoint get an API token and watch HCP Terraform's API.
    var hasAPIToken = false
    /// HCP Terraform tells the endpoint of each run's way.
    var hasNotifications = false
    /// What a task has after a Spot notice; Fargate's containers have up to 120 s.
    var spotSeconds = 4.0
    /// So long the service must have rested at the end.
    var restSeconds = 3.0
    /// Where logs stay; none keeps nothing.
    var keep: String?
    var bin: String
    var taskDefinition: String
    var isColored = false
    /// Begins the names of everything, as the module's does; nil for the rehearsal's own.
    var prefix: String?
    /// Further variables of the agent's container.
    var agentVariables: [String: String] = [:]

    /// As many pools as may be played.
    static let poolNames = ["a", "b", "c", "d", "e", "f", "g", "h"]

    /// The agent's polling interval; the real one is 30 s.
    static let pollMilliseconds = 500

    /// All that is wrong with the numbers, one sentence each.
    var faults: [String] {
        var faults: [String] = []
        func check(_ holds: Bool, _ text: String) { if !holds { faults.append(text) } }
        check(runs >= 1, "--runs is \(runs), at least 1 is expected")
        check(maxCount >= 1, "--max is \(maxCount), at least 1 is expected")
        check(
            (0...maxCount).contains(desiredCount),
            "--desired-count is \(desiredCount), 0 to --max (\(maxCount)) is expected"
        )
        check(
            (1...Self.poolNames.count).contains(pools),
            "--pools is \(pools), 1 to \(Self.poolNames.count) is expected"
        )
        check(
            pools == 1 || (broken == nil && chaos == nil),
            "--pools is played without --break and --chaos"
        )
        check(pools == 1 || mode != .renewed, "--pools is played without --mode renewed")
        check(spareCount >= 0, "--spare is \(spareCount), 0 or more is expected")
        check(idleSeconds >= 1, "--idle-seconds is \(idleSeconds), at least 1 is expected")
        check(
            firstJobSeconds >= 1,
            "--first-job-seconds is \(firstJobSeconds), at least 1 is expected"
        )
        check(
            broken != .clean || mode == .renewed,
            "--break clean undoes what --mode renewed does"
        )
        check(broken == nil || chaos == nil, "--break and --chaos are two proofs; choose one")
        check(chaos.map { $0.seconds >= 5 } ?? true, "--fault-seconds is at least 5")
        check(chaos?.kinds.isEmpty != true, "--faults names no kind of fault")
        check(
            maxJobs == 0 || maxJobs > 0 && mode == .renewed,
            "--max-jobs is 0 or more, and goes with --mode renewed"
        )
        let durations = [
            planSeconds, applySeconds, approvalSeconds, bootSeconds, spreadSeconds,
            timeLimitSeconds, spotSeconds, restSeconds, chaos?.seconds ?? 0,
        ]
        check(durations.allSatisfy { $0 >= 0 && $0 <= 86_400 }, "durations are 0 to 86400 seconds")
        return faults
    }

    /// Whether each agent's container has a root to itself. The launcher renews only where it is the
    /// first process of one.
    var isEnclosed: Bool { mode == .renewed }

    /// What jobs may leave behind: without a root to itself, what is gone with a container's directory
    /// and processes.
    var leaves: [String] {
        if broken == .clean { return ["cache"] }
        let own = ["cache", "directory", "program", "temporary", "memory", "objects"]
        return ["home", "process"] + (isEnclosed ? own : [])
    }

    /// Long enough for every run to wait for its turn twice over.
    var automaticTimeLimit: Double {
        let perJob = max(planSeconds, applySeconds) + bootSeconds + 5
        let rounds = Double((2 * runs + maxCount - 1) / maxCount)
        let calm = chaos.map { $0.seconds + Self.longestCalmSeconds } ?? 0
        // One that is lost leaves its job in the ledger for as long as it counts.
        let lost = hasNotifications ? Self.announcedJobSeconds + 30 : 0
        return 45 + lost + spreadSeconds + approvalSeconds + Double(idleSeconds + firstJobSeconds)
            + 2 * rounds * perJob + restSeconds + calm
    }

    /// The least that the sidecar takes. A job that is announced once more after its end keeps an
    /// agent for so long, without a token.
    static let announcedJobSeconds = 120.0

    /// What a dead task leaves in the ledger is dropped after 5 minutes, a reservation of one after
    /// 10, each by an idle sidecar that looks once a minute.
    static let longestCalmSeconds = 15.0 * 60

    /// What the task definition's placeholders stand for.
    func templateValues(names: ServiceNames, base: String, tokenParameter: String)
        -> [String: String]
    {
        [
            "family": names.family, "cluster": names.cluster, "service": names.service,
            "region": names.region, "task_cpu": "1024", "task_mem": "2048",
            "cpu_architecture": "X86_64", "agent_image": "\(LocalImages.agent):local",
            "task_role_arn": names.role("task"), "execution_role_arn": names.role("execution"),
            "sidecar_image": "\(LocalImages.sidecar):local", "ledger_table": names.ledgerTable,
            "desired_count": "\(desiredCount)", "max_count": "\(maxCount)",
            "spare_count": "\(spareCount)", "idle_timeout_seconds": "\(idleSeconds)",
            "first_job_timeout_seconds": "\(firstJobSeconds)", "max_lifetime_seconds": "0",
            "protection_minutes": "2880", "hand_over_limit_seconds": "600",
            "tfc_address": base,
            "agent_mode": mode.rawValue, "agent_user": "",
            // What a renewal leaves as it is: a hole, in which a job finds what the last one put there.
            "agent_keep": broken == .clean ? Enclosure.cache : "", "max_jobs": "\(maxJobs)",
            // Runs of the rehearsal call nothing of AWS, and so the longer way is played.
            "agent_hide_task_role": "true",
            "agent_token_parameter": tokenParameter, "log_group": "/ecs/\(names.service)",
        ]
    }
}

/// The images of the task definition and what stands for them here.
enum LocalImages {
    static let sidecar = "agent-sidecar"
    static let agent = "hashicorp/tfc-agent"

    /// The images by the executables in `bin`; `agentDirectory` holds `tfc-agent`, the stand-in.
    static func all(bin: String, agentDirectory: String) -> [LocalImage] {
        [
            LocalImage(
                name: sidecar,
                files: ["/usr/local/bin/agent-sidecar": "\(bin)/agent-sidecar"]
            ),
            LocalImage(
                name: agent,
                path: [agentDirectory],
                environment: [
                    "STAND_IN_POLL_MILLISECONDS": "\(PlaySettings.pollMilliseconds)"
                ]
            ),
        ]
    }
}
