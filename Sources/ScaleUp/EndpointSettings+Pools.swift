internal import AWS
internal import Daemon
internal import Decisions
internal import FoundationEssentials

/// One pool by settings of its own, or several by `POOLS` or `POOLS_FILE`.
extension EndpointSettings {
    static func pools(
        _ reader: inout SettingsReader,
        hasToken: Bool
    ) -> ([PoolSettings], PoolTable) {
        guard let (source, json) = list(&reader) else { return only(&reader, hasToken: hasToken) }
        for name in ["ECS_SERVICE", "TFC_AGENT_POOL_NAME", "TFC_AGENT_POOL_ID"]
        where reader.value(name) != nil {
            reader.problem("\(name) is set beside \(source); expected: it in each pool, as a field")
        }
        let (cluster, _) = reader.ecsNames()
        let list = PoolList(
            json,
            source: source,
            PoolList.Defaults(
                cluster: cluster?.short,
                ledgerTable: reader.value("LEDGER_TABLE"),
                limits: reader.limits(),
                organization: reader.value("TFC_ORGANIZATION"),
                hasToken: hasToken
            )
        )
        for problem in list.problems { reader.problem(problem) }
        return (list.pools, PoolTable(list.pools.map(\.entry)))
    }

    /// The JSON and where it comes from; nil where neither setting is there.
    private static func list(_ reader: inout SettingsReader) -> (source: String, json: [UInt8])? {
        let inline = reader.value("POOLS")
        guard let path = reader.value("POOLS_FILE") else {
            return inline.map { ("POOLS", Array($0.utf8)) }
        }
        if inline != nil {
            reader.problem("POOLS_FILE is set beside POOLS; expected: one of them")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            reader.problem("POOLS_FILE names a file that cannot be read; expected: a JSON file")
            return ("POOLS_FILE", Array("[]".utf8))
        }
        return ("POOLS_FILE", Array(data))
    }

    private static func only(
        _ reader: inout SettingsReader,
        hasToken: Bool
    ) -> ([PoolSettings], PoolTable) {
        let place = reader.requiredECSPlace()
        let ledgerTable = reader.required(
            "LEDGER_TABLE",
            expected: "the name of the DynamoDB table that holds the ledger"
        )
        let limits = reader.limits()
        var agentPool: PoolSettings.AgentPool?
        var agentPoolID: String?
        if hasToken {
            agentPool = PoolSettings.AgentPool(
                organization: reader.required(
                    "TFC_ORGANIZATION",
                    expected: "the organization of the agent pool, since there is an API token"
                ),
                name: reader.required(
                    "TFC_AGENT_POOL_NAME",
                    expected: "the name of the agent pool, since there is an API token"
                )
            )
            agentPoolID = reader.value("TFC_AGENT_POOL_ID")
        }
        let table = PoolTable(only: place.service, agentPoolID: agentPoolID)
        let pool = PoolSettings(
            place: place,
            ledgerTable: ledgerTable,
            limits: limits,
            entry: table.entries[0],
            agentPool: agentPool
        )
        return ([pool], table)
    }
}
