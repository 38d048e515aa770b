package import AWS
package import Decisions
internal import HCPTerraform

/// One pool of those behind an endpoint: an ECS service with its ledger, and which calls are for it.
package struct PoolSettings: Hashable, Sendable {
    package let place: ECSPlace
    package let ledgerTable: String
    /// Where the table has none.
    package let limits: Limits
    package let entry: PoolTable.Entry
    /// Whose runs the sweep looks for; nil for none.
    package let agentPool: AgentPool?

    /// An agent pool of HCP Terraform.
    package struct AgentPool: Hashable, Sendable {
        package let organization: String
        package let name: String

        package init(organization: String, name: String) {
            self.organization = organization
            self.name = name
        }
    }

    package var name: String { entry.name }
}

/// The JSON of `POOLS`, with what each pool takes from the other settings. Tells all that is wrong
/// with it at once, in sentences that name the pool.
struct PoolList {
    private(set) var pools: [PoolSettings] = []
    private(set) var problems: [String] = []
    private let defaults: Defaults

    /// What a pool does not say itself.
    struct Defaults {
        let cluster: String?
        let ledgerTable: String?
        let limits: Limits
        let organization: String?
        /// Whether HCP Terraform can be asked.
        let hasToken: Bool
    }

    static let most = 100
    private static let mostAgents = 10_000

    /// - Parameter source: the setting that holds the JSON, or that names its file.
    init(_ json: [UInt8], source: String, _ defaults: Defaults) {
        self.defaults = defaults
        guard case .array(let items) = JSONValue(json) else {
            problems.append("\(source) holds no JSON array; expected: a list of pools")
            return
        }
        guard (1...Self.most).contains(items.count) else {
            problems.append(
                "\(source) has \(items.count) pools; expected: from 1 to \(Self.most)"
            )
            return
        }
        for (number, item) in items.enumerated() { read(item, "\(source): pool \(number + 1)") }
        checkTogether(source)
    }

    private mutating func checkTogether(_ source: String) {
        for name in Self.doubles(pools.map(\.name)) {
            problems.append("\(source): two pools have the name \(name); expected: each its own")
        }
        let places = pools.map { "\($0.place.cluster)/\($0.place.service)" }
        for place in Self.doubles(places) {
            problems.append("\(source): two pools are the service \(place); expected: each its own")
        }
        if pools.count(where: \.entry.isDefault) > 1 {
            problems.append("\(source): several pools are the default; expected: one at the most")
        }
    }

    private static func doubles(_ names: [String]) -> [String] {
        Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
    }

    // MARK: One pool

    private mutating func read(_ item: JSONValue, _ title: String) {
        guard case .object(let fields) = item else {
            problems.append("\(title) is no JSON object")
            return
        }
        var reader = FieldReader(fields, title)
        let name = reader.name("name") ?? ""
        if !name.isEmpty { reader.title += " (\(name))" }
        let place = ecsPlace(&reader)
        let table = reader.text("ledger_table") ?? defaults.ledgerTable
        if table == nil { reader.problem("ledger_table", "a name, since LEDGER_TABLE is not set") }
        let limits = limits(&reader)
        let agentPool = agentPool(&reader)
        let agentPoolID = reader.text("agent_pool_id")
        let isDefault = reader.flag("default") ?? false
        let rule = rule(&reader)
        if isDefault, rule != nil {
            reader.problem("default", "a default or a pool with a rule (`when`), not both")
        }
        let asks =
            rule.map { $0.projects != nil || $0.tags != nil } ?? (agentPoolID != nil && !isDefault)
        if asks, !defaults.hasToken {
            reader.problem(
                rule == nil ? "agent_pool_id" : "when",
                "TFE_TOKEN or TFE_TOKEN_PARAMETER beside it: only HCP Terraform can tell a "
                    + "workspace's agent pool, project and tags"
            )
        }
        problems += reader.end()
        guard let place, let table, let limits else { return }
        pools.append(
            PoolSettings(
                place: place,
                ledgerTable: table,
                limits: limits,
                entry: PoolTable.Entry(
                    name,
                    rule: rule,
                    agentPoolID: agentPoolID,
                    isDefault: isDefault
                ),
                agentPool: agentPool
            )
        )
    }

    private func ecsPlace(_ reader: inout FieldReader) -> ECSPlace? {
        let cluster = reader.text("ecs_cluster") ?? defaults.cluster
        guard let service = reader.text("ecs_service") else {
            reader.problem("ecs_service", "the name or the ARN of an ECS service")
            return nil
        }
        guard let cluster else {
            reader.problem("ecs_cluster", "a name or an ARN, since ECS_CLUSTER is not set")
            return nil
        }
        guard let found = ECSName(cluster, .cluster) else {
            reader.problem("ecs_cluster", "the name or the ARN of an ECS cluster")
            return nil
        }
        guard let named = ECSName(service, .service) else {
            reader.problem("ecs_service", "the name or the ARN of an ECS service")
            return nil
        }
        if let other = named.cluster, other != found.short {
            reader.problem("ecs_service", "a service of the cluster \(found.short)")
        }
        return ECSPlace(cluster: found.short, service: named.short)
    }

    private func limits(_ reader: inout FieldReader) -> Limits? {
        let defaults = defaults.limits
        let range = 0...Self.mostAgents
        let desired = reader.count("desired_count", in: range) ?? defaults.desiredCount
        let maximum =
            reader.count("max_count", in: 1...Self.mostAgents) ?? max(desired, defaults.maxCount)
        let spare = reader.count("spare_count", in: range) ?? defaults.spareCount
        let limits = Limits(desiredCount: desired, maxCount: maximum, spareCount: spare)
        if limits == nil { reader.problem("desired_count", "at most max_count, here \(maximum)") }
        return limits
    }

    private func agentPool(_ reader: inout FieldReader) -> PoolSettings.AgentPool? {
        let own = reader.text("organization")
        guard let name = reader.text("agent_pool_name") else {
            if own != nil {
                reader.problem("organization", "agent_pool_name beside it, or neither of them")
            }
            return nil
        }
        if !defaults.hasToken {
            reader.problem(
                "agent_pool_name",
                "TFE_TOKEN or TFE_TOKEN_PARAMETER beside it, to look for its runs"
            )
        }
        guard let organization = own ?? defaults.organization else {
            reader.problem("organization", "a name, since TFC_ORGANIZATION is not set")
            return nil
        }
        return PoolSettings.AgentPool(organization: organization, name: name)
    }

    private func rule(_ reader: inout FieldReader) -> PoolTable.Rule? {
        guard var when = reader.object("when") else { return nil }
        var rule = PoolTable.Rule()
        rule.organizations = when.texts("organizations")
        if let names = when.texts("workspaces") {
            rule.workspaces = WorkspacePatterns(names.sorted().joined(separator: ","))
            if rule.workspaces == nil {
                when.problem("workspaces", "names of workspaces, with * for any characters")
            }
        }
        if let names = when.texts("stages") {
            let stages = names.compactMap(RunTaskRequest.Stage.init(rawValue:))
            if stages.count != names.count {
                let known = RunTaskRequest.Stage.allCases.map(\.rawValue)
                when.problem("stages", "some of \(known.joined(separator: ", "))")
            }
            rule.stages = Set(stages)
        }
        rule.isSpeculative = when.flag("speculative")
        rule.projects = when.texts("projects")
        rule.tags = when.texts("tags")
        if rule == PoolTable.Rule(), !when.hasProblems {
            reader.problem("when", "a condition; a pool that takes the rest has \"default\": true")
        }
        reader.take(when)
        return rule
    }
}

/// Reads the fields of a JSON object, and knows in the end which were not asked for.
struct FieldReader {
    private var fields: [String: JSONValue]
    var title: String
    private let prefix: String
    private var problems: [String] = []

    init(_ fields: [String: JSONValue], _ title: String, prefix: String = "") {
        self.fields = fields
        self.title = title
        self.prefix = prefix
    }

    var hasProblems: Bool { !problems.isEmpty || !fields.isEmpty }

    /// Says what was expected of a field, never what it holds.
    mutating func problem(_ field: String, _ expected: String) {
        problems.append("\(prefix)\(field), expected: \(expected)")
    }

    /// Nil also for null, which templates write for what is not set, and for an empty text.
    mutating func text(_ field: String) -> String? {
        switch fields.removeValue(forKey: field) {
        case nil, .null, .text(""): return nil
        case .text(let text) where text.utf8.count <= 2_048: return text
        default:
            problem(field, "a text")
            return nil
        }
    }

    mutating func name(_ field: String) -> String? {
        let name = text(field)
        if let name, PoolTable.isName(name) { return name }
        problem(field, "a name of up to \(PoolTable.longestName) letters, digits, - and _")
        return nil
    }

    mutating func flag(_ field: String) -> Bool? {
        switch fields.removeValue(forKey: field) {
        case nil, .null: return nil
        case .flag(let flag): return flag
        default:
            problem(field, "true or false")
            return nil
        }
    }

    mutating func count(_ field: String, in range: ClosedRange<Int>) -> Int? {
        switch fields.removeValue(forKey: field) {
        case nil, .null: return nil
        case .number(let number) where range.contains(number): return number
        default:
            problem(field, "a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
    }

    mutating func texts(_ field: String) -> Set<String>? {
        switch fields.removeValue(forKey: field) {
        case nil, .null: return nil
        case .array(let items) where !items.isEmpty:
            let texts = items.compactMap { item in
                if case .text(let text) = item, !text.isEmpty { text } else { nil }
            }
            if texts.count == items.count { return Set(texts) }
            problem(field, "a list of texts")
            return Set(texts)
        default:
            problem(field, "a list of texts, with one of them at least")
            return nil
        }
    }

    mutating func object(_ field: String) -> FieldReader? {
        switch fields.removeValue(forKey: field) {
        case nil, .null: return nil
        case .object(let fields): return FieldReader(fields, title, prefix: prefix + field + ".")
        default:
            problem(field, "an object")
            return nil
        }
    }

    /// Takes over what is wrong with an object within.
    mutating func take(_ inner: FieldReader) {
        problems += inner.problems
        problems += inner.unknown
    }

    private var unknown: [String] {
        // Not the name itself: what a person pastes into the wrong place may be a secret.
        guard !fields.isEmpty else { return [] }
        let known = fields.keys.filter { $0.utf8.count <= 32 }.sorted().map { prefix + $0 }
        let names = known.count == fields.count ? known.joined(separator: ", ") : "some fields"
        return ["\(names): no field of a pool has this name"]
    }

    /// - Returns: all that is wrong, as sentences.
    func end() -> [String] { (problems + unknown).map { "\(title): \($0)" } }
}
