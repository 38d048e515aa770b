import Decisions
import Model

/// A region of AWS and an HCP Terraform: agent pools with their services, the runs that arrive for
/// them, and persons who meddle. One policy serves them all.
final class Region {
    let world: World
    /// Those with the plans and those with the applies in turn, where a policy keeps them apart.
    private(set) var pools: [Pool] = []
    /// What runs are for.
    private var hosts: [any RunHost] = []
    private var workload: any Workload
    private(set) var arrivalsEnded = false

    /// - Parameter story: gets a line for each thing that happens; nil says nothing.
    init(
        _ setup: Setup,
        workload: any Workload,
        policy: any Policy,
        story: ((String) -> Void)? = nil
    ) {
        self.workload = workload
        let world = World(setup, Terms(policy, setup), story: story)
        self.world = world
        let splits = policy.splitsPlans
        pools = (0..<setup.pools * (splits ? 2 : 1)).map { Pool(index: $0, world: world) }
        hosts =
            splits
            ? (0..<setup.pools).map { SplitPool(plans: pools[2 * $0], applies: pools[2 * $0 + 1]) }
            : pools
        for pool in pools { pool.keeper = policy.keep(pool) }
        planArrival()
        if !world.faults.isNone { planEdits() }
        if world.faults[.deployments] > 0 { planDeployments() }
        if world.faults[.serviceEnds] > 0 { planEnds() }
    }

    /// Parts refer to each other; without this they would never be freed.
    func close() {
        world.close()
        for pool in pools { pool.close() }
        pools = []
        hosts = []
    }

    // MARK: Runs

    private func planArrival() {
        guard let plan = workload.next() else {
            arrivalsEnded = true
            return
        }
        world.after(max(0, plan.at - world.now)) { [self] in
            let run = SimulatedRun(plan, pool: hosts[plan.pool % hosts.count], world: world)
            world.openRuns += 1
            world.tally.runs += 1
            run.begin()
            planArrival()
        }
    }

    var isWorkDone: Bool { arrivalsEnded && world.openRuns == 0 }
    /// Every pool was ended by a person and its tasks are gone: runs wait for agents that do not
    /// come.
    var hasEnded: Bool {
        pools.allSatisfy { $0.service.ending != nil && $0.service.tasks.isEmpty }
    }

    // MARK: Persons

    /// From here on nothing goes wrong any more.
    func calmDown() {
        world.calmDown()
        lookAfterDeployments()
    }

    /// A circuit breaker may trip long after what tripped it has ended, so somebody looks again.
    private func lookAfterDeployments() {
        for pool in pools { pool.service.mend() }
        world.after(15.minutes) { [self] in lookAfterDeployments() }
    }

    private func planEdits() {
        world.after(world.chance.within(1.minutes...60.minutes)) { [self] in
            guard !world.faults.isNone else { return }
            if world.happens(.countEdited) {
                let service = world.chance.pick(pools).service
                let count = world.chance.within(0...world.setup.limits.maxCount)
                world.tell("a person sets desiredCount to \(count)")
                service.edit(count)
            }
            planEdits()
        }
    }

    private func planDeployments() {
        world.after(1.minutes...60.minutes) { [self] in
            guard world.faults[.deployments] > 0 else { return }
            if world.happens(.deployments) {
                let service = world.chance.pick(pools).service
                switch world.chance.below(4) {
                case 0: service.deploy(.forced)
                case 1: service.deploy(.broken(world.chance.pick(StartFailure.allCases)))
                default: service.deploy(.revision)
                }
            }
            planDeployments()
        }
    }

    private func planEnds() {
        world.after(1.minutes...60.minutes) { [self] in
            let left = pools.filter { $0.service.ending == nil }
            guard world.faults[.serviceEnds] > 0, !left.isEmpty else { return }
            if world.happens(.serviceEnds) {
                world.chance.pick(left).service.end(world.chance.pick(Ending.allCases))
            }
            planEnds()
        }
    }
}
