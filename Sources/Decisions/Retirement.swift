/// The sidecar's mind: one task's life from birth to departure.
///
/// A value that takes observations and returns directives with reasons. It keeps facts and
/// compares them with what has been said to the outside so far, so a failed or forgotten effect
/// is simply still due; a restarted sidecar begins anywhere and comes to the same end.
///
/// Its phases are in `Retirement+Phase.swift`, drawn in this folder's README.
package struct Retirement: Hashable, Sendable {
    package struct Settings: Hashable, Sendable {
        /// How long an agent that had a job waits for the next one.
        package var idleTimeout: Duration
        /// How long a fresh agent waits for its first job. Longer: the run that it was started
        /// for may still be in a run task of somebody else.
        package var firstJobTimeout: Duration
        /// Age at which an idle agent is replaced by a fresh one; nil is never.
        package var maxLifetime: Duration?
        /// The launcher renews the container after a job; nil where the agent's end is the task's.
        package var renewal: Renewal?
        /// Ask HCP Terraform's agents API what it takes the agent for; needs an API token.
        package var watchesAgent: Bool
        /// True when an earlier sidecar of this task allowed its agent to start, so that it may be
        /// running already.
        package var restarted: Bool
        /// True when an earlier sidecar of this task ran at all, so that the ledger may have an
        /// entry of it.
        package var hasPredecessor: Bool
        /// How long the sidecar had been running when its first observation was made: what it needs
        /// to begin may have been away.
        package var age: Duration
        package var timing: Timing

        package init(
            idleTimeout: Duration = .seconds(120),
            firstJobTimeout: Duration = .seconds(300),
            maxLifetime: Duration? = nil,
            renewal: Renewal? = nil,
            watchesAgent: Bool = false,
            restarted: Bool = false,
            hasPredecessor: Bool = false,
            age: Duration = .zero,
            timing: Timing = .shipped
        ) {
            self.idleTimeout = idleTimeout
            self.firstJobTimeout = firstJobTimeout
            self.maxLifetime = maxLifetime
            self.renewal = renewal
            self.watchesAgent = watchesAgent
            self.restarted = restarted
            self.hasPredecessor = hasPredecessor || restarted
            self.age = age
            self.timing = timing
        }
    }

    let settings: Settings
    package internal(set) var timers: Timers
    var telling = Telling()

    package internal(set) var phase: Phase = .working
    package internal(set) var agentAllowed: Bool
    var allowanceSlot = Slot<Asked>()
    var launcher: Launcher = .away
    var stop: Stop = .unasked
    var protection = Protection()

    // The agent.
    package internal(set) var agent: AgentStatus = .absent
    var signal: Signal?
    /// The last job that it received and is not known to be over.
    var job: Job?
    /// It has waited for a job, or had one.
    var hasWaited: Bool
    /// Which of the task's agents it is.
    var agentNumber: Int
    /// HCP Terraform's view of it.
    var watch = AgentWatch()

    // Ledger and service.
    var entries: LedgerEntries
    var ledgerSlot = Slot<LedgerOperation>()
    var following = Following()
    var comparison = ComparisonTrail()

    enum Signal: Hashable, Sendable { case drained, stopping }

    enum Launcher: Hashable, Sendable {
        case away
        /// `isAnswered`: over this connection it was told the agent's name.
        case linked(isAnswered: Bool)
    }

    /// The end of the sidecar itself.
    enum Stop: Hashable, Sendable { case unasked, asked, made }

    /// The service following the ledger.
    struct Following: Hashable, Sendable {
        var isDue = false
        var slot = Slot<Asked>()

        var isDone: Bool { !isDue && slot.underWay == nil }
    }

    var linked: Bool { launcher != .away }
    var stopRequested: Bool { stop != .unasked }

    package init(_ settings: Settings) {
        self.settings = settings
        self.timers = Timers(settings.timing)
        self.agentAllowed = settings.restarted
        self.entries = LedgerEntries(settings)
        self.hasWaited = settings.restarted
        self.agentNumber = settings.renewal?.agentNumber ?? 1
        timers[.bornAt] = .origin - settings.age
    }

    var timing: Timing { timers.timing }

    /// Takes one observation and says what to do now. Call it for each event once, in the order
    /// in which they happened, and perform the steps in order.
    ///
    /// - Parameters:
    ///   - observation: what happened.
    ///   - now: when, on the monotonic clock; never earlier than at the call before.
    /// - Returns: what to do, each with its reason.
    package mutating func observe(_ observation: Observation, at now: Instant) -> [Step] {
        if timers[.startedAt] == nil { timers[.startedAt] = now }
        var steps: [Step] = []
        take(observation, at: now, &steps)
        decide(at: now, &steps)
        return steps
    }

    /// What is due now: each rule compares facts with what has been said to the outside.
    private mutating func decide(at now: Instant, _ steps: inout [Step]) {
        advancePhase(at: now)
        advanceRenewal(at: now, &steps)
        allowAgent(at: now, &steps)
        protect(at: now, &steps)
        speakToLauncher(at: now, &steps)
        handOver(at: now, &steps)
        keepLedger(at: now, &steps)
        nameNext(at: now, &steps)
        project(at: now, &steps)
        compare(at: now, &steps)
        watch(at: now, &steps)
        lookAfterWork(at: now, &steps)
        breakSilence(at: now, &steps)
        finish(at: now, &steps)
        if let next = nextInstant(after: now) { steps.append(Step(.wakeAt(next), .nextTimer)) }
    }
}
