import AgentLink
import Decisions

/// Sidecars and launchers that occur, driven through every input that occurs, each once: what they
/// answered is kept by numbers. So a state costs bytes, and what was seen before costs a look-up.
final class Minds {
    let scene: Scene
    private(set) var minds = Interned<Retirement>()
    private(set) var observations = Interned<Observation>()
    private(set) var operations = Interned<LedgerOperation>()
    private(set) var lives = Interned<LauncherLife>()
    private var inboxes = Interned<[UInt16]>()
    private var reactions: [Reaction] = []
    private var reactionMemo = Memo<Int>()
    private var lifeMemo = Memo<LifeReaction>()
    private var inboxMemo = Memo<UInt16>()
    private var agedMemo = Memo<UInt16>()
    private var observationMemo = Memo<UInt16>()
    private var lifeFacts: [LifeFacts] = []
    /// A task has left since it has had as many jobs as it may.
    private(set) var hasSeenJobsDone = false

    init(_ scene: Scene) { self.scene = scene }

    // MARK: Sidecars

    /// What a mind does about an observation.
    struct Reaction {
        let mind: UInt16
        let effects: [Effect]
    }

    enum Effect {
        case protect
        case unprotect
        case allowAgent
        case nameAgent
        case nameNext(Int)
        case drain
        case release
        case hold
        case look
        case change(UInt16)
        case project
        case compare(always: Bool)
        case watch
        case end
    }

    func newMind(restarted: Bool, hasPredecessor: Bool, agentNumber: Int) -> UInt16 {
        minds.id(
            of: Retirement(
                Small.settings(
                    watchesAgent: scene.watches,
                    renewal: scene.mode == .renewed
                        ? .init(maxJobs: scene.maxJobs, agentNumber: agentNumber) : nil,
                    restarted: restarted,
                    hasPredecessor: hasPredecessor
                )
            )
        )
    }

    func react(_ mind: UInt16, to observation: UInt16) -> Reaction {
        let key = UInt64(mind) << 16 | UInt64(observation)
        if let known = reactionMemo.answer(to: key) { return reactions[known] }
        var retirement = minds[mind]
        let steps = retirement.observe(observations[observation], at: Small.now)
        for case .jobsDone in steps.map(\.reason) { hasSeenJobsDone = true }
        let reaction = Reaction(
            mind: minds.id(of: retirement.rebased(to: Small.now)),
            effects: steps.compactMap { effect($0) }
        )
        reactions.append(reaction)
        reactionMemo.keep(reactions.count - 1, for: key)
        return reaction
    }

    private func effect(_ step: Step) -> Effect? {
        switch step.directive {
        case .protect: .protect
        case .unprotect: .unprotect
        case .allowAgent: .allowAgent
        case .nameAgent: .nameAgent
        case .nameNext(let number): .nameNext(number)
        case .drain: .drain
        case .release: .release
        case .hold: .hold
        case .look: .look
        case .ledger(let operation): .change(operations.id(of: Self.plain(operation)))
        case .project: .project
        case .compare(let always): .compare(always: always)
        case .watch: .watch
        case .end: .end
        case .wakeAt, .note, .warn, .alarm: nil
        }
    }

    /// The spell of a stray in the ledger's own time, of which only enough or not matters.
    private static func plain(_ operation: LedgerOperation) -> LedgerOperation {
        guard case .reserve(let aboveSize, let isFresh) = operation else { return operation }
        let isEnough = aboveSize >= Timing.small.strayAfter
        return .reserve(aboveSize: isEnough ? Ledger.strayAfter : .zero, isFresh: isFresh)
    }

    /// The mind a second later, and whether a timer of it has come due.
    func aged(_ mind: UInt16) -> (mind: UInt16, isDue: Bool) {
        let before = minds[mind]
        let next = before.nextDecision(after: Small.now)
        let isDue = next.map { $0 <= Small.now + Small.second } ?? false
        if let known = agedMemo.answer(to: UInt64(mind)) { return (known, isDue) }
        let after = minds.id(of: before.rebased(to: Small.now + Small.second))
        agedMemo.keep(after, for: UInt64(mind))
        return (after, isDue)
    }

    func observation(_ observation: Observation) -> UInt16 { observations.id(of: observation) }

    // MARK: Launchers

    enum LifeEvent: UInt8 {
        case named
        case registered
        case waiting
        case received1
        case received2
        case outsideStop
        case drainAsked
        case noJobProcesses
        case jobProcesses
        case agentExited
        case agentCrashed
        case outputSettled
        case released
        case held
        case releaseLimitReached
        case aloneLimitReached
        case startLimitReached
        case renewed
        case spoiled
        case nextNamed
    }

    enum LifeEffect {
        case start
        case signal
        case countJobProcesses
        /// An observation of the sidecar.
        case say(UInt16)
        case renew
        case leave
    }

    struct LifeReaction {
        let life: UInt16
        let effects: [LifeEffect]
    }

    func react(_ life: UInt16, to event: LifeEvent) -> LifeReaction {
        let key = UInt64(life) << 8 | UInt64(event.rawValue)
        if let known = lifeMemo.answer(to: key) { return known }
        var launcher = lives[life]
        let directives = launcher.on(observation(event))
        let reaction = LifeReaction(
            life: lives.id(of: launcher),
            effects: directives.compactMap { effect($0) }
        )
        lifeMemo.keep(reaction, for: key)
        return reaction
    }

    func facts(of life: UInt16) -> LifeFacts {
        guard life != 0 else { return LifeFacts() }
        while lifeFacts.count < Int(life) {
            let next = lives[UInt16(lifeFacts.count + 1)]
            lifeFacts.append(
                LifeFacts(isRunning: next.isRunning, hasEnded: next.hasEnded, isHeld: next.isHeld)
            )
        }
        return lifeFacts[Int(life) - 1]
    }

    /// What a launcher says that states are told apart by.
    struct LifeFacts {
        var isRunning = false
        var hasEnded = false
        var isHeld = false
    }

    // MARK: Messages on their way

    func pushed(_ message: UInt16, to inbox: UInt16) -> UInt16 {
        let key = UInt64(inbox) << 16 | UInt64(message)
        if let known = inboxMemo.answer(to: key) { return known }
        let pushed = inboxes.id(of: (inbox == 0 ? [] : inboxes[inbox]) + [message])
        inboxMemo.keep(pushed, for: key)
        return pushed
    }

    /// - Returns: the first message, and what is left.
    func popped(_ inbox: UInt16) -> (message: UInt16, left: UInt16) {
        let messages = inboxes[inbox]
        if messages.count == 1 { return (messages[0], 0) }
        // As a message of no sidecar's: it cannot be one of those pushed.
        let key = UInt64(inbox) << 16 | 0xFFFF
        if let known = inboxMemo.answer(to: key) { return (messages[0], known) }
        let left = inboxes.id(of: Array(messages.dropFirst()))
        inboxMemo.keep(left, for: key)
        return (messages[0], left)
    }

    /// - Parameter key: says what is observed.
    func observation(_ key: UInt64, _ make: () -> Observation) -> UInt16 {
        if let known = observationMemo.answer(to: key) { return known }
        let id = observation(make())
        observationMemo.keep(id, for: key)
        return id
    }

    private func effect(_ directive: LauncherLife.Directive) -> LifeEffect? {
        switch directive {
        case .start: .start
        case .sendStopSignal: .signal
        case .countJobProcesses: .countJobProcesses
        case .say(let message): heard(message).map { .say(observations.id(of: $0)) }
        case .leave: .leave
        case .renew: .renew
        // The command is the agent here.
        case .endCommand: nil
        }
    }

    /// A launcher that waits for its sidecar.
    var newLife: UInt16 { lives.id(of: .init(renews: scene.mode == .renewed)) }

    /// What a new connection begins with.
    func greeting(of life: UInt16) -> [UInt16] {
        lives[life].greeting.compactMap { heard($0).map { observations.id(of: $0) } }
    }

    private func observation(_ event: LifeEvent) -> LauncherLife.Observation {
        switch event {
        case .named: .named("agent")
        case .registered: .statusLine(.status(Self.registeredLine))
        case .waiting: .statusLine(.status(Self.waitingLine))
        case .received1: .statusLine(.status(Self.receivedLine + Small.jobIDs[0].key))
        case .received2: .statusLine(.status(Self.receivedLine + Small.jobIDs[1].key))
        case .outsideStop: .outsideStop(signal: 15)
        case .drainAsked: .drainAsked
        case .noJobProcesses: .jobProcesses(0)
        case .jobProcesses: .jobProcesses(2)
        case .agentExited: .agentExited(code: 0)
        case .agentCrashed: .agentExited(code: 2)
        case .outputSettled: .outputSettled
        case .released: .released
        case .held: .held
        case .releaseLimitReached: .releaseLimitReached
        case .aloneLimitReached: .aloneLimitReached
        case .startLimitReached: .startLimitReached
        case .renewed: .renewed
        case .spoiled: .spoiled(.remains)
        case .nextNamed: .nextNamed("agent-n")
        }
    }

    /// The agent's lines, as far as the launcher looks at them (HCP Terraform agents, "Logging").
    private static let registeredLine = "core: \(StatusPhrase.registered.words) with HCP Terraform"
    private static let waitingLine = "core: \(StatusPhrase.waiting.words)"
    private static let receivedLine = "core: \(StatusPhrase.jobReceived.words): "

    /// What the sidecar makes of a message, as its own reader of the log does.
    private func heard(_ message: LauncherMessage) -> Observation? {
        switch message {
        case .hello, .silenced, .ping: nil
        case .renewed: .agent(.renewed)
        case .spoiled(let reason): .agent(.spoiled(reason.rawValue))
        case .status(Self.registeredLine): .agent(.registered(id: scene.watches ? "agent" : nil))
        case .status(Self.waitingLine): .agent(.waiting)
        case .status(let line):
            Job(key: String(line.dropFirst(Self.receivedLine.count))).map { .agent(.received($0)) }
                ?? .agent(.unreadable)
        case .unreadable: .agent(.unreadable)
        case .stopping: .agent(.stopping)
        case .drained: .agent(.drained)
        case .busy(let processes): .agent(.working(processes: processes))
        case .exited(let code): .agent(.exited(code: code))
        }
    }
}
