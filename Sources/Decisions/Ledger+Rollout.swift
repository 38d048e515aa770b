/// What the ledger shows of a deployment, which it knows nothing of: who leaves for a fresh task, and
/// whether fresh agents start.
extension Ledger {
    /// Whether a task has left within this time and ECS is to start a fresh one in its place.
    package func hasRecycled(within time: Duration, at now: WallTime) -> Bool {
        recycledAt.map { now.since($0) <= time } ?? false
    }

    /// Whether agents fail to start: one did lately, or the ledger tries again by itself, so that
    /// whoever made room would only be one agent less.
    ///
    /// - Parameter time: how long the last failure, and the pause after it, count as lately.
    package func startsFail(within time: Duration, at now: WallTime, _ limits: Limits) -> Bool {
        guard let failed = failedStarts else { return false }
        let triesAgain = failed.count > FailedStarts.tolerated && staying < want(limits)
        return triesAgain || now.since(failed.notBefore) <= time
    }
}
