import Model
import Seeded

/// An agent ends by itself, not well.
struct BadEnd: Equatable, Sendable {
    /// Of its process.
    var code: Int
    /// After its first job; else before it registers.
    var afterJob: Bool

    /// What tells the stand-in for `tfc-agent`.
    var environment: [String: String] {
        [afterJob ? "STAND_IN_EXIT_AFTER_JOB" : "STAND_IN_EXIT_AT_START": "\(code)"]
    }
}

/// All faults of one rehearsal, drawn before it begins from the seed and the options alone: the
/// same seed means the same faults, whatever the processes do.
struct FaultPlan: Equatable, Sendable {
    /// What is done at a certain second.
    enum Deed: Equatable, Sendable {
        /// `index` chooses among the processes that are alive then, in the order of their tasks'
        /// starts, counted round.
        case kill(Victim, index: Int)
        case freeze(Victim, index: Int, for: Milliseconds)
        /// ECS goes on showing the task for so long.
        case loseHost(index: Int, noticedAfter: Milliseconds)
        /// The next sidecar that starts is killed so soon that ECS does not start it again.
        case killYoungSidecar(after: Milliseconds)
        /// The next agent that starts ends by itself with this code.
        case endBadly(BadEnd)
        case edit(by: Int)
        case deploy(ECSStandIn.NewDeployment)
        case failStarts(StartFailure, for: Milliseconds)
        case stopTask(index: Int)
        case spot(index: Int)
        case end(Ending)
    }

    /// How a person ends a service.
    enum Ending: String, Sendable, CaseIterable {
        /// `DeleteService` with `force`.
        case deletion
        /// Its limits become 0 and 0, and no more.
        case limits
    }

    struct TimedFault: Equatable, Sendable {
        /// In the plan, from 1.
        var number: Int
        /// Since the first run was created.
        var at: Milliseconds
        var deed: Deed
    }

    /// The `nth` call of its kind and the `count - 1` after it.
    struct CallFault: Equatable, Sendable {
        var number: Int
        var call: APICall
        var nth: Int
        var count: Int
        var effect: CallEffect
    }

    /// What a plan is drawn from besides the seed.
    struct Options: Equatable, Sendable {
        /// Faults happen in this time, the calm begins after it.
        var seconds: Double
        var kinds: Set<FaultKind> = Set(FaultKind.allCases)
        /// Calls that this rehearsal makes at all.
        var calls: [APICall] = APICall.allCases
    }

    private(set) var timed: [TimedFault] = []
    private(set) var calls: [CallFault] = []
    let milliseconds: Milliseconds

    var count: Int { timed.count + calls.count }

    // MARK: - Drawing

    /// So many a minute: enough that faults meet each other, and runs still get somewhere.
    static let timedPerMinute = 15...21
    static let callsPerMinute = 21...30
    /// Nothing happens before: the endpoint and the first task should have something to lose.
    static let quietStart: Milliseconds = 2_000
    /// One of so many plans ends its service, if nobody chose the kinds of fault.
    static let plansPerEnd = 4
    /// Deployments in one plan. ECS takes five at a time and no more.
    static let deploymentLimit = 2

    init(seed: UInt64, _ options: Options) {
        milliseconds = Int(options.seconds * 1000)
        // A sequence of its own: the runs of a seed are the same with and without faults.
        var random = SeededRandom(seed: seed ^ 0xC4A0_5000_0000_0000)
        let timed = drawTimed(options, &random) + drawEnd(options, seed)
        let calls = drawCalls(options, &random)
        for (index, fault) in timed.sorted(by: { $0.at < $1.at }).enumerated() {
            self.timed.append(TimedFault(number: index + 1, at: fault.at, deed: fault.deed))
        }
        for (index, var fault) in calls.enumerated() {
            fault.number = timed.count + index + 1
            self.calls.append(fault)
        }
    }

    private func share(_ perMinute: ClosedRange<Int>, _ random: inout SeededRandom) -> Int {
        max(1, Int.random(in: perMinute, using: &random) * milliseconds / 60_000)
    }

    private func drawTimed(
        _ options: Options,
        _ random: inout SeededRandom
    ) -> [(at: Milliseconds, deed: Deed)] {
        let kinds = FaultKind.allCases.filter { options.kinds.contains($0) && $0.weight > 0 }
        guard !kinds.isEmpty else { return [] }
        let lots = kinds.flatMap { Array(repeating: $0, count: $0.weight) }
        var deployments = 0
        var result: [(at: Milliseconds, deed: Deed)] = []
        for _ in 0..<share(Self.timedPerMinute, &random) {
            guard let kind = lots.randomElement(using: &random) else { break }
            let latest = max(milliseconds, Self.quietStart)
            let at = Int.random(in: Self.quietStart...latest, using: &random)
            let deed = Self.deed(kind, &random)
            if case .deploy = deed {
                deployments += 1
                if deployments > Self.deploymentLimit { continue }
            }
            result.append((at, deed))
        }
        return result
    }

    private static func deed(_ kind: FaultKind, _ random: inout SeededRandom) -> Deed {
        let index = Int.random(in: 0..<12, using: &random)
        switch kind {
        case .killSidecar: return .kill(.sidecar, index: index)
        case .killLauncher: return .kill(.launcher, index: index)
        case .killAgent: return .kill(.agent, index: index)
        case .killEndpoint: return .kill(.endpoint, index: 0)
        case .freeze:
            let victim = Victim.allCases.randomElement(using: &random) ?? .sidecar
            return .freeze(victim, index: index, for: frost(victim, &random))
        case .hostLoss:
            return .loseHost(
                index: index,
                noticedAfter: Int.random(in: 500...8_000, using: &random)
            )
        case .editCount:
            let steps = [-3, -2, -1, 1, 2, 3]
            return .edit(by: steps.randomElement(using: &random) ?? 1)
        case .deploy, .endService, .call: return .deploy(deployment(&random))
        case .killYoungSidecar:
            return .killYoungSidecar(after: Int.random(in: 0..<1_000, using: &random))
        case .badEnd: return .endBadly(badEnd(&random))
        case .failStarts:
            return .failStarts(
                startFailure(&random),
                for: Int.random(in: 1_000...10_000, using: &random)
            )
        case .stopTask: return .stopTask(index: index)
        case .spot: return .spot(index: index)
        }
    }

    /// A sequence of its own, so that the other faults are the same with and without an end; in the
    /// second half of the time, so that they have something to hit.
    private func drawEnd(_ options: Options, _ seed: UInt64) -> [(at: Milliseconds, deed: Deed)] {
        var random = SeededRandom(seed: seed ^ 0xC4A0_5002_0000_0000)
        let isDrawn = Int.random(in: 0..<Self.plansPerEnd, using: &random) == 0
        let isChosen = options.kinds.count < FaultKind.allCases.count
        guard options.kinds.contains(.endService), isDrawn || isChosen,
            let ending = Ending.allCases.randomElement(using: &random)
        else { return [] }
        return [(Int.random(in: milliseconds / 2...milliseconds, using: &random), .end(ending))]
    }

    private static func deployment(
        _ random: inout SeededRandom
    ) -> ECSStandIn.NewDeployment {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .forced
        case 1: .broken(startFailure(&random))
        default: .revision
        }
    }

    private static func badEnd(_ random: inout SeededRandom) -> BadEnd {
        // 137 and 139 are what the shell makes of SIGKILL and SIGSEGV.
        let code = [1, 2, 137, 139].randomElement(using: &random) ?? 1
        return BadEnd(code: code, afterJob: Bool.random(using: &random))
    }

    private static func startFailure(_ random: inout SeededRandom) -> StartFailure {
        StartFailure.allCases.randomElement(using: &random) ?? .pullRefused
    }

    /// How ECS replaces tasks in a seed's rehearsal; a sequence of its own as well.
    static func replacement(of seed: UInt64) -> Replacement {
        var random = SeededRandom(seed: seed ^ 0xC4A0_5001_0000_0000)
        return Replacement.allCases.randomElement(using: &random) ?? .same
    }

    /// An agent is silent either for a moment, or until HCP Terraform calls it unknown, or until it
    /// is given up. The others for long enough to miss what happens meanwhile.
    private static func frost(_ victim: Victim, _ random: inout SeededRandom) -> Milliseconds {
        let gone = TerraformStandIn.patience.whole
        let ranges =
            victim == .agent
            ? [
                500...3_000, (TerraformStandIn.patience.unknown + 500)...(gone - 2_000),
                (gone + 2_000)...15_000,
            ]
            : [500...12_000]
        let range = ranges.randomElement(using: &random) ?? 500...3_000
        return Int.random(in: range, using: &random)
    }

    private func drawCalls(
        _ options: Options,
        _ random: inout SeededRandom
    ) -> [CallFault] {
        guard options.kinds.contains(.call), !options.calls.isEmpty else { return [] }
        return (0..<share(Self.callsPerMinute, &random)).compactMap { _ in
            guard let call = options.calls.randomElement(using: &random),
                let kind = call.effects.randomElement(using: &random)
            else { return nil }
            let nth = Int.random(in: 1...call.firstCalls, using: &random)
            // A throttled account stays so for a while; other faults seldom come in a row.
            let count = Int.random(in: kind == .throttled ? 1...6 : 1...2, using: &random)
            return CallFault(
                number: 0,
                call: call,
                nth: nth,
                count: count,
                effect: Self.effect(kind, of: call, &random)
            )
        }
    }

    private static func effect(
        _ kind: CallEffect.Kind,
        of call: APICall,
        _ random: inout SeededRandom
    ) -> CallEffect {
        switch kind {
        case .dropped: .dropped
        case .answerLost: .answerLost
        case .neverAnswered: .neverAnswered
        case .delayed: .delayed(Int.random(in: 200...9_000, using: &random))
        case .doubled: .doubled
        case .throttled: .throttled(call.throttles.randomElement(using: &random) ?? .exception)
        case .failed: .failed
        case .refused: .refused
        case .conflicted: .conflicted
        case .redirected: .redirected
        case .page: .page
        case .cutShort: .cutShort
        }
    }
}
