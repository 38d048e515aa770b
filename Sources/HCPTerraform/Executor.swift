/// Who has a job, or had it (`execution-details` of "Plans" and "Applies"). What is nil the API did
/// not say: Terraform Enterprise does not name agents.
package struct Executor: Decodable, Hashable, Sendable {
    /// `agent`, `remote` or `local`.
    package let mode: String?
    package let agentPoolID: String?
    package let agentName: String?

    enum CodingKeys: String, CodingKey {
        case mode
        case agentPoolID = "agent-pool-id"
        case agentName = "agent-name"
    }

    /// Where agents of a service are found.
    package struct Place: Hashable, Sendable {
        /// Nil where it is not known.
        package let agentPoolID: String?
        /// The names of other services, with agents of their own.
        package let otherServices: [String]

        package init(agentPoolID: String? = nil, otherServices: [String] = []) {
            self.agentPoolID = agentPoolID
            self.otherServices = otherServices
        }
    }

    /// Whether it is certainly none of the agents of that place.
    package func isElsewhere(than place: Place) -> Bool {
        if mode == "remote" || mode == "local" { return true }
        if let agentPoolID, let ours = place.agentPoolID, agentPoolID != ours { return true }
        guard let agentName else { return false }
        return place.otherServices.contains { Self.isAgent(agentName, of: $0) }
    }

    /// Agents are called `<service>-<task id>`, and later ones in one task `<service>-<task id>-2`
    /// and so on. One service's name may begin another one's.
    static func isAgent(_ name: String, of service: String) -> Bool {
        guard name.hasPrefix(service + "-") else { return false }
        let parts = name.dropFirst(service.count + 1).split(
            separator: "-",
            omittingEmptySubsequences: false
        )
        guard (1...2).contains(parts.count), parts[0].utf8.count == 32,
            parts[0].utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
            })
        else { return false }
        return parts.dropFirst().allSatisfy { Int($0) != nil }
    }
}
