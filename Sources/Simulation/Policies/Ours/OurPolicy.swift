import Decisions
import Model

/// This project: the endpoint announces, sidecars report, reserve and depart, the ledger decides.
final class OurPolicy: Policy {
    let usesRunTasks = true
    /// A pool's ledger and endpoint.
    final class PoolState {
        let store: VirtualLedgerStore
        let endpoint: EndpointShell

        init(_ pool: Pool) {
            store = VirtualLedgerStore(service: pool.service)
            endpoint = EndpointShell(store: store, service: pool.service)
            self.pool = pool
        }

        private unowned let pool: Pool

        /// One announced job that has waited so long, chosen by chance, if HCP Terraform says that
        /// its run needs no agent for it any more.
        func finishedJobs(over patience: Milliseconds) -> Set<Job> {
            let world = pool.world
            let waiting = store.table.ledger.waiting(
                over: .milliseconds(patience),
                at: world.wallTime()
            )
            guard !waiting.isEmpty else { return [] }
            world.tally.calls.hcpTerraform += 1
            let job = world.chance.pick(waiting)
            guard let run = pool.runs[job.id] else { return [job] }
            let kind = PoolJob.Kind(rawValue: job.type)
            return kind.map(run.life.status.mayNeedAgent) ?? false ? [] : [job]
        }
    }

    static func state(of pool: Pool) -> PoolState {
        guard let state = pool.state as? PoolState else {
            preconditionFailure("pool \(pool.index) was not begun")
        }
        return state
    }

    /// The service is made before its ledger is, with the floor as its count: the first sweep
    /// writes the ledger.
    func begin(_ pool: Pool) { pool.state = PoolState(pool) }

    func end(_ pool: Pool) { Self.state(of: pool).store.endLimits() }

    func containers(_ setup: Setup) -> [ContainerDefinition] { setup.deployed.containers }

    func start(_ container: String, of task: AgentTask) {
        let both = task.companion as? OurTask ?? OurTask(task)
        task.companion = both
        if container == Deployed.sidecarName { both.startSidecar() } else { both.startLauncher() }
    }

    func terminate(_ container: String, of task: AgentTask) {
        let both = task.companion as? OurTask
        if container == Deployed.sidecarName { both?.stopSidecar() } else { both?.stopLauncher() }
    }

    func kill(_ container: String, of task: AgentTask) {
        let both = task.companion as? OurTask
        if container == Deployed.sidecarName { both?.sidecarEnded() } else { both?.killLauncher() }
    }

    func webhook(_ stage: TaskStage, of run: Run, done: @escaping (Bool) -> Void) {
        let endpoint = Self.state(of: run.pool).endpoint
        guard let plan = run.job(.plan), let apply = run.job(.apply),
            let policy = Job(id: run.id, type: "policy")
        else { return done(true) }
        switch stage {
        case .prePlan: endpoint.announce(plan, closing: [], done: done)
        case .preApply: endpoint.announce(apply, closing: [plan, policy], done: done)
        case .postPlan: endpoint.close([plan], done: done)
        case .postApply: endpoint.close([plan, policy, apply], done: done)
        }
    }
}
