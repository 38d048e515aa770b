import ArgumentParser
import Daemon

/// What a person asks of the pool by this program: none of it needs more than the image.
enum OperatorCommands {
    static let all: [any ParsableCommand.Type] = [StatusCommand.self, AuditCommand.self]
}

/// Which pool is asked about. What is not given comes from the environment, as in the task itself.
struct PoolOptions: ParsableArguments {
    @Option(help: "Name or ARN of the ECS cluster; in place of ECS_CLUSTER.")
    var cluster: String?

    @Option(help: "Name or ARN of the ECS service; in place of ECS_SERVICE.")
    var service: String?

    @Option(help: "The ledger's DynamoDB table; in place of LEDGER_TABLE.")
    var table: String?

    @Option(help: "The AWS region; in place of AWS_REGION.")
    var region: String?

    /// The process's environment with what the command line says instead.
    var environment: [String: String] {
        let given = [
            "ECS_CLUSTER": cluster, "ECS_SERVICE": service, "LEDGER_TABLE": table,
            "AWS_REGION": region,
        ]
        return processEnvironment().merging(given.compactMapValues(\.self)) { $1 }
    }

    /// For the help of each of these commands.
    static let discussion = """
        In a task of the pool it needs no option. Elsewhere it takes credentials as AWS's own
        tools put them into the environment:

          eval "$(aws configure export-credentials --format env)"
          docker run --rm -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY \\
            -e AWS_SESSION_TOKEN IMAGE
        """
}
