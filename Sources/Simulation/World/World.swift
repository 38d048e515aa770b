import Decisions
import Model
import Rules

/// Virtual time, chance and faults, on one thread, and what is counted and told of what happens.
/// Everything happens in the order of one queue and by one seed, so a seed is a story that can be told
/// again.
final class World {
    let setup: Setup
    private(set) var now: Milliseconds = 0
    private var queue = EventQueue()
    var chance: Chance
    /// Faults of this moment: none in the calm phase.
    private(set) var faults: Faults
    let tally: WorldTally
    /// What the policy that is played makes of tasks and runs.
    let terms: Terms
    /// Hears what happens, each with the number of its pool. Nil where nobody judges.
    var witness: ((Fact, Int) -> Void)?

    /// What the pools share.
    var account = Account()

    /// Runs that have arrived and are not over.
    var openRuns = 0
    /// When the last run so far was over.
    var lastRunEnded: Milliseconds = 0
    private var taskNumber = 0
    private var runNumber = 0
    private var markNumber = 0
    private var story: ((String) -> Void)?
    /// Nil in a world that goes by chance.
    let prompter: Prompter?
    /// By how much the wall clocks have been put forward.
    var wallLeap: Milliseconds = 0
    private var wallHurriesFrom: Milliseconds?

    /// Wall clocks begin here (2026-01-01), so that the ledger has times as in life.
    private static let epoch = 1_767_225_600_000

    init(_ setup: Setup, _ terms: Terms, story: ((String) -> Void)? = nil) {
        self.setup = setup
        self.terms = terms
        self.story = story
        prompter = setup.stage == nil ? nil : Prompter()
        chance = Chance(seed: setup.seed, stream: 1)
        faults = setup.faults
        tally = WorldTally()
        prompter?.later = { [unowned self] in after(0, $0) }
    }

    // MARK: Time

    /// Plans something; things of the past cannot be planned.
    func after(_ delay: Milliseconds, _ action: @escaping () -> Void) {
        queue.add(at: now + max(0, delay), action)
    }

    /// Where a script gives the order, what would come by chance takes no time.
    func after(_ delay: ClosedRange<Milliseconds>, _ action: @escaping () -> Void) {
        after(prompter == nil ? chance.within(delay) : 0, action)
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
        }
    }

    /// What the clocks of processes show, which know whole seconds only where a script is followed.
    var clock: Milliseconds { prompter == nil ? now : now / 1.seconds * 1.seconds }

    func wallTime(skew: Milliseconds = 0) -> WallTime {
        wallTime(of: now + skew)
    }

    /// What a clock in order showed at a moment of virtual time.
    func wallTime(of instant: Milliseconds) -> WallTime {
        let hurried = wallHurriesFrom.map { max(0, instant - $0) * Self.wallHurry } ?? 0
        return WallTime(milliseconds: Self.epoch + instant + hurried + wallLeap)
    }

    /// The ledger's times are long ones, and a script's small: after it wall clocks go so much faster
    /// that they fit each other.
    func hurryWallClocks() { wallHurriesFrom = now }

    private static let wallHurry = 99

    /// What is planned refers to everything; without this a world would never be freed.
    func close() {
        queue.removeAll()
        witness = nil
    }

    func runEnded() {
        openRuns -= 1
        lastRunEnded = now
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

    func state(_ fact: @autoclosure () -> Fact, in pool: Int) { witness?(fact(), pool) }

    // MARK: Faults

    /// From here on nothing goes wrong any more.
    func calmDown() {
        faults = Faults()
        tell("--- calm ---")
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
