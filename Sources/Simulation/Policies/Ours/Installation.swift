import Decisions
import Model

/// What the programs of one pool work with: ledger, service, and HCP Terraform's list of runs.
final class Installation {
    let store: VirtualLedgerStore
    let service: Service
    /// Nil where idle agents wait as long as they are told to.
    let demand: Demand?
    unowned let pool: Pool
    unowned let world: World

    init(_ pool: Pool) {
        self.pool = pool
        world = pool.world
        service = pool.service
        demand = world.setup.idleWorth.map { Demand($0) }
        store = VirtualLedgerStore(service: service)
    }

    /// One announced job that has waited so long, chosen by chance, if HCP Terraform says that its
    /// run needs no agent for it any more.
    func finishedJobs(over patience: Milliseconds) -> Set<Job> {
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
