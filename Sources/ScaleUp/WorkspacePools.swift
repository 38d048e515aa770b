package import HCPTerraform

/// Which agent pool a workspace runs in, remembered for some minutes: an organization-wide run
/// task calls for every workspace, those of other pools too.
package actor WorkspacePools {
    private let pool: String
    private let organization: String
    private let lookUp: LookUp
    private let now: @Sendable () -> ContinuousClock.Instant
    /// Outdated ones included.
    private(set) var known: [Key: Entry] = [:]
    private var underWay: [Key: Task<WorkspacePlace?, Never>] = [:]

    package typealias LookUp =
        @Sendable (_ organization: String, _ workspace: String) async throws -> WorkspacePlace

    struct Key: Hashable {
        let organization: String
        let workspace: String
    }

    struct Entry {
        /// Nil when it could not be looked up.
        let place: WorkspacePlace?
        let until: ContinuousClock.Instant
    }

    /// A workspace that moves to this pool is announced by the sweep until this has passed.
    static let memory: Duration = .seconds(300)
    /// A failed lookup is not repeated with each request while HCP Terraform is away.
    static let memoryOfFailure: Duration = .seconds(30)
    /// Places remembered; more workspaces than this are looked up more often.
    static let capacity = 2_000
    /// Time for one lookup; the run waits for it.
    static let deadline: Duration = .seconds(2)

    /// - Parameters:
    ///   - pool: the id of this service's own agent pool.
    ///   - organization: where a workspace is looked for when the call names none.
    package init(
        pool: String,
        organization: String,
        lookUp: @escaping LookUp,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.pool = pool
        self.organization = organization
        self.lookUp = lookUp
        self.now = now
    }

    /// Why no agent of this pool is needed for a run of the workspace; nil when one is, and when
    /// nobody knows: an agent too many is better than a run without one.
    package func objection(
        organization: String,
        workspace: String
    ) async -> Verdict.NoNeed? {
        guard !workspace.isEmpty else { return nil }
        let key = Key(
            organization: organization.isEmpty ? self.organization : organization,
            workspace: workspace
        )
        switch await place(key) {
        case nil: return nil
        case .pool(let id): return id == pool ? nil : .otherPool
        case .withoutAgents(let mode): return .executionMode(mode)
        }
    }

    private func place(_ key: Key) async -> WorkspacePlace? {
        if let entry = known[key], now() < entry.until { return entry.place }
        if let task = underWay[key] { return await task.value }
        let task = Task { [lookUp] in
            try? await lookUp(key.organization, key.workspace)
        }
        underWay[key] = task
        let place = await task.value
        underWay[key] = nil
        remember(place, for: key)
        return place
    }

    private func remember(_ place: WorkspacePlace?, for key: Key) {
        let time = now()
        if known.count >= Self.capacity {
            known = known.filter { time < $0.value.until }
            let oldest = known.min { $0.value.until < $1.value.until }
            if known.count >= Self.capacity, let oldest { known[oldest.key] = nil }
        }
        let until = time + (place == nil ? Self.memoryOfFailure : Self.memory)
        known[key] = Entry(place: place, until: until)
    }
}
