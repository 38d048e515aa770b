/// How many agents the service may and must have. The table's limits item wins over the
/// environment, so a change restarts nothing.
package struct Limits: Hashable, Sendable {
    /// Agents that stay when there is no job: the floor.
    package let desiredCount: Int
    /// Agents that are never exceeded by `want`: the ceiling, usually the purchased allowance.
    /// Zero says that the service is ending; see ``isEnding``.
    package let maxCount: Int
    /// Idle agents kept ready on top of the known jobs.
    package let spareCount: Int

    /// - Returns: nil when a number is negative or the floor is above the ceiling: such limits
    ///   would make agents come and go without end.
    package init?(desiredCount: Int, maxCount: Int, spareCount: Int) {
        guard desiredCount >= 0, spareCount >= 0, desiredCount <= maxCount else { return nil }
        self.desiredCount = desiredCount
        self.maxCount = maxCount
        self.spareCount = spareCount
    }

    /// What stands in while faulty settings are reported; nothing is ever decided with it.
    package static let fallback = Limits()

    private init() {
        self.desiredCount = 0
        self.maxCount = 1
        self.spareCount = 0
    }

    /// The explicit end of a service, as before it is deleted: nothing raises it any more, idle
    /// agents go, busy ones finish.
    package var isEnding: Bool { maxCount == 0 }

    /// Agents wanted for a number of jobs, leaving ones not counted.
    package func want(jobs: Int) -> Int {
        min(maxCount, max(desiredCount, jobs + spareCount))
    }
}
