/// The sidecar's mind: one task's life from birth to departure.
///
/// A value that takes observations and returns directives with reasons. It keeps facts and
/// compares them with what has been said to the outside so far, so a failed or forgotten effect
/// is simply still due; a restarted sidecar begins anywhere and comes to the same end.
///
/// Phases of a task:
/// ```
/// working ── idle limit ──► reserving ─granted─► draining ── agent exited ──┐
///    ▲                          │ refused            │ caught a job         ▼
///    └──────────────────────────┴────────────────────┘        booking ► unprotecting
///    └── agent exited by itself, or was stopped from outside ────▲     ► projecting ► released
/// ```
package struct Retirement: Sendable {
    package struct Settings: Hashable, Sendable {
        /// How long an agent that had a job waits for the next one.
        package var idleTimeout: Duration
        /// How long a fresh agent waits for its first job. Longer: the run that it was started
        /// for may still be in a run task of somebody else.
        package var firstJobTimeout: Duration
        /// Age at which an idle agent is replaced by a fresh one; nil is never.
        package var maxLifetime: Duration?
        /// Ask HCP Terraform's agents API what it takes the agent for; needs an API token.
        package var watchesAgent: Bool
        /// True when an earlier sidecar of this task made it healthy, so that the agent may be
        /// running already.
        package var restarted: Bool
        /// True when an earlier sidecar of this task ran at all, so that the ledger may have an
        /// entry of it.
        package var hasPredecessor: Bool

        package init(
            idleTimeout: Duration = .seconds(120),
            firstJobTimeout: Duration = .seconds(300),
            maxLifetime: Duration? = nil,
            watchesAgent: Bool = false,
            restarted: Bool = false,
            hasPredecessor: Bool = false
        ) {
            self.idleTimeout = idleTimeout
            self.firstJobTimeout = firstJobTimeout
            self.maxLifetime = maxLifetime
            self.watchesAgent = watchesAgent
            self.restarted = restarted
            self.hasPredecessor = hasPredecessor || restarted
        }
    }

    package enum Phase: Hashable, Sendable {
        case working
        case reserving
        case draining
        case booking
        case unprotecting
        case projecting
        case released
    }

    let settings: Settings
    package internal(set) var phase: Phase = .working
    package internal(set) var agent: AgentStatus = .absent
    package internal(set) var healthy: Bool

    // What is known.
    var linked = false
    var stopRequested = false
    var signal: Signal?
    var protection = Protection()
    var startedAt: Instant?
    var healthyAt: Instant?
    var unlinkedAt: Instant?

    // What the ledger was last told, and what is under way there.
    var reported: Reported
    var reserved: Ledger.LeaveKind?
    /// When the ledger said that this task is exposed; nil while it does not.
    var exposedAt: Instant?
    /// A sidecar before this one may have entered the task, and an entry that nobody takes back
    /// would keep the service from ever shrinking.
    var mayBeExposed: Bool
    var ledgerSlot = Slot<LedgerOperation>()

    // ECS following the ledger.
    var projectionDue = false
    var projectionSlot = Slot<Bool>()
    var comparing = false
    var nextComparison: Instant?
    var comparison = ComparisonTrail()

    // HCP Terraform's view of the agent.
    var watch = AgentWatch()
    /// Since when the agent has worked on its job.
    var busySince: Instant?

    // Timers and things said once.
    var nextReserve: Instant?
    /// Why the last reservation was refused, said once for each change of the reason.
    var lastRefusal: StayReason?
    var leaveReason: Reason = .stoppedFromOutside
    /// Why the agent drains without a reservation.
    var replaceReason: Reason?
    /// Why a reservation is taken back.
    var stayReason: Reason = .caughtJob
    var exitedAt: Instant?
    var said = Said()

    /// Steps that are given once, or once for each connection of the launcher.
    struct Said: Hashable, Sendable {
        var name = false
        var drain = false
        var release = false
        var unprotect = false
        var noLauncher = false
        var exposed = false
        var worksLong = false
        var givenUpAtWork = false
        var end = false
    }

    enum Signal: Hashable, Sendable { case drained, stopping }

    /// The job that the ledger believes this task's agent holds.
    enum Reported: Hashable, Sendable {
        /// A sidecar before this one may have reported anything.
        case unclear
        case job(Job?)
    }

    /// One effect of a kind at a time, tried again with growing pauses.
    struct Slot<Effect: Hashable & Sendable>: Hashable, Sendable {
        var underWay: Effect?
        var failures = 0
        var notBefore: Instant = .zero
        var lastCause = ""

        func isFree(at now: Instant) -> Bool { underWay == nil && now >= notBefore }

        mutating func succeeded() {
            underWay = nil
            failures = 0
            notBefore = .zero
            lastCause = ""
        }

        mutating func failed(_ cause: String, at now: Instant) {
            underWay = nil
            failures += 1
            lastCause = cause
            notBefore = now + Retirement.pause(after: failures)
        }
    }

    package init(_ settings: Settings) {
        self.settings = settings
        self.healthy = settings.restarted
        self.reported = settings.restarted ? .unclear : .job(nil)
        self.mayBeExposed = settings.hasPredecessor
    }

    /// Pause after the n-th failure in a row: 0.5 s doubling to 30 s. The first ones are short,
    /// since the launcher holds a leaving container open for 20 s only.
    static func pause(after failures: Int) -> Duration {
        min(.seconds(30), .milliseconds(500) * (1 << min(failures - 1, 6)))
    }

    /// Takes one observation and says what to do now. Call it for each event once, in the order
    /// in which they happened, and perform the steps in order.
    ///
    /// - Parameters:
    ///   - observation: what happened.
    ///   - now: when, on the monotonic clock; never earlier than at the call before.
    /// - Returns: what to do, each with its reason.
    package mutating func observe(_ observation: Observation, at now: Instant) -> [Step] {
        if startedAt == nil { startedAt = now }
        var steps: [Step] = []
        take(observation, at: now, &steps)
        decide(at: now, &steps)
        return steps
    }

    // MARK: Taking in

    private mutating func take(
        _ observation: Observation,
        at now: Instant,
        _ steps: inout [Step]
    ) {
        switch observation {
        case .woke:
            break
        case .protection(let report):
            protection.take(report, at: now, agentMayRun: healthy)
        case .unprotected:
            if phase == .unprotecting { phase = .projecting }
        case .linked:
            linked = true
            unlinkedAt = nil
            // A launcher that connects anew may not have heard what the last one was told.
            said.name = false
            said.drain = false
            said.release = false
        case .unlinked:
            linked = false
            unlinkedAt = now
            // Whatever the agent does now, nobody hears it. The launcher repeats it.
            switch agent {
            case .idle, .busy: agent = .unknown
            case .absent, .unknown, .exited: break
            }
        case .agent(let event):
            take(event, at: now, &steps)
        case .booked(let report, let sizeChanged):
            ledgerSlot.succeeded()
            if sizeChanged { projectionDue = true }
            take(report, at: now, &steps)
        case .ledgerFailed(let cause):
            if phase == .reserving {
                phase = .working
                nextReserve = now + Self.reserveAgain
            }
            if cause != ledgerSlot.lastCause { steps.append(Step(.warn, .tryAgain(cause))) }
            ledgerSlot.failed(cause, at: now)
        case .projected:
            projectionSlot.succeeded()
        case .projectionFailed(let cause):
            projectionSlot.failed(cause, at: now)
            projectionDue = true
        case .compared(let seen):
            comparing = false
            nextComparison = now + Self.compareEvery
            if let seen {
                comparison.take(seen, at: now)
                if comparison.differsTwice {
                    projectionDue = true
                    comparison.forgetDifference()
                }
            }
        case .watched(let report):
            watch.take(report, at: now)
            if report == .seen(.busy) { stayReason = .takenForBusy }
        case .stopRequested:
            stopRequested = true
        }
    }

    private mutating func take(
        _ event: AgentEvent,
        at now: Instant,
        _ steps: inout [Step]
    ) {
        // Nothing follows an exit: a late line of a dead process must not revive it.
        if case .exited = agent { return }
        switch event {
        case .registered(let id):
            if agent == .absent { agent = .unknown }
            watch.registered(id, at: now)
            said.givenUpAtWork = false
        case .waiting:
            if case .idle = agent { return }
            var workedBefore = settings.restarted
            if case .busy = agent { workedBefore = true }
            if case .job(.some) = reported { workedBefore = true }
            agent = .idle(since: now, workedBefore: workedBefore)
            nextReserve = nil
        case .received(let job):
            if agent != .busy(job) {
                busySince = now
                said.worksLong = false
            }
            agent = .busy(job)
            stayReason = .caughtJob
        case .unreadable:
            agent = .unknown
            steps.append(Step(.warn, .statusUnreadable))
        case .drained:
            signal = signal ?? .drained
        case .stopping:
            signal = signal ?? .stopping
        case .working(let processes):
            steps.append(Step(.warn, .drainRefused(processes: processes)))
            // Log and processes disagree, so it is not idle yet; asked again after a while.
            if case .idle = agent { agent = .idle(since: now, workedBefore: true) }
            if phase == .draining, signal == nil { phase = .working }
            said.drain = false
            nextReserve = now + Self.reserveAgain
            stayReason = .drainRefused(processes: processes)
        case .exited(let code):
            agent = .exited(code: code)
            exitedAt = now
            if phase == .working || phase == .reserving || phase == .draining { phase = .booking }
        }
    }

    private mutating func take(
        _ report: LedgerReport,
        at now: Instant,
        _ steps: inout [Step]
    ) {
        switch report {
        case .reported(let job):
            reported = .job(job)
            if job != nil { reserved = nil }
        case .reserve(.granted(let kind)):
            reserved = kind
            if phase == .reserving { phase = .draining }
        case .reserve(.refused(let reason)):
            if phase == .reserving { phase = .working }
            nextReserve = now + Self.reserveAgain
            // Said once for each change, or an agent at the floor would say it for ever.
            if lastRefusal != reason { steps.append(Step(.note, .mustStay(reason))) }
            lastRefusal = reason
        case .rejoined:
            reserved = nil
        case .departure(let departure):
            reserved = nil
            reported = .job(nil)
            exposedAt = nil
            mayBeExposed = false
            guard phase == .booking else { return }
            switch departure {
            case .retired, .bookedBefore:
                // A sidecar before this one may have died before its write to ECS.
                projectionDue = true
                phase = .unprotecting
            case .strayed, .recycles:
                phase = .projecting
            }
            leaveReason = .departed(departure)
        case .exposed:
            exposedAt = exposedAt ?? now
            mayBeExposed = false
            // A lowering that is already on its way must arrive before the agent starts.
            projectionDue = true
        case .covered:
            exposedAt = nil
            mayBeExposed = false
        }
    }

    /// An agent that must stay asks again after this pause.
    static let reserveAgain: Duration = .seconds(60)
    /// How often an idle sidecar compares service and ledger.
    static let compareEvery: Duration = .seconds(60)
}
