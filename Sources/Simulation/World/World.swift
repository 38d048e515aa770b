import Decisions
import Model

/// A region of AWS and an HCP Terraform in virtual time, on one thread. Everything happens in the
/// order of one queue and by one seed, so a seed is a story that can be told again.
final class World {
    let setup: Setup
    private(set) var now: Milliseconds = 0
    private var queue = EventQueue()
    var chance: Chance
    /// Faults of this moment: none in the calm phase.
    private(set) var faults: Faults
    let tally: WorldTally
    private(set) var rules: Recorder?
    let policy: any Policy
    private(set) var pools: [Pool] = []

    /// What the pools share.
    var account = Account()

    private var workload: any Workload
    /// Runs that have arrived and are not over.
    var openRuns = 0
    private(set) var arrivalsEnded = false
    /// When the last run so far was over.
    var lastRunEnded: Milliseconds = 0
    private var taskNumber = 0
    private var runNumber = 0
    private var markNumber = 0
    private var story: ((String) -> Void)?

    /// Wall clocks begin here (2026-01-01), so that the ledger has times as in life.
    private static let epoch = 1_767_225_600_000

    init(
        _ setup: Setup,
        workload: any Workload,
        policy: any Policy,
        checked: Bool,
        story: ((String) -> Void)? = nil
    ) {
        self.setup = setup
        self.workload = workload
        self.policy = policy
        self.story = story
        chance = Chance(seed: setup.seed, stream: 1)
        faults = setup.faults
        tally = WorldTally()
        if checked { rules = Recorder(self) }
        pools = (0..<setup.pools).map { Pool(index: $0, world: self) }
        for pool in pools { policy.begin(pool) }
        planArrival()
        if !faults.isNone { planEdits() }
        if faults[.deployments] > 0 { planDeployments() }
        if faults[.serviceEnds] > 0 { planEnds() }
    }

    // MARK: Time

    /// Plans something; things of the past cannot be planned.
    func after(_ delay: Milliseconds, _ action: @escaping () -> Void) {
        queue.add(at: now + max(0, delay), action)
    }

    func after(_ delay: ClosedRange<Milliseconds>, _ action: @escaping () -> Void) {
        after(chance.within(delay), action)
    }

    /// Lets everything happen up to a moment.
    ///
    /// - Parameter goesOn: asked before each event; false ends it early.
    func run(until end: Milliseconds, while goesOn: () -> Bool = { true }) {
        while goesOn() {
            guard let at = queue.nextAt, at <= end, let action = queue.next() else {
                now = max(now, end)
                return
            }
            now = at
            action()
            tally.events += 1
            rules?.check()
        }
    }

    func wallTime(skew: Milliseconds = 0) -> WallTime {
        WallTime(milliseconds: Self.epoch + now + skew)
    }

    /// What a clock in order showed at a moment of virtual time.
    func wallTime(of instant: Milliseconds) -> WallTime {
        WallTime(milliseconds: Self.epoch + instant)
    }

    /// Parts refer to each other; without this a world would never be freed.
    func close() {
        queue.removeAll()
        for pool in pools { pool.close() }
        pools = []
    }

    // MARK: Names

    func newTaskID() -> TaskID {
        taskNumber += 1
        return TaskID("task-\(taskNumber)")
    }

    func newRunID() -> String {
        runNumber += 1
        return "run-\(runNumber)"
    }

    func newMark() -> Int {
        markNumber += 1
        return markNumber
    }

    func tell(_ text: @autoclosure () -> String) { story?(text()) }
    var tellsStory: Bool { story != nil }

    // MARK: Runs

    private func planArrival() {
        guard let plan = workload.next() else {
            arrivalsEnded = true
            return
        }
        after(max(0, plan.at - now)) { [self] in
            let run = Run(plan, pool: pools[plan.pool % pools.count], world: self)
            openRuns += 1
            tally.runs += 1
            run.begin()
            planArrival()
        }
    }

    var isWorkDone: Bool { arrivalsEnded && openRuns == 0 }
    /// Every pool was ended by a person and its tasks are gone: runs wait for agents that do not
    /// come.
    var hasEnded: Bool {
        pools.allSatisfy { $0.service.ending != nil && $0.service.tasks.isEmpty }
    }

    func runEnded() {
        openRuns -= 1
        lastRunEnded = now
        tally.lastRunEnded = now
    }

    // MARK: Faults

    /// From here on nothing goes wrong any more.
    func calmDown() {
        faults = Faults()
        tell("--- calm ---")
        for pool in pools { pool.service.mend() }
    }

    private func planEdits() {
        after(chance.within(1.minutes...60.minutes)) { [self] in
            guard !faults.isNone else { return }
            if happens(.countEdited) {
                let service = chance.pick(pools).service
                let count = chance.within(0...setup.limits.maxCount)
                tell("a person sets desiredCount to \(count)")
                service.edit(count)
            }
            planEdits()
        }
    }

    private func planDeployments() {
        after(1.minutes...60.minutes) { [self] in
            guard faults[.deployments] > 0 else { return }
            if happens(.deployments) {
                let service = chance.pick(pools).service
                switch chance.below(4) {
                case 0: service.deploy(.forced)
                case 1: service.deploy(.broken(chance.pick(StartFailure.allCases)))
                default: service.deploy(.revision)
                }
            }
            planDeployments()
        }
    }

    private func planEnds() {
        after(1.minutes...60.minutes) { [self] in
            let left = pools.filter { $0.service.ending == nil }
            guard faults[.serviceEnds] > 0, !left.isEmpty else { return }
            if happens(.serviceEnds) { chance.pick(left).service.end(chance.pick(Ending.allCases)) }
            planEnds()
        }
    }

    /// Whether a fault of this kind happens now.
    func happens(_ fault: Fault) -> Bool {
        guard chance.happens(faults[fault]) else { return false }
        tally.played[fault] += 1
        return true
    }

    /// Whether something is away now; each of its outages is counted once.
    func isAway(_ outage: inout Outage, _ fault: Fault) -> Bool {
        guard outage.isOn(at: now, perHour: faults[fault], &chance) else { return false }
        if !outage.isMet { tally.played[fault] += 1 }
        outage.isMet = true
        return true
    }

    /// How a call of AWS ends.
    enum Fate {
        case answered
        case failedBefore
        case failedAfter
    }

    func fate() -> Fate {
        happens(.failsBefore) ? .failedBefore : happens(.failsAfter) ? .failedAfter : .answered
    }
}
