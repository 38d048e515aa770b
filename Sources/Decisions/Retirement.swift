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
/// A departure that lowers nothing looks, between booking and projecting, for a deployment that the
/// task is to be handed over to: `looking ► handingOver`.
package struct Retirement: Hashable, Sendable {
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
        /// How long the sidecar had been running when its first observation was made: what it needs
        /// to begin may have been away.
        package var age: Duration
        package var timing: Timing

        package init(
            idleTimeout: Duration = .seconds(120),
            firstJobTimeout: Duration = .seconds(300),
            maxLifetime: Duration? = nil,
            watchesAgent: Bool = false,
            restarted: Bool = false,
            hasPredecessor: Bool = false,
            age: Duration = .zero,
            timing: Timing = .shipped
        ) {
            self.idleTimeout = idleTimeout
            self.firstJobTimeout = firstJobTimeout
            self.maxLifetime = maxLifetime
            self.watchesAgent = watchesAgent
            self.restarted = restarted
            self.hasPredecessor = hasPredecessor || restarted
            self.age = age
            self.timing = timing
        }
    }

    package enum Phase: Hashable, Sendable {
        case working
        case reserving
        case draining
        case booking
        case unprotecting
        /// ECS starts a fresh task in its place; whether a deployment does is not known yet.
        case looking
        /// Held open until ECS's deployment stops the task.
        case handingOver
        case projecting
        case released
    }

    let settings: Settings
    package internal(set) var phase: Phase = .working
    package internal(set) var agent: AgentStatus = .absent
    package internal(set) var healthy: Bool

    package internal(set) var timers: Timers
    var telling = Telling()

    // What is known.
    var linked = false
    var stopRequested = false
    var signal: Signal?
    var protection = Protection()

    // What the ledger was last told, and what is under way there.
    var reported: Reported
    /// Jobs that the agent had, that are over, and that the ledger may still hold: their report
    /// never arrived, or was never made.
    var over: Set<Job> = []
    var reserved: Ledger.LeaveKind?
    /// A reservation was asked for, and nobody knows whether it was granted.
    var mayBeReserved: Bool
    /// The ledger has heard nothing yet of this agent, which started lately.
    var isFresh: Bool
    /// Told as the first job of a fresh agent.
    var firstJob: Job?
    /// A sidecar before this one may have entered the task, and an entry that nobody takes back
    /// would keep the service from ever shrinking.
    var mayBeExposed: Bool
    var ledgerSlot = Slot<LedgerOperation>()

    // ECS following the ledger.
    var projectionDue = false
    var projectionSlot = Slot<Bool>()
    var comparing = false
    var comparison = ComparisonTrail()
    var lookSlot = Slot<Bool>()
    var unprotectSlot = Slot<Bool>()

    // HCP Terraform's view of the agent.
    var watch = AgentWatch()
    /// The last job that it received and is not known to be over.
    var job: Job?
    /// The agent of this task has waited for a job, or had one.
    var hasWaited: Bool
    /// It ended by itself, not well, before it could take a job.
    var hasFailedToStart = false

    var said = Said()
    var sayJobAgain = false
    var healthSlot = Slot<Bool>()

    /// Steps that are given once, or once for each connection of the launcher.
    struct Said: Hashable, Sendable {
        var name = false
        var drain = false
        var release = false
        var hold = false
        var unprotect = false
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
        /// In a row, up to as many as make a difference.
        var failures = 0

        /// - Parameter from: the pause after a failure ends.
        func isFree(_ from: Instant?, at now: Instant) -> Bool {
            underWay == nil && from.hasCome(at: now)
        }

        mutating func succeeded(_ from: inout Instant?) {
            underWay = nil
            failures = 0
            from = nil
        }

        mutating func failed(_ from: inout Instant?, at now: Instant, _ timing: Timing) {
            underWay = nil
            failures = min(failures + 1, Timing.doublings + 1)
            from = now + timing.pause(after: failures)
        }
    }

    package init(_ settings: Settings) {
        self.settings = settings
        self.timers = Timers(settings.timing)
        self.mayBeReserved = settings.restarted
        self.isFresh = !settings.restarted
        self.healthy = settings.restarted
        self.reported = settings.restarted ? .unclear : .job(nil)
        self.mayBeExposed = settings.hasPredecessor
        self.hasWaited = settings.restarted
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
            protection.take(report, &timers, at: now, agentMayRun: healthy)
            if let cause = report.cause { telling.protectionCause = cause }
            // Said again now and then, protected or not, so that a ledger that was lost learns of it.
            if case .busy(let job) = agent, reported == .job(job),
                let saidAt = timers[.jobSaidAt], now - saidAt >= timing.sayJobEvery
            {
                sayJobAgain = true
            }
        case .healthFailed(let cause):
            steps.append(Step(.warn, .tryAgain(cause)))
            telling.healthCause = cause
            healthSlot.failed(&timers[.healthFrom], at: now, timing)
        case .unprotected: tookProtectionBack(failed: false, at: now)
        case .unprotectFailed: tookProtectionBack(failed: true, at: now)
        case .linked:
            linked = true
            timers[.unlinkedAt] = nil
            // A launcher that says nothing may have started its agent long ago.
            if agent == .absent { becomes(.unknown, at: now) }
            telling.silence = .saidNothing
            // A launcher that connects anew may not have heard what the last one was told.
            said.name = false
            said.drain = false
            said.release = false
            said.hold = false
        case .unlinked:
            linked = false
            timers[.unlinkedAt] = now
            // Whatever the agent does now, nobody hears it. The launcher repeats it.
            switch agent {
            case .idle, .busy: becomes(.unknown, at: now)
            case .absent, .unknown, .exited: break
            }
            telling.silence = .unlinked
        case .agent(let event):
            take(event, at: now, &steps)
        case .booked(let report, let sizeChanged):
            if case .report(_, let told, _, _) = ledgerSlot.underWay { over.subtract(told) }
            switch ledgerSlot.underWay {
            case .report(let job?, _, true, _):
                firstJob = job
                isFresh = false
            case .report(.some, _, _, _), .reserve: isFresh = false
            default: break
            }
            ledgerSlot.succeeded(&timers[.ledgerFrom])
            telling.ledgerCause = ""
            if sizeChanged { projectionDue = true }
            take(report, at: now, &steps)
        case .ledgerFailed(let cause):
            if phase == .reserving {
                phase = .working
                timers[.reserveFrom] = now + timing.reserveAgain
            }
            forgetOutcome()
            if cause != telling.ledgerCause { steps.append(Step(.warn, .tryAgain(cause))) }
            telling.ledgerCause = cause
            ledgerSlot.failed(&timers[.ledgerFrom], at: now, timing)
        case .projected:
            projectionSlot.succeeded(&timers[.projectFrom])
            telling.projectionCause = ""
        case .projectionFailed(let cause):
            telling.projectionCause = cause
            projectionSlot.failed(&timers[.projectFrom], at: now, timing)
            projectionDue = true
        case .compared(let seen):
            comparing = false
            // One reading that failed must not break a row: ECS renews no protection while more
            // tasks hold it than the service wants, so a stray has to be found in time.
            let isMissed = seen == nil && comparison.isSuspicious
            timers[.compareFrom] = now + (isMissed ? timing.compareAgain : timing.compareEvery)
            if let seen {
                comparison.take(seen, &timers, at: now)
                if comparison.differsTwice {
                    projectionDue = true
                    comparison.forgetDifference()
                }
            }
        case .looked(let rollout): take(rollout, at: now)
        case .watched(let report):
            watch.take(report, &timers, at: now)
            if report == .seen(.busy) { telling.stayReason = .takenForBusy }
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
            if agent == .absent { becomes(.unknown, at: now) }
            if telling.silence == .saidNothing { telling.silence = .registered }
            watch.registered(id, &timers, at: now)
            telling.saidGivenUpAtWork = false
        case .waiting:
            telling.saidUnreadable = false
            hasWaited = true
            jobEnded()
            if case .idle = agent { return }
            var workedBefore = settings.restarted
            if case .busy = agent { workedBefore = true }
            if case .job(.some) = reported { workedBefore = true }
            becomes(.idle(workedBefore: workedBefore), at: now)
            timers[.reserveFrom] = nil
            timers[.drainFrom] = nil
        case .received(let job):
            telling.saidUnreadable = false
            hasWaited = true
            if self.job != job { jobEnded() }
            over.remove(job)
            self.job = job
            if agent != .busy(job) {
                telling.busySince = now
                telling.saidWorksLong = false
            }
            becomes(.busy(job), at: now)
            telling.stayReason = .caughtJob
        case .unreadable:
            becomes(.unknown, at: now)
            telling.silence = .unreadable
            hasWaited = true
            // Once, until a line can be read again.
            if !telling.saidUnreadable { steps.append(Step(.warn, .statusUnreadable)) }
            telling.saidUnreadable = true
        case .drained:
            signal = signal ?? .drained
        case .stopping:
            signal = signal ?? .stopping
        case .working(let processes):
            steps.append(Step(.warn, .drainRefused(processes: processes)))
            // Log and processes disagree, so it is not idle yet; asked again after a while.
            if case .idle = agent { becomes(.idle(workedBefore: true), at: now) }
            if phase == .draining, signal == nil { phase = .working }
            said.drain = false
            timers[.drainFrom] = now + timing.reserveAgain
            telling.stayReason = .drainRefused(processes: processes)
        case .exited(let code):
            if let job, code != 0 { steps.append(Step(.warn, .endedAtWork(code: code, job))) }
            hasFailedToStart = code != 0 && !hasWaited && signal == nil && agent != .absent
            if hasFailedToStart { steps.append(Step(.alarm, .failedStart(code: code))) }
            jobEnded()
            becomes(.exited(code: code), at: now)
            timers[.exitedAt] = now
            if phase == .working || phase == .reserving || phase == .draining { phase = .booking }
        }
    }

    private mutating func becomes(_ status: AgentStatus, at now: Instant) {
        agent = status
        if case .idle = status { timers[.idleSince] = now } else { timers[.idleSince] = nil }
    }

    /// The job in hand is over; the ledger has to hear of it, reported or not.
    private mutating func jobEnded() {
        guard let job else { return }
        // One that the ledger has as this task's goes with the next report of another, or of none.
        if reported != .job(job), over.count < Self.overAtMost { over.insert(job) }
        self.job = nil
    }

    /// Jobs remembered as over while the ledger is away. Those beyond are held for waiting until
    /// they are too old.
    static let overAtMost = 100

    /// After an operation whose outcome is not known, what it may have written is unknown too, and
    /// has to be said again.
    private mutating func forgetOutcome() {
        switch ledgerSlot.underWay {
        case .report: reported = .unclear
        case .expose: mayBeExposed = true
        case .reserve: mayBeReserved = true
        case .rejoin, .depart, .cover, nil: break
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
            sayJobAgain = false
            timers[.jobSaidAt] = job == nil ? nil : now
            if job != nil {
                reserved = nil
                mayBeReserved = false
            }
        case .reserve(.granted(let kind)):
            reserved = kind
            mayBeReserved = false
            if phase == .reserving { phase = .draining }
        case .reserve(.refused(let reason)):
            mayBeReserved = false
            // The ledger, and not this sidecar, knows of a job: it is said again that there is none.
            if reason == .holdsJob { reported = .unclear }
            if phase == .reserving { phase = .working }
            timers[.reserveFrom] = now + timing.reserveAgain
            // Said once for each change, or an agent at the floor would say it for ever.
            if telling.lastRefusal != reason { steps.append(Step(.note, .mustStay(reason))) }
            telling.lastRefusal = reason
        case .rejoined:
            reserved = nil
            mayBeReserved = false
        case .departure(let departure):
            reserved = nil
            mayBeReserved = false
            reported = .job(nil)
            over = []
            timers[.jobSaidAt] = nil
            isCovered()
            guard phase == .booking else { return }
            switch departure {
            case .retired, .bookedBefore:
                // A sidecar before this one may have died before its write to ECS.
                projectionDue = true
                phase = .unprotecting
            case .strayed:
                // The service may have been larger than the ledger for its sake.
                projectionDue = true
                phase = .projecting
            case .recycles:
                phase = .looking
            }
            telling.leaveReason = .departed(departure)
        case .exposed:
            // A lowering that is already on its way must arrive before the agent starts.
            if timers[.exposedAt] == nil {
                projectionDue = true
                timers[.exposedAt] = now
            }
            timers[.exposureSaidAt] = now
            mayBeExposed = false
        case .covered:
            isCovered()
        }
    }

    /// The ledger has no entry of this task as exposed.
    private mutating func isCovered() {
        timers[.exposedAt] = nil
        timers[.exposureSaidAt] = nil
        mayBeExposed = false
    }
}
