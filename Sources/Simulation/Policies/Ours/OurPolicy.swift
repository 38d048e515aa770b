import Decisions
import Model

/// This project: the endpoint announces, sidecars report, reserve and depart, the ledger decides.
final class OurPolicy: Policy {
    let usesRunTasks = true
    let splitsPlans: Bool

    init(splitsPlans: Bool = false) { self.splitsPlans = splitsPlans }

    func containers(_ setup: Setup) -> [ContainerDefinition] { setup.deployed.containers }

    /// The service is made before its ledger is, with the floor as its count: the first sweep
    /// writes the ledger.
    func keep(_ pool: Pool) -> any Keeper { OurKeeper(pool) }
}

/// A pool's ledger and endpoint, and its tasks with a sidecar.
final class OurKeeper: Keeper {
    private let installation: Installation
    private let endpoint: EndpointShell
    private let foresight: Foresight?

    init(_ pool: Pool) {
        installation = Installation(pool)
        endpoint = EndpointShell(installation)
        foresight = pool.world.setup.foresees ? Foresight(pool.world) : nil
    }

    var ledger: Ledger { installation.store.table.ledger }

    func runSweep() { endpoint.runSweep() }

    /// HCP Terraform calls though it was answered.
    func repeatCall(for number: Int) {
        let job = Job(id: "run-\(number)", type: PoolJob.Kind.plan.rawValue)
        if let job { endpoint.announce(job, closing: []) { _ in } }
    }

    func ageLedger() {
        let (service, pool) = (installation.service, installation.pool)
        installation.store.table.age { task in
            !service.tasks.contains { $0.id == task }
        } over: { job in
            pool.runs[job.id] == nil
        }
    }

    func companion(of task: AgentTask) -> any Companion { OurTask(task, installation) }

    func webhook(_ stage: TaskStage, of run: SimulatedRun, done: @escaping (Bool) -> Void) {
        guard let plan = run.job(.plan), let apply = run.job(.apply),
            let policy = Job(id: run.id, type: "policy")
        else { return done(true) }
        installation.demand?.note(stage, of: run.id, at: run.world.now)
        switch stage {
        case .prePlan: endpoint.announce(plan, closing: [], done: done)
        case .preApply:
            foresight?.confirmed(run)
            let foreseen = foresight == nil ? nil : Foresight.job(run)
            let closed = [plan, policy] + [foreseen].compactMap { $0 }
            endpoint.announce(apply, closing: closed, done: done)
        case .postPlan:
            guard let foreseen = foresight?.planned(run) else {
                return endpoint.close([plan], done: done)
            }
            endpoint.announce(foreseen, closing: [plan], done: done)
        case .postApply: endpoint.close([plan, policy, apply], done: done)
        }
    }

    /// Its final status, as `Endpoint` takes it.
    func notification(ofEndOf run: SimulatedRun) {
        let jobs = ["plan", "policy", "apply"].compactMap { Job(id: run.id, type: $0) }
        endpoint.close(jobs) { _ in }
    }
}
