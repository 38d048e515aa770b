import ArgumentParser
import Daemon
import Glibc
import Operators

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
    static func discussion(_ command: String) -> String {
        """
        In a task of the pool it needs no option. Elsewhere it takes credentials as AWS's
        own tools put them into the environment:

          eval "$(aws configure export-credentials --format env)"
          docker run --rm -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY \\
            -e AWS_SESSION_TOKEN IMAGE \(command) --region eu-central-1 \\
            --cluster tfc --service tfc-agents --table tfc-ledger
        """
    }
}

/// Where a status is shown: a terminal, or whatever reads standard output.
struct Screen: Sendable {
    private let isJSON: Bool
    private let isTerminal: Bool
    private let isColored: Bool
    private let isLive: Bool

    /// - Parameter isLive: each look takes the place of the one before, on a terminal.
    init(_ environment: [String: String], isJSON: Bool, isLive: Bool) {
        self.isJSON = isJSON
        self.isLive = isLive
        isTerminal = isatty(STDOUT_FILENO) == 1
        isColored = Self.isColored(environment)
    }

    /// Only a terminal gets colours, and not where `NO_COLOR` is set and not empty (no-color.org).
    static func isColored(_ environment: [String: String]) -> Bool {
        let isPlain = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        return isatty(STDOUT_FILENO) == 1 && !isPlain && environment["TERM"] != "dumb"
    }

    func show(_ status: PoolStatus) {
        if isJSON {
            print(status.json)
        } else {
            let text = status.page.text(isColored: isColored)
            // The cursor goes home and what is below it away, so that nothing flickers.
            let home = isLive && isTerminal ? "\u{1B}[H\u{1B}[2J" : ""
            print(home + text, terminator: isLive && !isTerminal ? "\n" : "")
        }
        fflush(nil)
    }
}
