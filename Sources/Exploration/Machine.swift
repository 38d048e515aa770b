import AgentLink
import Decisions

/// The values that ship, driven through every input that occurs, each once: what they answered is
/// kept by numbers. So a state costs bytes, and a step that was seen before costs a look-up.
final class Machine {
    let scene: Scene
    let broken: Breakage?
    let limits: Limits
    let taskIDs = [TaskID("a"), TaskID("b"), TaskID("c")]
    let jobIDs: [Job]

    var minds = Interned<Retirement>()
    var observations = Interned<Observation>()
    var operations = Interned<LedgerOperation>()
    var lives = Interned<LauncherLife>()
    var inboxes = Interned<[UInt16]>()
    var ledgers = Interned<Ledger>()
    var views = Interned<LedgerView>()
    var changes = Interned<ChangeValue>()
    var flows = Interned<FlowValue>()
    var announcements = Interned<AnnouncementValue>()

    var reactions: [Reaction] = []
    var reactionMemo = Memo<Int>()
    var lifeMemo = Memo<LifeReaction>()
    var readMemo = Memo<ChangeProgress>()
    var viewMemo = Memo<UInt16>()
    var commitMemo = Memo<CommitResult>()
    var flowMemo = Memo<UInt16>()
    var editedMemo = Memo<UInt16>()
    var agedLedgers = Memo<UInt16>()
    var inboxMemo = Memo<UInt16>()
    var comparisonMemo = Memo<UInt16>()
    var endedLives: [Bool] = []
    var announcementMemo = Memo<UInt16>()
    var agedMemo = Memo<UInt16>()
    var swappedLedgers = Memo<UInt16>()
    var tidiedMemo = Memo<UInt16>()
    var ledgerFacts: [LedgerFacts] = []

    /// The clock of every observation: minds are moved to it.
    static let now: Instant = .origin
    static let wallNow = WallTime(milliseconds: 0)
    /// Longer ago than any limit of the ledger.
    static let wallOld = WallTime(milliseconds: -1_000_000_000)

    init(_ scene: Scene, broken: Breakage? = nil) {
        self.scene = scene
        self.broken = broken
        limits =
            Limits(desiredCount: scene.floor, maxCount: scene.most, spareCount: 0) ?? .fallback
        jobIDs = ["run-1", "run-2"].compactMap { Job(id: $0, type: "plan") }
    }

    // MARK: Sidecars

    /// What a mind does about an observation.
    struct Reaction {
        let mind: UInt16
        let effects: [Effect]
    }

    enum Effect {
        case protect
        case unprotect
        case becomeHealthy
        case nameAgent
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

    func newMind(restarted: Bool, hasPredecessor: Bool) -> UInt16 {
        minds.id(
            of: Retirement(Small.settings(restarted: restarted, hasPredecessor: hasPredecessor))
        )
    }

    func react(_ mind: UInt16, to observation: UInt16) -> Reaction {
        let key = UInt64(mind) << 16 | UInt64(observation)
        if let known = reactionMemo.answer(to: key) { return reactions[known] }
        var retirement = minds[mind]
        let steps = retirement.observe(observations[observation], at: Self.now)
        let reaction = Reaction(
            mind: minds.id(of: retirement.rebased(to: Self.now)),
            effects: steps.compactMap { effect($0.directive) }
        )
        reactions.append(reaction)
        reactionMemo.keep(reactions.count - 1, for: key)
        return reaction
    }

    private func effect(_ directive: Directive) -> Effect? {
        switch directive {
        case .protect: .protect
        case .unprotect: .unprotect
        case .becomeHealthy: .becomeHealthy
        case .nameAgent: .nameAgent
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
        let next = before.nextDecision(after: Self.now)
        let isDue = next.map { $0 <= Self.now + Small.second } ?? false
        if let known = agedMemo.answer(to: UInt64(mind)) { return (known, isDue) }
        let after = minds.id(of: before.rebased(to: Self.now + Small.second))
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
    }

    enum LifeEffect {
        case start
        case signal
        case countJobProcesses
        /// An observation of the sidecar.
        case say(UInt16)
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

    func hasEnded(_ life: UInt16) -> Bool {
        guard life != 0 else { return false }
        while endedLives.count < Int(life) {
            endedLives.append(lives[UInt16(endedLives.count + 1)].hasEnded)
        }
        return endedLives[Int(life) - 1]
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

    func compared(_ ledger: UInt16, desired: UInt8, running: Int) -> UInt16 {
        let key = UInt64(ledger) << 16 | UInt64(desired) << 8 | UInt64(running)
        if let known = comparisonMemo.answer(to: key) { return known }
        let seen = Comparison(
            ledgers[ledger],
            limits,
            service: ServiceView(desired: Int(desired)),
            running: running,
            rollout: .settled,
            at: Self.wallNow
        )
        let id = observation(.compared(seen))
        comparisonMemo.keep(id, for: key)
        return id
    }

    private func effect(_ directive: LauncherLife.Directive) -> LifeEffect? {
        switch directive {
        case .start: .start
        case .sendStopSignal: .signal
        case .countJobProcesses: .countJobProcesses
        case .say(let message): heard(message).map { .say(observations.id(of: $0)) }
        case .leave: .leave
        // The command is the agent here.
        case .endCommand: nil
        }
    }

    /// What a new connection begins with.
    func greeting(of life: UInt16) -> [UInt16] {
        lives[life].greeting.compactMap { heard($0).map { observations.id(of: $0) } }
    }

    private func observation(_ event: LifeEvent) -> LauncherLife.Observation {
        switch event {
        case .named: .named("agent")
        case .registered: .statusLine(.status(Self.registeredLine))
        case .waiting: .statusLine(.status(Self.waitingLine))
        case .received1: .statusLine(.status(Self.receivedLine + jobIDs[0].key))
        case .received2: .statusLine(.status(Self.receivedLine + jobIDs[1].key))
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
        case .status(Self.registeredLine): .agent(.registered(id: nil))
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
