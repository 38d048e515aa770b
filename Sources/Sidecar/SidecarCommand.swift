import ArgumentParser
import Daemon
import ProductVersion

@main
struct SidecarCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent-sidecar",
        abstract: "Protects an HCP Terraform agent on ECS and lets it leave when it is not needed.",
        discussion: """
            Runs beside the agent's container, which starts through agent-launcher. A
            container that ends before brings that to the shared volume (deliver). The
            launcher waits until this program (run) tells it the agent's name, once the
            task is protected.
            """,
        version: ProductVersion.current,
        subcommands: [Run.self, Deliver.self] + operators
    )

    /// What a person asks of the pool by this program: none of it needs more than the image.
    private static let operators: [any ParsableCommand.Type] = [
        StatusCommand.self, DoctorCommand.self, AuditCommand.self,
    ]

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Watches, protects and retires the agent of this task.",
            discussion: """
                Settings come from the environment; every fault is reported at once.

                  LEDGER_TABLE           DynamoDB table of the ledger (required)
                  ECS_CLUSTER, ECS_SERVICE
                                         names or ARNs; from the task metadata
                                         when not set, and never other than it
                  DESIRED_COUNT          agents that stay without jobs (0)
                  MAX_COUNT              agents at most (10)
                  SPARE_COUNT            idle agents on top of the jobs (0)
                                         The table's item
                                         <cluster>/<service>/limits wins over
                                         these three.
                  IDLE_TIMEOUT_SECONDS   idle time after a job (120)
                  FIRST_JOB_TIMEOUT_SECONDS
                                         idle time before the first job (300)
                  MAX_LIFETIME_SECONDS   age at which an idle agent is replaced
                                         (0: never; else 600 at least)
                  AGENT_MODE             single, renewed or shared, as the launcher has
                                         it: in renewed mode the task has a new
                                         agent after each job (single)
                  MAX_JOBS               in renewed mode: jobs after which the task
                                         leaves (0: never)
                  PROTECTION_MINUTES     scale-in protection, renewed at a
                                         quarter of it (2880)
                  ANNOUNCED_JOB_TIMEOUT_SECONDS
                                         how long a job that no agent received
                                         counts (3600)
                  HAND_OVER_LIMIT_SECONDS
                                         how long ECS's deployment has to stop a task
                                         that is handed over to it (600)
                  TFE_TOKEN              API token, optional: HCP Terraform is asked
                                         once a minute what it takes the agent
                                         for, and whether announced jobs are
                                         over; it is never needed to leave
                  TFE_TOKEN_PARAMETER    the SSM parameter that holds it instead
                  TFC_ADDRESS            where that is asked
                                         (https://app.terraform.io)
                  AGENT_LINK_DIR         the shared volume (/run/agent-link)
                  LOG_LEVEL              trace, debug, info, notice, warning or warn,
                                         error, critical (info)
                  METRICS                on, or off: whether lines say what of them
                                         CloudWatch is to count (on)

                Region, credentials and endpoints are found as by AWS's SDKs in a
                container: AWS_REGION, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI,
                AWS_ENDPOINT_URL and its service-specific forms. SSL_CERT_FILE names
                another CA bundle, CA_BUNDLE holds more authorities as PEM text, and
                AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT are heeded.
                """
        )

        func run() throws {
            let environment = processEnvironment()
            Signals.run { stops in await Sidecar.run(environment, stops: stops) }
        }
    }

    struct Deliver: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copies agent-launcher to the shared volume, and ends.",
            discussion: """
                For a container that the agent's container depends on with SUCCESS. It has
                the environment of run, and fails where run could not start: a task whose
                settings are faulty ends before its agent would run unprotected.
                """
        )

        func run() throws {
            let environment = processEnvironment()
            Signals.run { _ in await Delivery.run(environment) }
        }
    }
}
