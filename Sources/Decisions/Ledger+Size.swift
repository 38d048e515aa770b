/// How ``Ledger/size`` begins and is raised. It falls with a departure alone (`Ledger+Tasks.swift`).
extension Ledger {
    /// What the first write of a task begins with: a service that is there already keeps what it
    /// wants, and shrinks only as its agents leave. Beginning with zero would end the tasks of a
    /// service whose ledger was lost.
    ///
    /// - Parameter desired: what ECS says that the service wants.
    package mutating func adopt(desired: Int) {
        size = max(size, desired)
        isAdopted = true
    }

    /// What ``size`` should be at the least; nil while agents fail to start, when each one more is
    /// a decision of its own.
    package func sizeWanted(_ limits: Limits) -> Int? {
        let want = want(limits)
        guard staying < want, let failed = failedStarts, failed.count > FailedStarts.tolerated,
            !jobs.values.contains(where: hasStarted)
        else { return max(size, want + surplusLeaving) }
        return nil
    }

    /// Raises ``size`` to what is wanted, by the limits of this moment; they change by the hour,
    /// also while no task lives that could notice. Never lowers it. While agents fail to start, by
    /// one at a time.
    package mutating func uphold(_ limits: Limits, at now: WallTime) {
        if let wanted = sizeWanted(limits) {
            size = wanted
            return
        }
        guard let failed = failedStarts else { return }
        let wait = failed.notBefore.since(now)
        // A time that no clock of this system can have written keeps nobody waiting.
        guard wait <= .zero || wait > FailedStarts.longestPause + Self.clockSkew else { return }
        size += 1
        failedStarts?.notBefore = now.advanced(by: FailedStarts.pause(after: failed.count))
    }

    mutating func countFailedStart(at now: WallTime) {
        let earlier = jobs.values.contains(where: hasStarted) ? 0 : failedStarts?.count ?? 0
        let count = min(earlier + 1, 100)
        failedStarts = FailedStarts(
            count: count,
            at: now,
            notBefore: now.advanced(by: FailedStarts.pause(after: count))
        )
    }

    /// The job shows an agent that came to work after the last one that failed to.
    func hasStarted(_ entry: JobEntry) -> Bool {
        guard let failed = failedStarts, entry.isFirst, entry.task != nil else { return false }
        return entry.at > failed.at
    }

    /// How far two clocks may be apart: AWS accepts no signature beyond (AWS Signature Version 4).
    private static let clockSkew: Duration = .seconds(300)
}
