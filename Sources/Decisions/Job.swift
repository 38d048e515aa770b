/// What HCP Terraform hands to an agent: a plan, an apply, a policy check, an assessment.
///
/// The key is all that webhook, agent log and ledger share, and it makes repeats harmless: the
/// same job announced twice is one entry. A run's plan and its apply are two jobs.
package struct Job: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The id of the job as the agent logs it in `job_id`; for plans and applies the run's id.
    package let id: String
    /// The kind of work as the agent logs it in `job_type`: `plan`, `apply`, `policy`, ...
    package let type: String

    /// Longest id or type accepted. HCP Terraform's own are about 20 characters; the bound keeps
    /// a malformed line from filling the ledger item.
    package static let maximumPartLength = 128

    /// - Returns: nil unless both parts are non-empty, short, and free of `/` and control
    ///   characters, so that ``key`` can always be read back.
    package init?(id: String, type: String) {
        guard Self.isPart(id), Self.isPart(type) else { return nil }
        self.id = id
        self.type = type
    }

    /// - Parameter key: `<job id>/<job type>`, for example `run-abc/plan`.
    package init?(key: String) {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        self.init(id: String(parts[0]), type: String(parts[1]))
    }

    /// `<job id>/<job type>`, the job's name in the ledger.
    package var key: String { id + "/" + type }
    package var description: String { key }

    package static func < (left: Job, right: Job) -> Bool { left.key < right.key }

    private static func isPart(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= maximumPartLength
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
    }
}

/// The id of an ECS task: the last path component of its ARN.
package struct TaskID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// - Parameter arn: a task ARN in the long or the short form, or a bare id.
    package init(arn: String) {
        self.text = arn.split(separator: "/").last.map(String.init) ?? arn
    }

    package var description: String { text }
    package static func < (left: TaskID, right: TaskID) -> Bool { left.text < right.text }
}
