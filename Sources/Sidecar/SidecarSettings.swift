import AWS
import Daemon
import Decisions

/// Everything that the sidecar is told from outside, read once.
struct SidecarSettings: Sendable {
    /// Cluster and service; nil falls back to the task metadata.
    var cluster: String?
    var service: String?
    var ledgerTable: String
    /// Used where the table's limits item says nothing.
    var limits: Limits
    var idleTimeout: Duration
    var firstJobTimeout: Duration
    var maxLifetime: Duration?
    var protectionMinutes: Int
    var announcedJobTimeout: Duration
    /// The volume that both containers mount.
    var linkDirectory: String
    var metadataURI: String
    var agentURI: String
    var credentials: CredentialsSource
    /// HCP Terraform or Terraform Enterprise; asked only with a token.
    var terraformAddress: String
    /// For the agents API watch and for the runs of announced jobs; nil does without both.
    var terraformToken: String?

    /// - Parameter environment: the process environment.
    /// - Throws: `SettingsFault` with every fault at once.
    init(_ environment: [String: String]) throws(SettingsFault) {
        var reader = SettingsReader(environment)
        cluster = reader.value("ECS_CLUSTER")
        service = reader.value("ECS_SERVICE")
        ledgerTable = reader.required(
            "LEDGER_TABLE",
            expected: "the name of the DynamoDB table that holds the ledger"
        )
        limits = reader.limits()

        let day = 86_400
        let restless =
            "whole seconds from 1 to \(day); 0 would make every agent leave before it could "
            + "receive a job"
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
        let lifetime = reader.count(
            "MAX_LIFETIME_SECONDS",
            default: 0,
            in: 0...(365 * day),
            expected: "whole seconds, or 0 for no limit"
        )
        maxLifetime = lifetime == 0 ? nil : .seconds(lifetime)
        protectionMinutes = reader.count(
            "PROTECTION_MINUTES",
            default: 120,
            in: 1...2_880,
            expected: "whole minutes from 1 to 2880, which is what ECS takes"
        )
        announcedJobTimeout = reader.announcedJobTimeout()
        linkDirectory = reader.value("AGENT_LINK_DIR") ?? "/run/agent-link"
        metadataURI = reader.required(
            "ECS_CONTAINER_METADATA_URI_V4",
            expected: "set by ECS (Fargate platform 1.4.0 or later); does this run in a task?"
        )
        agentURI = reader.required(
            "ECS_AGENT_URI",
            expected: "set by ECS; does this run in a task of a service?"
        )
        terraformAddress = reader.address("TFC_ADDRESS", default: "https://app.terraform.io")
        terraformToken = reader.optionalSecret("TFE_TOKEN", expected: "an API token")
        do {
            // The region may come from the task's ARN; any will do to look at the rest.
            credentials = try AWSSettings(environment, region: "us-east-1").credentials
        } catch {
            for problem in error.problems { reader.problem(problem) }
            // Never used: the check throws.
            credentials = .container(url: "", authorization: nil)
        }
        try reader.check()
    }
}
