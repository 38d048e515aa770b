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

    /// - Parameters:
    ///   - pool: one of several behind one endpoint; nil for the only one.
    ///   - prefix: of all names, as the module gives them; nil for the rehearsal's own.
    init(pool: String? = nil, prefix: String? = nil) {
        if let prefix {
            let names = ProofNames(prefix: prefix)
            cluster = names.cluster
            service = names.service
            family = names.family
            ledgerTable = names.ledgerTable
            agentTokenParameter = "/\(prefix)/agent-token"
            hmacKeyParameter = "/\(prefix)/hmac-key"
        }
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
