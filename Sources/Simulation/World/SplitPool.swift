import Model

/// One agent pool with two services: one whose agents accept plans alone, and one with applies. No job
/// of either comes to the other, so each is a ``Pool`` by itself.
final class SplitPool: RunHost {
    private let plans: Pool
    private let applies: Pool

    init(plans: Pool, applies: Pool) {
        self.plans = plans
        self.applies = applies
    }

    var index: Int { plans.index }

    func add(_ run: SimulatedRun) { for pool in [plans, applies] { pool.add(run) } }
    func remove(_ run: SimulatedRun) { for pool in [plans, applies] { pool.remove(run) } }
    func withdraw(_ run: SimulatedRun) { for pool in [plans, applies] { pool.withdraw(run) } }

    func enqueue(_ job: PoolJob) {
        switch job.kind {
        case .plan: plans.enqueue(job)
        case .apply: applies.enqueue(job)
        }
    }

    /// The endpoint chooses by the stage; what is over ends in both ledgers.
    func call(_ stage: TaskStage, of run: SimulatedRun, done: @escaping (Bool) -> Void) {
        switch stage {
        case .prePlan, .postPlan: plans.call(stage, of: run, done: done)
        case .preApply, .postApply:
            applies.call(stage, of: run, done: done)
            plans.tellEnd(of: run)
        }
    }

    func tellEnd(of run: SimulatedRun) { for pool in [plans, applies] { pool.tellEnd(of: run) } }
}
