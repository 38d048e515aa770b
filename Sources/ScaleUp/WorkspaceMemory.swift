package import HCPTerraform

/// What HCP Terraform says of workspaces, remembered for some minutes: an organization-wide run
/// task calls for every workspace, and each of them several times.
package actor WorkspaceMemory {
    private let organization: String
    private let lookUp: LookUp
    private let now: @Sendable () -> ContinuousClock.Instant
    /// Outdated ones included.
    private(set) var known: [Key: Entry] = [:]
    private var underWay: [Key: Task<Workspace?, Never>] = [:]

    package typealias LookUp =
        @Sendable (_ organization: String, _ workspace: String) async throws -> Workspace

    struct Key: Hashable {
        let organization: String
        let workspace: String
    }

    struct Entry {
        /// Nil when it could not be looked up.
        let workspace: Workspace?
        let until: ContinuousClock.Instant
    }

    /// A workspace that moves to this pool is announced by the sweep until this has passed.
    static let memory: Duration = .seconds(300)
    /// A failed lookup is not repeated with each request while HCP Terraform is away.
    static let memoryOfFailure: Duration = .seconds(30)
    /// Workspaces remembered; where there are more, they are looked up more often.
    static let capacity = 2_000
    /// Time for one request of a lookup; the run waits for it.
    static let deadline: Duration = .seconds(2)

    /// - Parameter organization: where a workspace is looked for when the call names none.
    package init(
        organization: String,
        lookUp: @escaping LookUp,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.organization = organization
        self.lookUp = lookUp
        self.now = now
    }

    /// The workspace of a call; nil while nobody knows.
    package func workspace(organization: String, name: String) async -> Workspace? {
        guard !name.isEmpty else { return nil }
        let key = Key(
            organization: organization.isEmpty ? self.organization : organization,
            workspace: name
        )
        if let entry = known[key], now() < entry.until { return entry.workspace }
        if let task = underWay[key] { return await task.value }
        let task = Task { [lookUp] in
            try? await lookUp(key.organization, key.workspace)
        }
        underWay[key] = task
        let workspace = await task.value
        underWay[key] = nil
        remember(workspace, for: key)
        return workspace
    }

    private func remember(_ workspace: Workspace?, for key: Key) {
        let time = now()
        if known.count >= Self.capacity {
            known = known.filter { time < $0.value.until }
            let oldest = known.min { $0.value.until < $1.value.until }
            if known.count >= Self.capacity, let oldest { known[oldest.key] = nil }
        }
        let until = time + (workspace?.place == nil ? Self.memoryOfFailure : Self.memory)
        known[key] = Entry(workspace: workspace, until: until)
    }
}
