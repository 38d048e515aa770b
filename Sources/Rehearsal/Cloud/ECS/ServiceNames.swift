import Decisions

/// The names and ARNs of the rehearsed service.
struct ServiceNames: Sendable {
    var region = "us-east-1"
    var account = "123456789012"
    var cluster = "rehearsal"
    var service = "agents"
    var family = "tfc-agent"
    var ledgerTable = "agents-ledger"
    var agentTokenParameter = "/rehearsal/agent-token"
    var hmacKeyParameter = "/rehearsal/run-task-hmac-key"

    /// - Parameter pool: one of several behind one endpoint; nil for the only one.
    init(pool: String? = nil) {
        guard let pool else { return }
        cluster += "-" + pool
        service += "-" + pool
        agentTokenParameter += "-" + pool
    }

    private var prefix: String { "arn:aws:ecs:\(region):\(account):" }
    var clusterArn: String { prefix + "cluster/\(cluster)" }
    var serviceArn: String { prefix + "service/\(cluster)/\(service)" }
    func taskDefinitionArn(_ revision: Int) -> String {
        prefix + "task-definition/\(family):\(revision)"
    }
    func taskArn(_ task: TaskID) -> String { prefix + "task/\(cluster)/\(task)" }
    func role(_ name: String) -> String { "arn:aws:iam::\(account):role/\(name)" }

    /// Whether an API's `cluster` or `service` parameter names this one, by name or by ARN.
    func isCluster(_ value: String?) -> Bool { value == cluster || value == clusterArn }
    func isService(_ value: String?) -> Bool { value == service || value == serviceArn }
}
