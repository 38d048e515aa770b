internal import Decisions
internal import HCPTerraform
internal import Synchronization

/// Which of several pools a call is for.
extension Endpoint {
    /// What is to be done for a run task call.
    struct Assignment: Sendable {
        enum Deed: Sendable {
            case pass(Verdict.NoNeed)
            case announce(Job, to: Pool)
        }

        let deed: Deed
        /// Pools whose ledgers may have jobs of the run that are over; not the one that a job is
        /// announced to, which ends them in the same step.
        let closing: [Pool]
    }

    func assignment(
        _ request: RunTaskRequest,
        _ need: Verdict.Need,
        at named: String?,
        _ end: ContinuousClock.Instant
    ) async -> Assignment {
        var call = PoolCall(
            pool: named,
            organization: request.organizationName,
            workspaceName: request.workspaceName,
            stage: request.stage,
            isSpeculative: request.isSpeculative
        )
        switch need {
        case .nothing(let reason):
            guard reason == .stage else { return Assignment(deed: .pass(reason), closing: []) }
            if parts.pools.count > 1, !request.closedJobs.isEmpty {
                call.workspace = await workspace(of: call, end)
            }
            return Assignment(deed: .pass(reason), closing: holders(of: call))
        case .agent(let job):
            call.workspace = await workspace(of: call, end)
            switch parts.table.choice(for: call) {
            case .none(let reason):
                // Another stage's job may have been announced all the same.
                let closing = reason == .noPool ? holders(of: call) : []
                return Assignment(deed: .pass(reason), closing: closing)
            case .pool(let place):
                let pool = parts.pools[place]
                return Assignment(
                    deed: .announce(job, to: pool),
                    closing: holders(of: call).filter { $0.name != pool.name }
                )
            }
        }
    }

    /// For which pool the plan is that a notification tells of.
    func choice(
        for notification: RunNotification,
        at named: String?,
        _ end: ContinuousClock.Instant
    ) async -> PoolChoice {
        var call = PoolCall(notification, at: named)
        call.stage = .prePlan
        // Plans alone send no notifications ("Notification configurations").
        call.isSpeculative = false
        call.workspace = await workspace(of: call, end)
        return parts.table.choice(for: call)
    }

    /// The pools whose ledgers may hold jobs of a notification's run.
    func holders(
        for notification: RunNotification,
        at named: String?,
        _ end: ContinuousClock.Instant
    ) async -> [Pool] {
        var call = PoolCall(notification, at: named)
        if parts.pools.count > 1 { call.workspace = await workspace(of: call, end) }
        return holders(of: call)
    }

    private func holders(of call: PoolCall) -> [Pool] {
        parts.table.holders(of: call).map { parts.pools[$0] }
    }

    private func workspace(of call: PoolCall, _ end: ContinuousClock.Instant) async -> Workspace? {
        await workspace(organization: call.organization, name: call.workspaceName, end)
    }
}

extension PoolCall {
    fileprivate init(_ notification: RunNotification, at named: String?) {
        self.init(
            pool: named,
            organization: notification.organizationName,
            workspaceName: notification.workspaceName
        )
    }
}

extension Endpoint.Pool {
    /// - Returns: why the jobs may still be counted; empty when they are not.
    func close(_ jobs: [Job]) async -> String {
        do throws(AnnouncementFailure) {
            try await announcer.close(jobs)
            return ""
        } catch {
            return "\(error)"
        }
    }
}

/// How each pool was when this process swept last.
final class LastSweep: Sendable {
    private let report = Mutex<SweepReport?>(nil)

    func note(_ new: SweepReport) { report.withLock { $0 = new } }
    var known: SweepReport? { report.withLock { $0 } }
}

extension Endpoint {
    /// One line for each pool: `ok`, `failed`, or `not swept yet`. Costs no call of anybody, since
    /// strangers may ask for it, and tells nothing but names.
    ///
    /// - Returns: 503 where a sweep failed, so that a probe notices.
    package func health() -> EndpointResponse {
        let report = lastSweep.known
        let lines = parts.pools.map { pool in
            let swept = report?.pools.first { $0.name == pool.name }
            return pool.name + ": "
                + (swept.map { $0.outcome.hasFailed ? "failed" : "ok" } ?? "not swept yet")
        }
        let text = lines.joined(separator: "\n") + "\n"
        return EndpointResponse(report?.hasFailed == true ? 503 : 200, text)
    }
}
