import Decisions

/// Performs steps in one world: the shells of sidecar, launcher and endpoint, and ECS, HCP
/// Terraform and the agents around them. It decides nothing that the shipped values decide.
final class Explorer {
    let machine: Machine
    let scene: Scene
    var world = World()
    var violation: Violation?
    /// Kinds of step, and of everything else that must have occurred in a scene.
    var seen = Seen()
    /// Hears what happens within a step, for a story.
    var tell: ((String) -> Void)?

    let known: KnownObservations

    init(_ scene: Scene, broken: Breakage? = nil) {
        self.scene = scene
        machine = Machine(scene, broken: broken)
        known = KnownObservations(machine)
    }

    /// Another one that knows what the first has learned.
    init(_ scene: Scene, sharing other: Explorer) {
        self.scene = scene
        machine = other.machine
        known = other.known
    }

    /// Where the scene begins.
    func begin() {
        world = World()
        world.left = scene.budgets
        var ledger = Ledger(version: 1, size: scene.floor)
        world.desired = UInt8(scene.floor)
        switch scene.beginning {
        case .rest: break
        case .neverWritten:
            ledger = Ledger()
            world.desired = 1
        case .twoTooMany:
            ledger.size = 2
            world.desired = 2
        case .moreJobsThanMay, .moreJobsHeldThanMay:
            ledger.size = scene.most
            for job in jobs {
                world.jobs[job].stage = .queued
                world.jobs[job].flags = .wasCalled
                ledger.jobs[machine.jobIDs[job]] = Ledger.JobEntry(at: Machine.wallNow)
            }
            world.desired = UInt8(scene.tasks)
            world.flags = .isEdited
        }
        world.ledger = machine.ledgerID(ledger)
        if scene.beginning == .moreJobsHeldThanMay { letWork() }
    }

    /// Every task starts, is protected and receives its job.
    private func letWork() {
        var steps: [Step] = []
        for _ in tasks { perform(Step(.startTask)) }
        for kind in [Step.Kind.protect, .receive, .byItself] {
            for task in tasks {
                enumerate(into: &steps)
                if let step = steps.first(where: { $0.kind == kind && $0.index == task }) {
                    perform(step)
                }
            }
        }
    }

    var broken: Breakage? { machine.broken }
    var tasks: Range<Int> { 0..<scene.tasks }
    var jobs: Range<Int> { 0..<scene.jobs }

    func note(_ rule: Int, _ text: @autoclosure () -> String) {
        if violation == nil { violation = Violation(rule: rule, text: text()) }
    }

    // MARK: What the world is like

    /// Tasks that ECS counts as running or about to run.
    var counting: Int {
        tasks.reduce(0) { count, task in
            switch world.tasks[task].stage {
            case .running, .closing: count + 1
            case .vacant, .stopping: count
            }
        }
    }

    var vacant: UInt8 {
        tasks.reduce(0) { world.tasks[$1].stage == .vacant ? $0 | 1 << $1 : $0 }
    }

    var listed: UInt8 {
        tasks.reduce(0) { bits, task in
            switch world.tasks[task].stage {
            case .running, .closing: bits | 1 << task
            case .vacant, .stopping: bits
            }
        }
    }

    /// Tasks that a ledger, or a copy of it under way, names.
    var names: UInt8 {
        var names = machine.facts(of: world.ledger).names
        for task in tasks { names |= machine.names(world.tasks[task].change, of: task) }
        return names | machine.names(world.sweepChange, of: nil)
    }

    /// Tasks that a list names which is on its way, or may yet be given.
    var listedSomewhere: UInt8 {
        tasks.reduce(world.listedBefore | world.sweepChange.live) {
            $0 | world.tasks[$1].change.live
        }
    }

    /// Where a task can be started.
    var vacantSlot: Int? {
        let taken = names | listedSomewhere
        return tasks.first { world.tasks[$0].stage == .vacant && taken & 1 << $0 == 0 }
    }

    func hasCall(_ task: Int) -> Bool {
        let state = world.tasks[task]
        return !state.pending.isDisjoint(with: .calls) || state.change.phase != .none
            || state.flow != 0
    }

    /// Nothing is on its way anywhere.
    var isQuiet: Bool {
        guard world.sweepChange.phase == .none, world.sweepFlow == 0 else { return false }
        for job in jobs where world.jobs[job].announcement != 0 || world.jobs[job].flow != 0 {
            return false
        }
        for task in tasks {
            let state = world.tasks[task]
            if hasCall(task) || state.pending.contains(.drain) || state.inbox != 0
                || state.agent == .leaving || state.flags.contains(.isWithoutSidecar)
                || needsLink(task)
            {
                return false
            }
        }
        return true
    }

    func needsLink(_ task: Int) -> Bool {
        let state = world.tasks[task]
        return state.life != 0 && state.mind != 0 && !state.flags.contains(.isLinked)
    }

    // MARK: Changes that have witnesses

    /// Before tasks or count change: what a stale reading will show.
    func rememberService() {
        if world.left.stale > 0 {
            world.desiredBefore = world.desired
            world.listedBefore = listed
        }
    }

    func spend(_ budget: WritableKeyPath<Budgets, UInt8>) {
        world.left[keyPath: budget] -= 1
        world.flags.remove(.wasCalm)
    }

    /// The ledger is another one.
    ///
    /// - Parameters:
    ///   - moved: what of it makes others lose who read it before.
    ///   - writer: a task, the sweep, or nil for an endpoint.
    func setLedger(_ ledger: UInt16, _ moved: Moved, by writer: Int?) {
        if moved != .nothing {
            for task in tasks where task != writer { loseRace(&world.tasks[task].change, moved) }
            if writer != theSweep { loseRace(&world.sweepChange, moved) }
        }
        if moved == .version {
            for job in jobs where world.jobs[job].announcement != 0 {
                world.jobs[job].flags.insert(.isStale)
            }
        }
        world.ledger = ledger
    }

    /// What of the ledger has changed.
    enum Moved {
        case nothing
        /// The size, by a raise.
        case size
        case version
    }

    private func loseRace(_ change: inout ChangeState, _ moved: Moved) {
        if moved == .version {
            change.flags.remove(.isMine)
            if change.phase == .raise { change.flags.insert(.isStale) }
        }
        guard change.phase == .write, machine.isCounted(change.value) else { return }
        if broken == .conditionalWrite {
            change.flags.insert(.isStale)
        } else {
            change.value = machine.lost(change.value)
            change.phase = .read
        }
    }

    /// `UpdateService`.
    func setDesired(_ count: Int, byPerson: Bool) {
        guard count != Int(world.desired) else { return }
        tell?("desiredCount \(world.desired) -> \(count)")
        if !byPerson { checkDesired(count) }
        rememberService()
        world.desired = UInt8(count)
        if byPerson { world.flags.insert(.isEdited) } else { world.flags.remove(.isEdited) }
    }
}

/// A rule of the design, broken.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    /// By its number; 0 where the world stands still.
    package let rule: Int
    package let text: String

    package var description: String { rule == 0 ? text : "rule \(rule): \(text)" }
}

/// What has occurred, to be held against what must.
struct Seen {
    private var steps: Set<Step> = []

    mutating func insert(_ step: Step) {
        let plain = Step(step.kind, 0, how: Int(step.how))
        if !steps.contains(plain) { steps.insert(plain) }
    }

    var kinds: Set<Step.Kind> { Set(steps.map(\.kind)) }
}

/// Observations that need no thought.
struct KnownObservations {
    let woke, linked, unlinked, projected, projectionFailed, ledgerFailed, unprotected: UInt16
    let settled, notLooked, unprotectFailed: UInt16
    let stopRequested, protected, blocked, unclear, notCompared, waiting: UInt16

    init(_ machine: Machine) {
        let id = machine.observation
        woke = id(.woke)
        linked = id(.linked)
        unlinked = id(.unlinked)
        projected = id(.projected)
        projectionFailed = id(.projectionFailed("a fault"))
        ledgerFailed = id(.ledgerFailed("a fault"))
        unprotected = id(.unprotected)
        unprotectFailed = id(.unprotectFailed("a fault"))
        settled = id(.looked(.settled))
        notLooked = id(.looked(nil))
        stopRequested = id(.stopRequested)
        protected = id(.protection(.protected(for: .seconds(machine.scene.protection))))
        blocked = id(.protection(.blocked))
        unclear = id(.protection(.unclear("a fault")))
        notCompared = id(.compared(nil))
        waiting = id(.agent(.waiting))
    }
}

extension Machine {
    /// Tasks that a change under way names.
    func names(_ change: ChangeState, of task: Int?) -> UInt8 {
        guard change.value != 0 else { return 0 }
        guard case .write(let pending, _, _, _) = changes[change.value].place else { return 0 }
        var names: [TaskID] = Array(pending.departed.keys)
        if let counted = pending.counted {
            names += Array(counted.leaving.keys) + Array(counted.exposed.keys)
        }
        for job in pending.jobs { names += [job.new?.task, job.old?.task].compactMap { $0 } }
        return frames(task) ? Self.swapped(bits(names)) : bits(names)
    }

    func isCounted(_ value: UInt16) -> Bool { changes[value].write?.counted != nil }
}
