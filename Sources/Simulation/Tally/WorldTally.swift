package import Model

/// What a world comes to, counted while it runs. Its size does not grow with the number of runs.
package final class WorldTally {
    package struct Calls: Sendable, Equatable {
        package var ecs = 0
        package var dynamoDB = 0
        package var hcpTerraform = 0
        package var ssm = 0

        package var total: Int { ecs + dynamoDB + hcpTerraform + ssm }
    }

    package internal(set) var events = 0
    package internal(set) var runs = 0
    package internal(set) var lostRuns = 0
    package internal(set) var jobs = 0
    /// Agents that held a job when they were ended by scaling, by a second signal or by anything
    /// else that a policy answers for.
    package internal(set) var killedBusy = 0
    package internal(set) var boots = 0
    package private(set) var stops = 0
    /// How often each kind of fault was played.
    package internal(set) var played = Faults()
    package internal(set) var calls = Calls()
    var ledger = LedgerTally()
    /// From an agent's exit until its container may end.
    private(set) var departures = WaitHistogram()
    package private(set) var agentTime: Milliseconds = 0
    /// That part of it which was on Spot, of tasks that have stopped.
    private(set) var spotTime: Milliseconds = 0
    package private(set) var busyTime: Milliseconds = 0
    package private(set) var planWaits = WaitHistogram()
    package private(set) var applyWaits = WaitHistogram()
    /// Applies that were foreseen, and those of them that came in time.
    var foreseen = 0
    var foreseenInTime = 0
    /// Containers that were renewed.
    package internal(set) var renewals = 0

    private var living = 0
    private var livingStarts: Milliseconds = 0

    func taskStarted(at now: Milliseconds) {
        living += 1
        livingStarts += now
    }

    func taskStopped(after time: Milliseconds, onSpot: Bool, at now: Milliseconds) {
        if onSpot { spotTime += time }
        living -= 1
        stops += 1
        livingStarts -= now - time
        agentTime += time
    }

    /// Task time so far, those that live included.
    func agentTime(at now: Milliseconds) -> Milliseconds {
        agentTime + living * now - livingStarts
    }

    /// - Parameter wait: of the job for its agent.
    func received(_ kind: PoolJob.Kind, after wait: Milliseconds) {
        jobs += 1
        switch kind {
        case .plan: planWaits.add(wait)
        case .apply: applyWaits.add(wait)
        }
    }

    func departed(after time: Milliseconds) { departures.add(time) }

    func worked(_ time: Milliseconds) { busyTime += time }
}
