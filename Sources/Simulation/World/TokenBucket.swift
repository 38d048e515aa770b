/// How often something may be done: AWS and HCP Terraform count so.
struct TokenBucket {
    private let capacity: Int
    private let perSecond: Int
    /// Thousandths of tokens, so that whole numbers do.
    private var level: Int
    private var countedAt: Milliseconds = 0

    init(burst: Int, perSecond: Int) {
        capacity = burst * 1_000
        self.perSecond = perSecond
        level = capacity
    }

    /// - Returns: false when the call is throttled.
    mutating func take(_ tokens: Int = 1, at now: Milliseconds) -> Bool {
        level = min(capacity, level + (now - countedAt) * perSecond)
        countedAt = now
        guard level >= tokens * 1_000 else { return false }
        level -= tokens * 1_000
        return true
    }
}
