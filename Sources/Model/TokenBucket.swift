/// How often something may be done: AWS and HCP Terraform count so.
package struct TokenBucket: Hashable, Sendable {
    package let burst: Int
    package let perSecond: Int
    /// Thousandths of tokens, so that whole numbers do.
    private var level: Int
    private var countedAt: Milliseconds = 0

    package init(burst: Int, perSecond: Int) {
        self.burst = burst
        self.perSecond = perSecond
        level = burst * 1_000
    }

    /// - Returns: false when the call is throttled.
    package mutating func take(_ tokens: Int = 1, at now: Milliseconds) -> Bool {
        level = min(burst * 1_000, level + (now - countedAt) * perSecond)
        countedAt = now
        guard level >= tokens * 1_000 else { return false }
        level -= tokens * 1_000
        return true
    }

    /// How long to wait until so many tokens are there, if nobody else takes any; zero when they
    /// are.
    package func wait(_ tokens: Int = 1, at now: Milliseconds) -> Milliseconds {
        let there = min(burst * 1_000, level + (now - countedAt) * perSecond)
        let missing = tokens * 1_000 - there
        return missing <= 0 ? 0 : (missing + perSecond - 1) / perSecond
    }
}

extension TokenBucket {
    /// Requests of one user of HCP Terraform's API (HCP Terraform API, "Rate limiting").
    package static let terraformAPI = TokenBucket(burst: 30, perSecond: 30)
}
