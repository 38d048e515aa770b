package import Decisions
import Ports
import AWS

/// What of a pool is not as it should be, whether or not a job waits for it.
package enum Concern: Hashable, Sendable, CustomStringConvertible {
    case neverWritten
    case notAdopted
    case limitsFault(String)
    case limitsEnd
    case serviceEnds(status: String)
    case serviceDiffers(desired: Int, size: Int)
    case exposed(TaskID, for: Duration)
    case startsFail(reason: String)
    case agentsEnd(count: Int)
    case deploymentFails(reason: String)
    case jobOfNobody(Job, TaskID)

    package var description: String {
        switch self {
        case .neverWritten:
            "the ledger was never written: no call and no task has reached the table"
        case .notAdopted:
            "no task of the service has written the ledger yet, so nothing lowers the service"
        case .limitsFault(let fault): fault
        case .limitsEnd: "max_count is 0: the service was ended, so nobody is added"
        case .serviceEnds(let status): "the service is \(status), so nobody writes its count"
        case .serviceDiffers(let desired, let size):
            "ECS wants \(desired) tasks and the ledger \(size)"
        case .exposed(let task, let time):
            "task \(task.shortText) has run without scale-in protection for \(time.shortText), so "
                + "nothing is lowered: check ecs:UpdateTaskProtection in the task role"
        case .startsFail(let reason): "agents cannot start: \(reason)"
        case .agentsEnd(let count):
            "\(count) agents in a row ended before they took a job: read the agent's log"
        case .deploymentFails(let reason): "the newest deployment fails: \(reason)"
        case .jobOfNobody(let job, let task):
            "the ledger has \(job) with task \(task.shortText), which ECS does not list; it is "
                + "forgotten after five minutes"
        }
    }

    /// Its name, which never changes.
    package var code: String {
        switch self {
        case .neverWritten: "never_written"
        case .notAdopted: "not_adopted"
        case .limitsFault: "limits_fault"
        case .limitsEnd: "limits_end"
        case .serviceEnds: "service_ends"
        case .serviceDiffers: "service_differs"
        case .exposed: "exposed"
        case .startsFail: "starts_fail"
        case .agentsEnd: "agents_end"
        case .deploymentFails: "deployment_fails"
        case .jobOfNobody: "job_of_nobody"
        }
    }
}

extension PoolStatus {
    package var concerns: [Concern] { ledgerConcerns + serviceConcerns }

    private var ledgerConcerns: [Concern] {
        guard let snapshot = ledger else { return [] }
        let ledger = snapshot.ledger
        var found: [Concern] = []
        if let fault = snapshot.limitsFault { found.append(.limitsFault("\(fault)")) }
        if snapshot.limits.isEnding { found.append(.limitsEnd) }
        guard ledger.isWritten else { return found + [.neverWritten] }
        // Before that there is nothing to lower, as while the first agent of a pool works.
        if !ledger.isAdopted, let service, service.counts.desired > ledger.size {
            found.append(.notAdopted)
        }
        for (task, exposure) in ledger.exposed.sorted(by: { $0.key < $1.key }) {
            found.append(.exposed(task, for: at.since(exposure.since)))
        }
        if let failed = ledger.failedStarts { found.append(.agentsEnd(count: failed.count)) }
        guard let live else { return found }
        let listed = Set((live + (stopped ?? [])).map(\.id))
        for (job, entry) in ledger.jobs.sorted(by: { $0.key < $1.key }) {
            guard let task = entry.task, !listed.contains(task) else { continue }
            found.append(.jobOfNobody(job, task))
        }
        return found
    }

    private var serviceConcerns: [Concern] {
        guard let service else { return [] }
        guard service.counts.isActive else { return [.serviceEnds(status: service.counts.status)] }
        var found: [Concern] = []
        if let ledger = ledger?.ledger, ledger.isWritten, ledger.size != service.counts.desired {
            found.append(.serviceDiffers(desired: service.counts.desired, size: ledger.size))
        }
        if let failing = failingStart { found.append(.startsFail(reason: failing.reason)) }
        if let newest = service.deployments.first(where: \.view.isPrimary),
            newest.view.state == .failed
        {
            found.append(.deploymentFails(reason: newest.reason ?? "ECS gives no reason"))
        }
        return found
    }
}

extension TaskID {
    /// Enough of it for a person to tell it from the others.
    package var shortText: String { String(text.prefix(8)) }
}

extension Duration {
    /// Two units at the most: `42s`, `12m`, `3h05m`, `2d04h`.
    package var shortText: String {
        let seconds = max(0, components.seconds)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        switch seconds {
        case ..<100: return "\(seconds)s"
        case ..<6_000: return "\(seconds / 60)m"
        case ..<172_800: return "\(seconds / 3_600)h\(two(seconds / 60 % 60))m"
        default: return "\(seconds / 86_400)d\(two(seconds / 3_600 % 24))h"
        }
    }
}
