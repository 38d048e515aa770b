import AgentLink
import Decisions
import Testing

@testable import Sidecar

/// One task in virtual time, made of the values that ship: the sidecar's state machine, the
/// launcher's, and the ledger. Agent, ECS and clock are a few lines each. The sidecar can be
/// killed at any directive and is then started again, as ECS does.
struct TaskWorld {
    /// What the agent does of itself, one thing after the other.
    enum Deed {
        case waits
        case receives(Job)
        case exits
    }

    /// How a life is told.
    struct Script {
        /// What the agent does, and how long after the deed before.
        var deeds: [(after: Duration, Deed)]
        /// What it does once it has its stop signal.
        var whenSignalled: [(after: Duration, Deed)] = [(.milliseconds(300), .exits)]
        /// A stop by ECS or a person.
        var outsideStopAfter: Duration?
        var protection: ProtectionReport = .protected(for: .seconds(7_200))
        /// The ledger when the task begins.
        var jobs: [Job] = []
        var desiredCount = 0
        /// What ECS says of the service's deployments. An open one stops the task soon after it has
        /// given its protection back.
        var rollout = Rollout.settled
        /// Nil where the container is renewed after no job.
        var renewal: RenewalScript?
    }

    /// What becomes of the container after a job, and who follows.
    struct RenewalScript {
        /// What each of the task's further agents does, one list after the other.
        var agents: [[(after: Duration, Deed)]] = []
        var maxJobs: Int?
        /// Something is left, so that nobody follows.
        var isSpoiled = false
        /// A person or ECS stops the task while it is renewed.
        var isStruck = false
    }

    enum Death: CaseIterable {
        /// The directive was given and nothing came of it.
        case beforeEffect
        /// The effect is there, and nobody has heard of it.
        case afterEffect
    }

    /// What a renewal took in the benchmark, with room to spare.
    static let renewalTakes: Duration = .milliseconds(300)

    static let task = TaskID("t1")
    private static let restartTakes: Duration = .seconds(3)

    private let limits: Limits
    private let script: Script
    /// Which directives kill the sidecar, counted over all of its lives.
    private var deaths: [Int: Death]

    private(set) var now: Instant = .origin
    private(set) var ledger: Ledger
    private(set) var desired: Int
    private(set) var directives: [Directive] = []
    private(set) var stopSignals = 0
    private(set) var isProtected = false
    private(set) var left: LauncherLife.LeaveReason?
    private(set) var ranUnprotected = false
    /// Those of the agents that were started, in their order.
    private(set) var names: [String] = []

    private var retirement: Retirement
    /// Which agent was named last, as the shared volume has it.
    private var agentNumber = 1
    private var agentAllowed = false
    private var wakeAt: Instant?
    private var steps: [Step] = []
    private var heard: [Observation] = [.woke]
    private var startsAgainAt: Instant?

    private var launcher: LauncherLife
    private var renewedAt: Instant?
    private var isLinked = false
    private var isAgentAlive = false
    private var deeds: [(after: Duration, Deed)]
    private var nextDeedAt: Instant?
    private var stopAt: Instant?

    init(_ script: Script, deaths: [Int: Death] = [:]) throws {
        self.script = script
        self.deaths = deaths
        retirement = Retirement(Self.settings(script))
        launcher = LauncherLife(renews: script.renewal != nil)
        limits = try #require(Limits(desiredCount: script.desiredCount, maxCount: 5, spareCount: 0))
        ledger = Ledger(version: 1, size: 1)
        for job in script.jobs {
            ledger.jobs[job] = .init(at: WallTime(milliseconds: 0))
            ledger.uphold(limits, at: WallTime(milliseconds: 0))
        }
        desired = ledger.size
        deeds = script.deeds
        stopAt = script.outsideStopAfter.map { .origin + $0 }
    }

    private static func settings(_ script: Script, agentNumber: Int = 1) -> Retirement.Settings {
        Retirement.Settings(
            idleTimeout: .seconds(120),
            firstJobTimeout: .seconds(300),
            renewal: script.renewal.map { .init(maxJobs: $0.maxJobs, agentNumber: agentNumber) }
        )
    }

    /// What is left behind, as far as anybody outside can see it.
    struct End: Equatable {
        var ledger: Ledger
        var desired: Int
        var stopSignals: Int
        var left: LauncherLife.LeaveReason?
        var isProtected: Bool
        /// How many there were, one after the other.
        var agents: Int
    }

    /// Plays the task to its end.
    mutating func play() throws -> End {
        for _ in 0..<5_000 where left == nil { try turn() }
        // What the sidecar still does after its release: nothing that anybody would see.
        #expect(left != nil, "the task never ended: \(directives.suffix(20))")
        var ledger = ledger
        // How often it was written, and when, is no part of the story.
        ledger.version = 0
        ledger.recycledAt = nil
        for task in ledger.departed.keys {
            ledger.departed[task]?.at = WallTime(milliseconds: 0)
        }
        return End(
            ledger: ledger,
            desired: desired,
            stopSignals: stopSignals,
            left: left,
            isProtected: isProtected,
            agents: names.count
        )
    }

    private mutating func turn() throws {
        if let due = startsAgainAt {
            if steps.isEmpty, now >= due { startAgain() } else { try advance() }
        } else if !steps.isEmpty {
            perform(steps.removeFirst())
        } else if !heard.isEmpty {
            observe(heard.removeFirst())
        } else if !isLinked {
            connect()
        } else {
            try advance()
        }
    }

    /// Lets time pass until something happens.
    private mutating func advance() throws {
        let next = [wakeAt, nextDeedAt, stopAt, startsAgainAt, renewedAt].compactMap { $0 }.min()
        now = max(now, try #require(next, "nothing will ever happen again: \(directives)"))
        if let stopAt, stopAt <= now {
            self.stopAt = nil
            // A deployment stops no task that was protected again meanwhile.
            let isAsked = script.outsideStopAfter != nil || script.renewal?.isStruck ?? false
            if isAsked || !isProtected { tell(.outsideStop(signal: 15)) }
        } else if let renewedAt, renewedAt <= now {
            self.renewedAt = nil
            tell(script.renewal?.isSpoiled ?? false ? .spoiled(.remains) : .renewed)
        } else if let nextDeedAt, nextDeedAt <= now {
            act()
        } else if let wakeAt, wakeAt <= now, startsAgainAt == nil {
            self.wakeAt = nil
            heard.append(.woke)
        }
    }

    // MARK: The sidecar

    private mutating func observe(_ observation: Observation) {
        for step in retirement.observe(observation, at: now) {
            if case .wakeAt(let instant) = step.directive {
                wakeAt = instant
            } else {
                steps.append(step)
            }
        }
    }

    private mutating func perform(_ step: Step) {
        let number = directives.count
        directives.append(step.directive)
        if deaths[number] == .beforeEffect { return die() }
        let outcome = effect(of: step.directive)
        if deaths[number] == .afterEffect { return die() }
        if let outcome { heard.append(outcome) }
    }

    private mutating func die() {
        steps = []
        heard = []
        wakeAt = nil
        isLinked = false
        startsAgainAt = now + Self.restartTakes
    }

    private mutating func startAgain() {
        startsAgainAt = nil
        var settings = Self.settings(script, agentNumber: agentNumber)
        settings.restarted = agentAllowed
        settings.hasPredecessor = true
        retirement = Retirement(settings)
        heard = [.woke]
    }

    private mutating func effect(of directive: Directive) -> Observation? {
        switch directive {
        case .protect:
            if case .protected = script.protection { isProtected = true }
            return .protection(script.protection)
        case .unprotect:
            isProtected = false
            if script.rollout.handsOver { stopAt = stopAt ?? now + .seconds(5) }
            return .unprotected
        case .allowAgent: agentAllowed = true
        case .nameAgent: tell(.named("agent"))
        case .nameNext(let number):
            agentNumber = number
            tell(.nextNamed("agent-\(number)"))
        case .drain: tell(.drainAsked)
        case .release: tell(.released)
        case .hold: tell(.held)
        case .look: return .looked(script.rollout)
        case .ledger(let operation):
            let size = ledger.size
            let report = ledger.apply(
                operation,
                of: Self.task,
                live: [Self.task],
                finished: [],
                patience: .seconds(3_600),
                at: WallTime(milliseconds: Int(now.sinceOrigin.components.seconds) * 1_000),
                limits
            )
            return .booked(report, sizeChanged: ledger.size != size)
        case .project:
            switch Projection(LedgerView(ledger, limits), service: .init(desired: desired)) {
            case .agreed, .still, .look: return .projected
            case .hold: return .projectionFailed("exposed")
            case .write(let count):
                desired = count
                return .projected
            }
        case .compare:
            return .compared(
                Comparison(
                    size: ledger.size,
                    desired: desired,
                    running: 1,
                    rollout: script.rollout
                )
            )
        case .watch, .wakeAt, .end, .note, .warn, .alarm: break
        }
        return nil
    }

    // MARK: The launcher and its agent

    private mutating func connect() {
        // Before it may start the agent it only waits.
        guard agentAllowed else {
            if heard.isEmpty, steps.isEmpty, let wakeAt {
                now = wakeAt
                self.wakeAt = nil
                heard.append(.woke)
            }
            return
        }
        isLinked = true
        heard.append(.linked)
        for message in launcher.greeting { hear(message) }
    }

    private mutating func tell(_ observation: LauncherLife.Observation) {
        for directive in launcher.on(observation) {
            switch directive {
            case .start(let name):
                isAgentAlive = true
                if let agents = script.renewal?.agents, !names.isEmpty {
                    deeds = agents.indices.contains(names.count - 1) ? agents[names.count - 1] : []
                }
                names.append(name ?? "")
                if !isProtected { ranUnprotected = true }
                scheduleDeed()
            case .sendStopSignal:
                stopSignals += 1
                deeds = script.whenSignalled
                scheduleDeed()
            case .endCommand: break
            case .renew:
                renewedAt = now + Self.renewalTakes
                if script.renewal?.isStruck ?? false { stopAt = now + Self.renewalTakes / 3 }
            case .countJobProcesses: tell(.jobProcesses(0))
            case .say(let message): hear(message)
            case .leave(_, let reason): left = reason
            }
        }
    }

    private mutating func scheduleDeed() {
        nextDeedAt = isAgentAlive ? deeds.first.map { now + $0.after } : nil
    }

    private mutating func act() {
        switch deeds.removeFirst().1 {
        case .waits:
            tell(.statusLine(.status(#"{"@module":"core","@message":"Waiting for next job"}"#)))
        case .receives(let job):
            tell(
                .statusLine(
                    .status(
                        #"{"@module":"core","@message":"Job received","job_id":"\#(job.id)","#
                            + #""job_type":"\#(job.type)"}"#
                    )
                )
            )
        case .exits:
            isAgentAlive = false
            tell(.agentExited(code: 0))
            tell(.outputSettled)
        }
        scheduleDeed()
    }

    private mutating func hear(_ message: LauncherMessage) {
        guard isLinked else { return }
        switch message {
        case .hello, .silenced, .ping: break
        case .renewed: heard.append(.agent(.renewed))
        case .spoiled(let reason): heard.append(.agent(.spoiled(reason.rawValue)))
        case .status(let line):
            switch AgentLog.read(line) {
            case .event(let event): heard.append(.agent(event))
            case .otherLogger: break
            case .unreadable: heard.append(.agent(.unreadable))
            }
        case .unreadable: heard.append(.agent(.unreadable))
        case .stopping: heard.append(.agent(.stopping))
        case .drained: heard.append(.agent(.drained))
        case .busy(let processes): heard.append(.agent(.working(processes: processes)))
        case .exited(let code): heard.append(.agent(.exited(code: code)))
        }
    }
}
