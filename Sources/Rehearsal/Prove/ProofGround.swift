import AWS
import Curl
import Decisions
import Ports

/// Where a proof is played: an account of AWS, or this machine.
protocol ProofGround: Sendable {
    /// What AWS's calls are made with there.
    func open() async throws -> AWSClient
    /// Makes everything; what is made has the marker's tag.
    func deploy() async throws -> ProofTarget
    /// From now on tasks may not protect themselves, or may again.
    func refuseProtection(_ isRefused: Bool) async throws
    /// Removes all that ``deploy()`` made, as much of it as there is.
    func takeAway() async throws
    /// Nothing is left: what was kept to take it away is of no more use.
    func forget() throws
    /// What a person types to have that done, if it was not.
    var removal: String { get }
    /// Nothing more is asked of it.
    func close() async
}

/// What was deployed, as the one who plays HCP Terraform has to know it.
struct ProofTarget: Sendable {
    /// The scale-up endpoint.
    var webhook: String
    var hmacKey: String
    /// `TFC_ADDRESS`: where callbacks go.
    var address: String
}

/// The calls of a proof, all to one place.
struct ProofAccount: Sendable {
    let names: ProofNames
    let http: any HTTPClient
    let ecs: ECSClient
    let jobs: JobTable
    let belongings: Belongings
    private let logs: LogGroupReader
    private let ledgerItems: ItemReader

    init(_ aws: AWSClient, names: ProofNames, http: any HTTPClient) {
        self.names = names
        self.http = http
        ecs = ECSClient(aws)
        jobs = JobTable(aws, name: names.jobTable)
        belongings = Belongings(aws)
        logs = LogGroupReader(aws)
        ledgerItems = ItemReader(aws, table: names.ledgerTable)
    }

    /// The ledger's items of the service, by their sort keys.
    func ledger() async throws -> [String: String] {
        try await ledgerItems.texts("\(names.cluster)/\(names.service)")
    }

    /// All lines of a log group since then.
    func lines(of group: String, since start: WallTime) async throws -> [LogGroupReader.Event] {
        var lines: [LogGroupReader.Event] = []
        try await logs.read(group, from: start, to: .now()) { lines.append($0) }
        return lines
    }

    /// What there is under the prefix of the kinds that Terraform would take for its own, or that a
    /// proof writes to. Roles, parameters and functions it refuses to make where there are some.
    func territory() async throws -> Territory {
        var found = Territory()
        found.note(
            "cluster \(names.cluster)",
            tags: try await belongings.tags(ofCluster: names.cluster)
        )
        for table in [names.ledgerTable, names.jobTable] {
            found.note("table \(table)", tags: try await belongings.tags(ofTable: table))
        }
        for group in [names.agentsLog, names.endpointLog] {
            found.note("log group \(group)", tags: try await belongings.tags(ofLogGroup: group))
        }
        return found
    }
}

/// Whose the things are that there are under a prefix. Nothing is made beside things of others, and
/// nothing of others is touched.
struct Territory: Equatable, Sendable {
    /// The tag of all that a proof makes; its value is the proof's own.
    static let tag = "rehearsal-prove"

    /// What was found, and its tags.
    private(set) var found: [String: [String: String]] = [:]

    mutating func note(_ name: String, tags: [String: String]?) { found[name] = tags }

    /// Things that have not this proof's tag.
    func foreign(to marker: String) -> [String] {
        found.filter { $0.value[Self.tag] != marker }.keys.sorted()
    }

    /// Things that have it.
    func own(of marker: String) -> [String] {
        found.filter { $0.value[Self.tag] == marker }.keys.sorted()
    }
}
