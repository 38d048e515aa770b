import Decisions
import Model
package import Rules

/// Performs transitions in one world: the shells of sidecar, launcher and endpoint, and ECS, HCP
/// Terraform and the agents around them. It decides nothing that the shipped values decide.
final class Explorer {
    let scene: Scene
    let broken: Breakage?
    let ledgers: Ledgers
    let minds: Minds
    let changes: Changes
    let flows: Flows
    let services: Services
    var world = SmallWorld()
    var breach: Breach?
    /// Kinds of transition, and of everything else that must have occurred in a scene.
    var seen = Seen()
    /// Hears what happens within a transition, for a trace.
    var tell: ((String) -> Void)?
    /// What happens, written down; nil where nobody wants it.
    var script: [Script.Step]?
    /// Which of all tasks is in each place, and how many there have been.
    var numberedTasks = [0, 0, 0]
    var lastNumber = 0
    /// The last normal form gave the first two tasks each other's numbers.
    var hasSwapped = false

    let known: KnownObservations

    init(_ scene: Scene, broken: Breakage? = nil) {
        self.scene = scene
        self.broken = broken
        ledgers = Ledgers(scene, broken: broken)
        minds = Minds(scene)
        changes = Changes(ledgers, minds)
        flows = Flows(ledgers)
        services = Services(scene)
        known = KnownObservations(minds)
    }

    /// Another one that knows what the first has learned.
    init(sharing other: Explorer) {
        scene = other.scene
        broken = other.broken
        ledgers = other.ledgers
        minds = other.minds
        changes = other.changes
        flows = other.flows
        services = other.services
        known = other.known
    }

    /// Where the scene begins.
    func begin() {
        world = SmallWorld()
        (numberedTasks, lastNumber) = ([0, 0, 0], 0)
        world.left = scene.budgets
        var ledger = Ledger(version: 1, size: scene.floor)
        var desired = scene.floor
        switch scene.beginning {
        case .rest, .atWork: break
        case .neverWritten:
            ledger = Ledger()
            desired = 1
        case .twoTooMany:
            ledger.size = 2
            desired = 2
        case .jobsWait, .moreJobsThanMay, .moreJobsHeldThanMay:
            ledger.size = scene.most
            for job in jobs {
                world.jobs[job].stage = .queued
                world.jobs[job].flags = .wasCalled
                ledger.jobs[Small.jobIDs[job]] = Ledger.JobEntry(at: Small.wallNow)
            }
            desired = scene.most
            if scene.beginning != .jobsWait {
                desired = scene.tasks
                world.flags = .isEdited
            }
        }
        world.service = services.first(desired: desired)
        world.ledger = ledgers.id(of: ledger)
        if scene.beginning == .moreJobsHeldThanMay { begin(with: [.protect, .receive, .byItself]) }
        if scene.beginning == .atWork { begin(with: [.boot, .protect]) }
    }

    /// Every task starts, and goes through these transitions.
    private func begin(with kinds: [Transition.Kind]) {
        var transitions: [Transition] = []
        for _ in 0..<service.desired { perform(Transition(.startTask)) }
        for kind in kinds {
            for task in tasks {
                enumerate(into: &transitions)
                if let transition = transitions.first(where: { $0.kind == kind && $0.index == task }
                ) {
                    perform(transition)
                }
            }
        }
    }

    var tasks: Range<Int> { 0..<scene.tasks }
    var jobs: Range<Int> { 0..<scene.jobs }

    func note(_ rule: Rule, _ text: @autoclosure () -> String) {
        if breach == nil { breach = Breach(rule: rule, text: text()) }
    }

    var service: ServiceFacts { services.facts(of: world.service) }

    // MARK: What the world is like

    var vacant: UInt8 {
        tasks.reduce(0) { world.tasks[$1].stage == .vacant ? $0 | 1 << $1 : $0 }
    }

    /// Tasks that a ledger, or a copy of it under way, names.
    var names: UInt8 {
        var names = ledgers.facts(of: world.ledger).names
        for task in tasks { names |= changes.names(world.tasks[task].change, of: task) }
        return names | changes.names(world.sweepChange, of: nil)
    }

    /// Tasks that a list names which is on its way, or may yet be given.
    var listedSomewhere: UInt8 {
        let before = world.serviceBefore == 0 ? 0 : services.facts(of: world.serviceBefore).listed
        return tasks.reduce(before | world.sweepChange.live) {
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
            if hasCall(task) || !state.pending.isDisjoint(with: [.drain, .renewal])
                || state.inbox != 0
                || state.agent == .leaving || state.agent == .starting || state.stage == .pending
                || state.flags.contains(.isWithoutSidecar) || needsLink(task)
            {
                return false
            }
        }
        return true
    }

    /// Its launcher has no sidecar, and gets none any more.
    func isAlone(_ task: Int) -> Bool {
        let state = world.tasks[task]
        return state.life != 0 && state.mind == 0 && !state.flags.contains(.isWithoutSidecar)
    }

    func needsLink(_ task: Int) -> Bool {
        let state = world.tasks[task]
        return state.life != 0 && state.mind != 0 && !state.flags.contains(.isLinked)
    }

    // MARK: Changes that have witnesses

    /// Before tasks or count change: what a stale reading will show.
    func rememberService() {
        if world.left.stale > 0 {
            world.serviceBefore = services.after(.show, 0, world.service).service
        }
    }

    func spend(_ budget: WritableKeyPath<Budgets, UInt8>) {
        world.left[keyPath: budget] -= 1
        world.flags.remove(.wasCalm)
        if budget == \.faults || budget == \.crashes, world.replacements < 16 {
            world.replacements += 1
        }
    }

    /// The ledger is another one.
    ///
    /// - Parameters:
    ///   - moved: what of it makes others lose who read it before.
    ///   - writer: a task, the sweep, or nil for an endpoint.
    func setLedger(_ ledger: UInt16, _ moved: Moved, by writer: Int?) {
        if moved != .nothing {
            for task in tasks where task != writer {
                if loseRace(&world.tasks[task].change, moved) { write(.write, task: task) }
            }
            if writer != theSweep, loseRace(&world.sweepChange, moved) {
                script?.append(Script.Step(.write, .sweep))
            }
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

    /// - Returns: whether its write has come too late.
    private func loseRace(_ change: inout ChangeState, _ moved: Moved) -> Bool {
        if moved == .version {
            change.flags.remove(.isMine)
            if change.phase == .raise { change.flags.insert(.isStale) }
        }
        guard change.phase == .write, changes.isCounted(change.value) else { return false }
        if broken == .conditionalWrite {
            change.flags.insert(.isStale)
            return false
        }
        change.value = changes.lost(change.value)
        change.phase = .read
        return true
    }

    /// `UpdateService`.
    func setDesired(_ count: Int, byPerson: Bool) {
        guard service.isActive, count != service.desired else { return }
        if !byPerson { checkDesired(count) }
        tell?("desiredCount \(service.desired) -> \(count)")
        rememberService()
        change(.desired, count)
        if byPerson { world.flags.insert(.isEdited) } else { world.flags.remove(.isEdited) }
    }

    /// Something happens to the service.
    ///
    /// - Parameter number: a task or a count.
    /// - Returns: whether ECS did it.
    @discardableResult
    func change(_ event: ServiceChange, _ number: Int = 0) -> Bool {
        let result = services.after(event, number, world.service)
        world.service = result.service
        return !result.isRefused
    }
}

/// A rule of the design, broken.
package struct Breach: Hashable, Sendable, CustomStringConvertible {
    /// Nil where the world stands still.
    package let rule: Rule?
    package let text: String

    package var description: String { (rule.map { "rule \($0.number): " } ?? "") + text }
}

/// What has occurred, to be held against what must.
struct Seen {
    private var transitions: Set<Transition> = []
    /// An agent was followed by another one of its task.
    var hasNamedNext = false

    mutating func insert(_ transition: Transition) {
        let plain = Transition(transition.kind, 0, how: Int(transition.how))
        if !transitions.contains(plain) { transitions.insert(plain) }
    }

    var kinds: Set<Transition.Kind> { Set(transitions.map(\.kind)) }
}

/// Observations that need no thought.
struct KnownObservations {
    let woke, linked, unlinked, projected, projectionFailed, ledgerFailed, unprotected: UInt16
    let notLooked, unprotectFailed, ledgerUnclear: UInt16
    let stopRequested, protected, blocked, unclear, notCompared, waiting: UInt16

    init(_ minds: Minds) {
        let id = minds.observation(_:)
        woke = id(.woke)
        linked = id(.linked)
        unlinked = id(.unlinked)
        projected = id(.projected)
        projectionFailed = id(.projectionFailed("a fault"))
        ledgerFailed = id(.ledgerFailed("a fault"))
        ledgerUnclear = id(.ledgerFailed("a fault", sizeMayHaveChanged: true))
        unprotected = id(.unprotected)
        unprotectFailed = id(.unprotectFailed("a fault"))
        notLooked = id(.looked(nil))
        stopRequested = id(.stopRequested)
        protected = id(.protection(.protected(for: .seconds(minds.scene.protection))))
        blocked = id(.protection(.blocked))
        unclear = id(.protection(.unclear("a fault")))
        notCompared = id(.compared(nil))
        waiting = id(.agent(.waiting))
    }
}

extension Changes {
    /// Tasks that a change under way names.
    func names(_ change: ChangeState, of task: Int?) -> UInt8 {
        guard change.value != 0 else { return 0 }
        guard case .write(let pending, _, _, _) = self[change.value].place else { return 0 }
        var names: [TaskID] = Array(pending.departed.keys)
        if let counted = pending.counted {
            names += Array(counted.leaving.keys) + Array(counted.exposed.keys)
        }
        for job in pending.jobs { names += [job.new?.task, job.old?.task].compactMap { $0 } }
        let bits = Ledgers.bits(names)
        return ledgers.frames(task) ? Ledgers.swapped(bits) : bits
    }
}
