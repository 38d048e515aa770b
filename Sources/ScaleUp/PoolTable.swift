package import HCPTerraform

/// The pools behind one endpoint, in the order in which they are tried, and which of them a call is
/// for. A pool is one ECS service with its ledger; two of them may serve the same agent pool of HCP
/// Terraform, one its plans and one its applies. A pure value.
package struct PoolTable: Hashable, Sendable {
    /// When a pool takes a call: every condition that there is must hold. One that needs a fact
    /// which nobody knows does not.
    package struct Rule: Hashable, Sendable {
        package var organizations: Set<String>?
        package var workspaces: WorkspacePatterns?
        package var stages: Set<RunTaskRequest.Stage>?
        package var isSpeculative: Bool?
        /// Ids of projects. Calls do not name theirs, so an API token is needed to know it.
        package var projects: Set<String>?
        /// Of which a workspace must have one; known as projects are.
        package var tags: Set<String>?

        package init() {}

        var asksWorkspace: Bool { projects != nil || tags != nil }
    }

    package struct Entry: Hashable, Sendable {
        package let name: String
        /// Nil for a pool that is chosen by its path, by its agent pool, or as the default.
        package let rule: Rule?
        /// The agent pool of HCP Terraform. Known, the pool is never chosen for a workspace that
        /// runs in another one; where there is no rule it is the rule.
        package let agentPoolID: String?
        /// Whether it takes what no rule takes.
        package let isDefault: Bool

        package init(
            _ name: String,
            rule: Rule? = nil,
            agentPoolID: String? = nil,
            isDefault: Bool = false
        ) {
            self.name = name
            self.rule = rule
            self.agentPoolID = agentPoolID
            self.isDefault = isDefault
        }
    }

    package let entries: [Entry]
    /// False for the short form of one pool: whatever path it is called by, it is meant.
    let heedsPaths: Bool

    /// - Parameter entries: in the order in which they are tried; names once each.
    package init(_ entries: [Entry]) {
        self.entries = entries
        heedsPaths = true
    }

    /// One pool that takes every call, whatever its path.
    package init(only name: String, agentPoolID: String? = nil) {
        entries = [Entry(name, agentPoolID: agentPoolID, isDefault: true)]
        heedsPaths = false
    }

    package static let longestName = 64

    /// Whether it can stand in a path as it is: letters, digits, `-` and `_`.
    package static func isName(_ text: String) -> Bool {
        (1...longestName).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// Whether something can depend on what HCP Terraform says of a workspace.
    var asksWorkspace: Bool {
        entries.contains { $0.agentPoolID != nil || $0.rule?.asksWorkspace == true }
    }
}

/// What a call tells of itself, as far as it decides for which pool it is. What is nil or empty is
/// not known.
package struct PoolCall: Hashable, Sendable {
    /// The pool that the address names.
    package var pool: String?
    package var organization: String
    package var workspaceName: String
    package var stage: RunTaskRequest.Stage?
    package var isSpeculative: Bool?
    package var workspace: Workspace?

    package init(
        pool: String? = nil,
        organization: String = "",
        workspaceName: String = "",
        stage: RunTaskRequest.Stage? = nil,
        isSpeculative: Bool? = nil,
        workspace: Workspace? = nil
    ) {
        self.pool = pool
        self.organization = organization
        self.workspaceName = workspaceName
        self.stage = stage
        self.isSpeculative = isSpeculative
        self.workspace = workspace
    }
}

/// For which pool a call is.
package enum PoolChoice: Hashable, Sendable {
    /// The pool at this place of the table.
    case pool(Int)
    case none(Verdict.NoNeed)
}

extension PoolTable {
    /// By the path that names a pool; else the first pool whose rule takes the call; else the
    /// default. Never one whose agent pool is known to be another one than the workspace's.
    package func choice(for call: PoolCall) -> PoolChoice {
        if case .withoutAgents(let mode) = call.workspace?.place {
            return .none(.executionMode(mode))
        }
        if heedsPaths, let name = call.pool {
            guard let place = entries.firstIndex(where: { $0.name == name }) else {
                return .none(.unknownPool)
            }
            return entries[place].isElsewhere(call) ? .none(.otherPool) : .pool(place)
        }
        let here = entries.indices.filter { !entries[$0].isElsewhere(call) }
        let chosen =
            here.first { entries[$0].match(call) == .yes } ?? here.first { entries[$0].isDefault }
        if let chosen { return .pool(chosen) }
        return .none(here.isEmpty ? .otherPool : .noPool)
    }

    /// The pools that may have announced jobs of the call's run, at this stage or at another one:
    /// all that nothing known excludes.
    package func holders(of call: PoolCall) -> [Int] {
        entries.indices.filter { place in
            let entry = entries[place]
            if heedsPaths, let name = call.pool { return entry.name == name }
            return !entry.isElsewhere(call) && entry.couldTake(call.atAnyStage)
        }
    }

    /// Which of several pools with one agent pool is to start an agent for a job that was found in
    /// its queue. Less may be known than when it was called for, and a run must not wait for want of
    /// it: so the first that could be meant is taken where none certainly is.
    ///
    /// - Parameter members: places in this table.
    package func choice(of members: [Int], for call: PoolCall) -> Int? {
        members.first { entries[$0].match(call) == .yes }
            ?? members.first { entries[$0].isDefault }
            ?? members.first { entries[$0].couldTake(call) }
    }
}

extension PoolCall {
    fileprivate var atAnyStage: PoolCall {
        var call = self
        call.stage = nil
        call.isSpeculative = nil
        return call
    }
}

/// Whether a condition holds.
private enum Match {
    case yes, no, unknown

    init(_ holds: Bool?) {
        self =
            switch holds {
            case true: .yes
            case false: .no
            case nil: .unknown
            }
    }
}

extension PoolTable.Entry {
    fileprivate func isElsewhere(_ call: PoolCall) -> Bool {
        guard let agentPoolID, case .pool(let id) = call.workspace?.place else { return false }
        return id != agentPoolID
    }

    fileprivate func match(_ call: PoolCall) -> Match {
        guard let rule else {
            guard let agentPoolID else { return .no }
            guard case .pool(let id) = call.workspace?.place else { return .unknown }
            return Match(id == agentPoolID)
        }
        let matches = rule.matches(call)
        if matches.contains(.no) { return .no }
        return matches.contains(.unknown) ? .unknown : .yes
    }

    /// A default, and one that is chosen by its path, could take anything.
    fileprivate func couldTake(_ call: PoolCall) -> Bool {
        isDefault || (rule == nil && agentPoolID == nil) || match(call) != .no
    }
}

extension PoolTable.Rule {
    fileprivate func matches(_ call: PoolCall) -> [Match] {
        var matches: [Match] = []
        if let organizations {
            let name = call.organization
            matches.append(Match(name.isEmpty ? nil : organizations.contains(name)))
        }
        if let workspaces {
            let name = call.workspaceName
            matches.append(Match(name.isEmpty ? nil : workspaces.match(name)))
        }
        if let stages { matches.append(Match(call.stage.map(stages.contains))) }
        if let isSpeculative {
            matches.append(Match(call.isSpeculative.map { $0 == isSpeculative }))
        }
        if let projects {
            matches.append(Match((call.workspace?.project).map(projects.contains)))
        }
        if let tags {
            matches.append(Match((call.workspace?.tags).map { !tags.isDisjoint(with: $0) }))
        }
        return matches
    }
}
