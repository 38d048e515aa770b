/// Scale-in protection as far as it is known, and what its failures mean.
///
/// Outside facts: ECS developer guide, "Task scale-in protection": the expiry counts from each
/// successful call, `DEPLOYMENT_BLOCKED` says that the service has as many protected tasks as it
/// wants, and an answer of status 200 may be a refusal.
struct Protection: Hashable, Sendable {
    /// When the task was born: of a fault that was there from the beginning nobody knows better.
    let bornAt: Instant
    private(set) var underWay = false
    private(set) var heldUntil: Instant?
    /// Since when every answer has been a failure.
    private(set) var failingSince: Instant?
    private(set) var lastCause = ""
    private(set) var blocked = false
    private var lifetime: Duration = .zero
    private var renewAt: Instant = .zero
    private var notBefore: Instant = .zero
    private var askedAt: Instant?

    init(bornAt: Instant) { self.bornAt = bornAt }

    func isHeld(at now: Instant) -> Bool { (heldUntil ?? .zero) > now }

    /// Whether an agent may be started on it: what an earlier sidecar left may end at once.
    func lasts(at now: Instant) -> Bool {
        guard let heldUntil, heldUntil > now else { return false }
        return failingSince == nil || heldUntil >= now + Self.leastLeft
    }

    /// When the next attempt is due.
    func nextAttempt(at now: Instant) -> Instant {
        isHeld(at: now) ? max(renewAt, notBefore) : notBefore
    }

    mutating func asked(at now: Instant) {
        underWay = true
        askedAt = now
    }

    /// - Parameters:
    ///   - report: the answer.
    ///   - now: when it came.
    ///   - agentMayRun: a blocked task whose agent has not started is merely early; one whose
    ///     agent runs is in danger.
    mutating func take(_ report: ProtectionReport, at now: Instant, agentMayRun: Bool) {
        underWay = false
        blocked = false
        switch report {
        case .protected(let time):
            heldUntil = now + time
            lifetime = time
            renewAt = now + min(time / 4, Self.longestPause)
            notBefore = .zero
            failingSince = nil
        case .blocked:
            blocked = true
            lastCause = "DEPLOYMENT_BLOCKED"
            notBefore = now + Self.askAgain
            failingSince = agentMayRun ? failingSince ?? askedAt ?? now : nil
        case .refused(let cause), .unclear(let cause):
            failed(cause, at: now)
        case .held(let time, let cause):
            heldUntil = now + time
            lifetime = max(lifetime, time)
            failed(cause, at: now)
        }
    }

    private mutating func failed(_ cause: String, at now: Instant) {
        lastCause = cause
        // An answer that does not come is a failure from the beginning.
        failingSince = failingSince ?? askedAt ?? now
        let lasting = hasFailed(for: Self.patience, at: now)
        notBefore = now + (lasting ? Self.askSlowly : Self.askAgain)
    }

    /// True when the agent runs, or has to be started, without protection: from here on nothing
    /// may lower the service.
    func isLost(at now: Instant) -> Bool {
        guard let at = lostAt(now) else { return false }
        return now >= at
    }

    /// When the failures so far will mean that protection is lost; nil while there are none.
    func lostAt(_ now: Instant) -> Instant? {
        guard let failingSince else { return nil }
        guard let heldUntil else { return max(failingSince, bornAt + Self.patience) }
        let margin = max(min(Self.expiryMargin, lifetime / 8), Self.leastLeft)
        return max(heldUntil - margin, failingSince)
    }

    /// The run comes first: neither protection nor ledger has answered for as long as ECS waits.
    func mustStart(at now: Instant) -> Bool {
        failingSince != nil && now >= bornAt + Self.runComesFirst
    }

    func hasFailed(for time: Duration, at now: Instant) -> Bool {
        guard let failingSince else { return false }
        return now - failingSince >= time
    }

    /// A refusal that lasts this long is a fault of the installation, not a passing one.
    static let patience: Duration = .seconds(60)
    /// An agent is started after so long though neither protection nor ledger answers. An entry in
    /// the ledger would have had its time by then, and ECS ends a task whose sidecar is not healthy
    /// within two minutes (`startTimeout`; 120 s at most on Fargate).
    static let runComesFirst: Duration = .seconds(100)
    /// A task that is not needed yet asks again; ECS's bucket for protection calls refills by
    /// 80 a second for the whole account (ECS developer guide, "Request throttling").
    static let askAgain: Duration = .seconds(5)
    static let askSlowly: Duration = .seconds(30)
    /// The exposure must be in the ledger before protection ends.
    static let expiryMargin: Duration = .seconds(300)
    /// Whatever is left of an earlier grant: the write of the exposure, and a lowering that was on
    /// its way before it, must have come to their end while the task is still protected.
    static let leastLeft: Duration = .seconds(45)
    /// However long it holds, it is renewed this often; a busy agent's job is said again with it.
    static let longestPause: Duration = .seconds(1_800)
}
