import Decisions
import Telemetry

/// What becomes of a task in numbers, read off what happens in it. No decision looks at it.
struct LifeMeter {
    /// The times of the task's start, before this sidecar's own clock began.
    struct Start {
        /// From the begin of the images' pull to its end; nil where the task metadata says neither.
        var pull: Duration?
        /// From the pull's end to where this clock is zero.
        var sincePull: Duration?
    }

    private let start: Start
    private var hasWaited: Bool
    private var hadJob: Bool
    private var namedAt: Instant?
    private var idleSince: Instant?
    /// What the agent does can be told from what the launcher last said.
    private var isKnown = false
    private var job: (job: Job, since: Instant)?

    /// - Parameter restarted: an earlier sidecar saw the agent's start.
    init(_ start: Start, restarted: Bool) {
        self.start = start
        hasWaited = restarted
        hadJob = restarted
    }

    /// - Returns: what is to be said of it.
    mutating func see(_ observation: Observation, at now: Instant) -> [LogRecord] {
        switch observation {
        case .unlinked: lost()
        case .agent(.waiting): waits(at: now)
        case .agent(.received(let job)): received(job, at: now)
        case .agent(.exited(let code)): exited(code, at: now)
        case .agent(.renewed): [Self.renewed]
        case .protection(let report): Self.told(report).map { [$0] } ?? []
        case .booked(.departure(let departure), _): [Self.departed(departure)]
        case .ledgerFailed(let cause, _): [Self.ledgerFailed(cause)]
        default: []
        }
    }

    /// An agent starts once the launcher is told its name.
    mutating func see(_ directive: Directive, at now: Instant) {
        switch directive {
        case .nameAgent, .nameNext: namedAt = now
        default: break
        }
    }

    // MARK: The agent

    private mutating func waits(at now: Instant) -> [LogRecord] {
        var records = endOfJob(code: nil, at: now)
        if idleSince == nil { idleSince = now }
        if let booted = boot(at: now) { records.append(booted) }
        if records.isEmpty, !isKnown {
            records.append(LogRecord(.agentWaits, "the agent waits for a job"))
        }
        isKnown = true
        return records
    }

    private mutating func lost() -> [LogRecord] {
        isKnown = false
        return [LogRecord(.launcherLost, "the launcher is not connected any more")]
    }

    private mutating func boot(at now: Instant) -> LogRecord? {
        defer {
            hasWaited = true
            namedAt = nil
        }
        guard let namedAt else { return nil }
        var record = LogRecord(.agentReady, "the agent waits for its first job")
        record.measured[.bootRegister] = (now - namedAt).inSeconds
        guard !hasWaited, let pull = start.pull, let sincePull = start.sincePull else {
            return record
        }
        record.measured[.bootPull] = pull.inSeconds
        record.measured[.bootStart] = sincePull.inSeconds
        record.measured[.bootProtect] = namedAt.sinceOrigin.inSeconds
        record.measured[.boot] = (pull + sincePull + now.sinceOrigin).inSeconds
        return record
    }

    private mutating func received(_ job: Job, at now: Instant) -> [LogRecord] {
        isKnown = true
        guard self.job?.job != job else { return [] }
        var records = endOfJob(code: nil, at: now)
        var record = LogRecord(.jobStarted, "the agent received \(job)", [.job: "\(job)"])
        if let idle = endOfIdleTime(at: now) {
            record.measured[.idleTime] = idle
            if !hadJob { record.measured[.bootFirstJob] = idle }
        }
        hadJob = true
        self.job = (job, now)
        records.append(record)
        return records
    }

    private mutating func exited(_ code: Int, at now: Instant) -> [LogRecord] {
        var records = endOfJob(code: code, at: now)
        var record = LogRecord(
            .agentExited,
            "the agent exited with code \(code)",
            [.code: .count(code)]
        )
        if let idle = endOfIdleTime(at: now) { record.measured[.idleTime] = idle }
        records.append(record)
        return records
    }

    private mutating func endOfIdleTime(at now: Instant) -> Double? {
        defer { idleSince = nil }
        return idleSince.map { (now - $0).inSeconds }
    }

    private mutating func endOfJob(code: Int?, at now: Instant) -> [LogRecord] {
        guard let (job, since) = job else { return [] }
        self.job = nil
        var fields: LogFields = [.job: "\(job)"]
        fields[.code] = code.map { .count($0) }
        return [
            LogRecord(
                .jobEnded,
                "\(job) is over",
                fields,
                measuring: [.jobDuration: (now - since).inSeconds]
            )
        ]
    }

    // MARK: What others answered

    private static let renewed = LogRecord(
        .containerRenewed,
        "the container is as it was at its start",
        measuring: [.renewals: 1]
    )

    private static func told(_ report: ProtectionReport) -> LogRecord? {
        switch report {
        case .protected(let time):
            LogRecord(
                .protectionGranted,
                "ECS protects the task",
                [.seconds: .number(time.inSeconds)]
            )
        // As many are protected as ECS wants tasks: it is asked again until that changes.
        case .blocked: LogRecord(.protectionBlocked, "ECS does not protect the task yet")
        case .refused(let cause), .unclear(let cause), .held(_, let cause):
            LogRecord(
                .protectionRefused,
                "ECS did not protect the task when asked",
                [.cause: .text(cause)],
                measuring: [.protectionFailures: 1]
            )
        }
    }

    private static func departed(_ departure: Departure) -> LogRecord {
        LogRecord(
            .departed,
            "\(Reason.departed(departure))",
            [.reasonName: .text(departure.name)],
            measuring: [.departures: 1]
        )
    }

    private static func ledgerFailed(_ cause: String) -> LogRecord {
        LogRecord(
            .ledgerFailed,
            "a call of the ledger failed",
            [.cause: .text(cause)],
            measuring: [.ledgerFailures: 1]
        )
    }
}

extension Step {
    /// What a step's own line measures.
    var measured: Measurements {
        switch event {
        case .leaveRefused: [.leavesRefused: 1]
        case .agentDiedAtWork, .agentFailedStart: [.agentsCrashed: 1]
        case .agentUnknown: [.agentsUnknown: 1]
        case .containerSpoiled: [.renewalsSpoiled: 1]
        case .containerHeld: [.handOvers: 1]
        default: [:]
        }
    }
}

extension Duration {
    /// With milliseconds.
    var inSeconds: Double { self / .seconds(1) }
}
