import AgentLink

/// The agent's settings are wrong; it ends before it registers.
struct SettingsError: Error, Equatable, CustomStringConvertible {
    var description: String
}

/// The settings of tfc-agent, by flag or by environment; a flag wins.
struct StandInSettings: Equatable, Sendable {
    var address = "https://app.terraform.io"
    var token = ""
    var name = ""
    var isSingle = false
    var logsJSON = false
    /// The ECS task that this agent runs in: lets the rehearsal tell whose agent it is.
    var task = ""
    var pollMilliseconds = 500
    /// Its jobs are in this table of DynamoDB's; nil where it asks the address.
    var table: String?
    /// What its jobs may leave behind, and by what chance they do.
    var leaves: [Leavings.Kind] = []
    var seed: UInt64 = 0
    var home = "/"
    /// It ends with this code before it registers, or after its first job.
    var exitAtStart: Int32?
    var exitAfterJob: Int32?

    private static let tokenVariable = "TFC_AGENT_TOKEN"
    private static let singleVariable = "TFC_AGENT_SINGLE"
    private static let pollVariable = "STAND_IN_POLL_MILLISECONDS"

    /// Names that the real agent knows; it looks for others that begin with `TFC_AGENT_`, since
    /// they are misspelt ones.
    static let knownNames: Set<String> = [
        AgentVariable.name, AgentVariable.logLevel, AgentVariable.logsJSON, tokenVariable,
        singleVariable, "TFC_AGENT_DATA_DIR", "TFC_AGENT_CACHE_DIR", "TFC_AGENT_AUTO_UPDATE",
        "TFC_AGENT_OTLP_ADDRESS", "TFC_AGENT_OTLP_CERT_FILE", "TFC_AGENT_OTLP_FORWARD_SPANS",
        "TFC_AGENT_ACCEPT", "TFC_AGENT_REQUEST_FORWARDING", "TFC_AGENT_HYOK",
        "TFC_AGENT_HOOK_TIMEOUT", "TFC_AGENT_HOOK_PRE_PLAN_TIMEOUT",
        "TFC_AGENT_HOOK_POST_PLAN_TIMEOUT", "TFC_AGENT_HOOK_PRE_APPLY_TIMEOUT",
        "TFC_AGENT_HOOK_POST_APPLY_TIMEOUT", "TFC_AGENT_ENV",
    ]

    init(arguments: [String], environment: [String: String]) throws(SettingsError) {
        let unknown = environment.keys
            .filter { $0.hasPrefix("TFC_AGENT_") && !Self.knownNames.contains($0) }.sorted()
        guard unknown.isEmpty else {
            throw SettingsError(
                description: "unknown environment variables: \(unknown.joined(separator: ", "))"
            )
        }
        address = environment["TFC_ADDRESS"] ?? address
        token = environment[Self.tokenVariable] ?? token
        name = environment[AgentVariable.name] ?? name
        isSingle = try Self.truth(environment, Self.singleVariable)
        logsJSON = try Self.truth(environment, AgentVariable.logsJSON)
        task = environment["STAND_IN_TASK"] ?? task
        if let text = environment[Self.pollVariable] {
            guard let number = Int(text), number > 0 else {
                throw SettingsError(description: "\(Self.pollVariable) is no number above 0")
            }
            pollMilliseconds = number
        }
        table = environment["STAND_IN_JOBS"].flatMap { $0.isEmpty ? nil : $0 }
        leaves = try Self.kinds(environment["STAND_IN_LEAVES"])
        seed = environment["STAND_IN_SEED"].flatMap { UInt64($0) } ?? seed
        home = environment["HOME"] ?? home
        exitAtStart = try Self.code(environment, "STAND_IN_EXIT_AT_START")
        exitAfterJob = try Self.code(environment, "STAND_IN_EXIT_AFTER_JOB")
        try read(arguments)
        guard !token.isEmpty else {
            throw SettingsError(description: "a token is required: -token or \(Self.tokenVariable)")
        }
    }

    /// Flags in the manner of Go: one or two dashes, the value after `=` or in the next argument.
    private mutating func read(_ arguments: [String]) throws(SettingsError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-") else {
                throw SettingsError(description: "unexpected argument: \(argument)")
            }
            let pair = argument.drop { $0 == "-" }
                .split(separator: "=", maxSplits: 1).map(String.init)
            let inline = pair.count == 2 ? pair[1] : nil
            switch pair.first {
            case "single": isSingle = try Self.truth(inline ?? "true", "-single")
            case "log-json": logsJSON = try Self.truth(inline ?? "true", "-log-json")
            case "name": name = try Self.value(inline, &rest, "-name")
            case "address": address = try Self.value(inline, &rest, "-address")
            case "token": token = try Self.value(inline, &rest, "-token")
            case "auto-update", "log-level", "accept", "data-dir", "cache-dir":
                _ = try Self.value(inline, &rest, argument)
            default: throw SettingsError(description: "flag provided but not defined: \(argument)")
            }
        }
    }

    private static func value(
        _ inline: String?,
        _ rest: inout ArraySlice<String>,
        _ flag: String
    ) throws(SettingsError) -> String {
        guard let value = inline ?? rest.popFirst() else {
            throw SettingsError(description: "flag needs an argument: \(flag)")
        }
        return value
    }

    private static func kinds(_ text: String?) throws(SettingsError) -> [Leavings.Kind] {
        var kinds: [Leavings.Kind] = []
        for name in (text ?? "").split(separator: ",") {
            guard let kind = Leavings.Kind(rawValue: String(name)) else {
                throw SettingsError(description: "STAND_IN_LEAVES knows no \(name)")
            }
            kinds.append(kind)
        }
        return kinds
    }

    private static func code(
        _ environment: [String: String],
        _ name: String
    ) throws(SettingsError) -> Int32? {
        guard let text = environment[name] else { return nil }
        guard let code = Int32(text), (0...255).contains(code) else {
            throw SettingsError(description: "\(name) is no exit code")
        }
        return code
    }

    private static func truth(
        _ environment: [String: String],
        _ name: String
    ) throws(SettingsError) -> Bool {
        try truth(environment[name], name)
    }

    private static func truth(_ text: String?, _ name: String) throws(SettingsError) -> Bool {
        switch text?.lowercased() {
        case nil, "", "0", "f", "false": return false
        case "1", "t", "true": return true
        default: throw SettingsError(description: "\(name) is neither true nor false")
        }
    }
}
