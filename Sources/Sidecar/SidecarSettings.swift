import AWS
import AgentLink
import Daemon
import Decisions
import Telemetry

/// Everything that the sidecar is told from outside, read once.
struct SidecarSettings: Sendable {
    /// Cluster and service; nil falls back to the task metadata.
    var cluster: ECSName?
    var service: ECSName?
    var ledgerTable: String
    /// Used where the table's limits item says nothing.
    var limits: Limits
    var idleTimeout: Duration
    var firstJobTimeout: Duration
    var maxLifetime: Duration?
    /// What jobs may share; the launcher reads the same.
    var mode: AgentMode
    /// Jobs after which the task leaves, where it renews its container; nil is never.
    var maxJobs: Int?
    var protectionMinutes: Int
    var announcedJobTimeout: Duration
    var metadataURI: String
    var agentURI: String
    var credentials: CredentialsSource
    /// HCP Terraform or Terraform Enterprise; asked only with a token.
    var terraformAddress: String
    /// For the agents API watch and for the runs of announced jobs; nil does without both.
    var terraformToken: SecretSource?
    var authorities: TrustedAuthorities
    /// What is shipped, but for the time that ECS's deployment has to stop a task that was handed
    /// over to it.
    var timing = Timing.shipped
    var logLevel: LogLevel
    /// Whether CloudWatch is to count what lines measure.
    var metrics: Bool

    /// - Parameter environment: the process environment.
    /// - Throws: `SettingsFault` with every fault at once.
    init(_ environment: [String: String]) throws(SettingsFault) {
        var reader = SettingsReader(environment)
        (cluster, service) = reader.ecsNames()
        ledgerTable = reader.required(
            "LEDGER_TABLE",
            expected: "the name of the DynamoDB table that holds the ledger"
        )
        limits = reader.limits()

        let day = 86_400
        // Short ones starve nobody: while its job is announced an agent is refused when it asks to
        // leave, however soon it asks.
        let restless = "whole seconds from 1 to \(day)"
        idleTimeout = reader.seconds(
            "IDLE_TIMEOUT_SECONDS",
            default: 120,
            in: 1...day,
            expected: restless
        )
        firstJobTimeout = reader.seconds(
            "FIRST_JOB_TIMEOUT_SECONDS",
            default: 300,
            in: 1...day,
            expected: restless
        )
        maxLifetime = Self.maxLifetime(&reader)
        (mode, maxJobs) = Self.mode(&reader)
        protectionMinutes = reader.count(
            "PROTECTION_MINUTES",
            default: 2_880,
            in: 1...2_880,
            expected: "whole minutes from 1 to 2880, which is what ECS takes"
        )
        announcedJobTimeout = reader.announcedJobTimeout()
        metadataURI = reader.required(
            "ECS_CONTAINER_METADATA_URI_V4",
            expected: "set by ECS (Fargate platform 1.4.0 or later); does this run in a task?"
        )
        agentURI = reader.required(
            "ECS_AGENT_URI",
            expected: "set by ECS; does this run in a task of a service?"
        )
        terraformAddress = reader.address("TFC_ADDRESS", default: "https://app.terraform.io")
        terraformToken = reader.optionalSecretSource(
            "TFE_TOKEN",
            expected: "an API token"
        )
        authorities = reader.authorities()
        timing.handOverPatience = reader.seconds(
            "HAND_OVER_LIMIT_SECONDS",
            default: 600,
            in: 120...7_200,
            expected: "whole seconds from 120 to 7200: ECS takes up to a minute to stop such a task"
        )
        logLevel = reader.logLevel()
        metrics = reader.metrics()
        // The region may come from the task's ARN; any will do to look at the rest. Without
        // credentials the check throws.
        credentials =
            reader.aws(region: "us-east-1")?.credentials
            ?? .container(url: "", authorization: nil)
        try reader.check()
    }

    /// Only a renewed container counts its jobs: one of its own has one, and a shared one is never as
    /// it was, after however many.
    private static func mode(_ reader: inout SettingsReader) -> (AgentMode, maxJobs: Int?) {
        let (name, most) = ("MAX_JOBS", 1_000_000)
        let text = reader.value(AgentMode.variable)
        let mode = AgentMode(variable: text)
        if mode == nil {
            reader.fault(AgentMode.variable, value: text, expected: AgentMode.words)
        }
        let count = reader.count(
            name,
            default: 0,
            in: 0...most,
            expected: "0 for no limit, or a whole number up to \(most)"
        )
        if count > 0, let mode, mode != .renewed {
            reader.fault(
                name,
                value: "\(count)",
                expected: "0, or \(AgentMode.variable) renewed: only there a task has a new agent "
                    + "for each of its jobs"
            )
        }
        return (mode ?? .single, count > 0 ? count : nil)
    }

    /// A short one starves everybody: an agent that is too old leaves for a fresh one without
    /// asking whether it is wanted. A task takes up to 75 s to start its agent, which asks HCP
    /// Terraform for a job every 30 s, and by default a fresh one is given 300 s for its first
    /// job; the bound is well above their sum.
    private static func maxLifetime(_ reader: inout SettingsReader) -> Duration? {
        let (name, least, most) = ("MAX_LIFETIME_SECONDS", 600, 365 * 86_400)
        let expected =
            "0 for no limit, or whole seconds from \(least) to \(most): an agent that is replaced "
            + "sooner may never have lived long enough to receive a job"
        let seconds = reader.count(name, default: 0, in: 0...most, expected: expected)
        guard seconds > 0 else { return nil }
        if seconds < least { reader.fault(name, value: "\(seconds)", expected: expected) }
        return .seconds(seconds)
    }
}
