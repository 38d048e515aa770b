package import Decisions
import AWS
import Ports

/// Why a job has no agent yet.
package enum WaitReason: Hashable, Sendable, CustomStringConvertible {
    case limitsEnd
    case serviceEnds(status: String)
    /// An agent without a job is there, and asks within its 30 s.
    case agentIsThere
    /// The same, for longer than that takes.
    case notTaken
    case agentStarts
    case startsFail(reason: String)
    /// Agents end before they take a job, so they are started one at a time.
    case startsPause(failed: Int, left: Duration)
    case atMaximum(Int)
    /// ECS was not told yet.
    case notFollowed(desired: Int, size: Int)
    /// ECS was told, and has not begun.
    case notBegun
    case unknown

    package var description: String {
        switch self {
        case .limitsEnd: "max_count is 0: the service was ended, so nobody is added"
        case .serviceEnds(let status): "the service is \(status), so nobody is added"
        case .agentIsThere: "an agent without a job is there; it asks within 30 s"
        case .notTaken:
            "an agent without a job is there and has not taken it: may the workspace use this "
                + "pool, and is the run next in its workspace's queue?"
        case .agentStarts: "an agent starts"
        case .startsFail(let reason): "agents cannot start: \(reason)"
        case .startsPause(let failed, let left):
            "\(failed) agents in a row ended before they took a job; the next one starts in "
                + "\(left.shortText)"
        case .atMaximum(let count): "all of max_count, \(count) agents, are taken"
        case .notFollowed(let desired, let size):
            "ECS wants \(desired) tasks and the ledger \(size); the sweep mends that in a minute"
        case .notBegun: "ECS has not started a task for it yet"
        case .unknown: "cannot tell; see below what could not be read"
        }
    }

    /// Its name, which never changes.
    package var code: String {
        switch self {
        case .limitsEnd: "limits_end"
        case .serviceEnds: "service_ends"
        case .agentIsThere: "agent_is_there"
        case .notTaken: "not_taken"
        case .agentStarts: "agent_starts"
        case .startsFail: "starts_fail"
        case .startsPause: "starts_pause"
        case .atMaximum: "at_maximum"
        case .notFollowed: "not_followed"
        case .notBegun: "not_begun"
        case .unknown: "unknown"
        }
    }
}

extension PoolStatus {
    /// An announced job that no agent has.
    package struct WaitingJob: Hashable, Sendable {
        package let job: Job
        package let since: WallTime
        package let reason: WaitReason
    }

    /// Agents poll every 30 s, and the first of them that asks has it.
    static let pollTime: Duration = .seconds(120)

    /// Oldest first, which is the order that reasons are given in: HCP Terraform hands out jobs in
    /// an order of its own.
    package var waiting: [WaitingJob] {
        guard let ledger else { return [] }
        let all = ledger.ledger.jobs.filter { $0.value.task == nil }
            .sorted { ($0.value.at, $0.key) < ($1.value.at, $1.key) }
        return all.enumerated().map { place, entry in
            WaitingJob(
                job: entry.key,
                since: entry.value.at,
                reason: reason(at: place, waitingFor: at.since(entry.value.at))
            )
        }
    }

    /// - Parameter place: how many jobs wait before it.
    private func reason(at place: Int, waitingFor time: Duration) -> WaitReason {
        guard let ledger, let service, let live else { return .unknown }
        if ledger.limits.isEnding { return .limitsEnd }
        guard service.counts.isActive else {
            return .serviceEnds(status: service.counts.status)
        }
        guard live.allSatisfy({ $0.state != nil }) else { return .unknown }
        let free = agents.count { $0.state == "RUNNING" && $0.work == .noJob }
        if place < free { return time > Self.pollTime ? .notTaken : .agentIsThere }
        if let failing = failingStart { return .startsFail(reason: failing.reason) }
        if place < free + agents.count(where: { $0.work == .starts }) { return .agentStarts }
        return reasonForNone(ledger.ledger, ledger.limits, desired: service.counts.desired)
    }

    /// Why no agent is on its way.
    private func reasonForNone(_ ledger: Ledger, _ limits: Limits, desired: Int) -> WaitReason {
        if let failed = ledger.failedStarts, failed.count > Ledger.FailedStarts.tolerated,
            failed.notBefore > at
        {
            return .startsPause(failed: failed.count, left: failed.notBefore.since(at))
        }
        if desired < ledger.size { return .notFollowed(desired: desired, size: ledger.size) }
        if ledger.staying >= limits.maxCount { return .atMaximum(limits.maxCount) }
        return .notBegun
    }
}
