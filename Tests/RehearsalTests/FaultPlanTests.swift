import Model
import Testing

@testable import Rehearsal

@Suite("Fault plan")
struct FaultPlanTests {
    private let options = FaultPlan.Options(seconds: 40)

    private func plans(_ count: UInt64 = 300) -> [FaultPlan] {
        (0..<count).map { FaultPlan(seed: $0, options) }
    }

    @Test("one seed draws the same faults again, another seed others", arguments: 0..<50)
    func seeds(seed: UInt64) {
        let plan = FaultPlan(seed: seed, options)
        #expect(plan == FaultPlan(seed: seed, options))
        #expect(plan.text == FaultPlan(seed: seed, options).text)
        #expect(plan != FaultPlan(seed: seed + 1, options))
    }

    @Test("every kind of fault is drawn in the course of the seeds")
    func kinds() {
        var kinds: Set<FaultKind> = []
        var victims: Set<Victim> = []
        for plan in plans() {
            for fault in plan.timed {
                kinds.insert(fault.deed.kind)
                if case .freeze(let victim, _, _) = fault.deed { victims.insert(victim) }
            }
            if !plan.calls.isEmpty { kinds.insert(.call) }
        }
        #expect(kinds == Set(FaultKind.allCases))
        #expect(victims == Set(Victim.allCases))
    }

    @Test("every call meets each of its effects in the course of the seeds")
    func effects() {
        var seen: [APICall: Set<CallEffect.Kind>] = [:]
        var throttles: [APICall: Set<Throttle>] = [:]
        for fault in plans(2_000).flatMap(\.calls) {
            seen[fault.call, default: []].insert(fault.effect.kind)
            if case .throttled(let throttle) = fault.effect {
                throttles[fault.call, default: []].insert(throttle)
            }
        }
        for call in APICall.allCases {
            #expect(seen[call] == Set(call.effects), "\(call)")
            #expect(throttles[call, default: []] == Set(call.throttles), "\(call)")
        }
    }

    @Test("every way to deploy, to fail a start and to replace a task is drawn")
    func ecs() {
        var deployments: Set<String> = []
        var failures: Set<StartFailure> = []
        for case let deed in plans(2_000).flatMap(\.timed).map(\.deed) {
            switch deed {
            case .deploy(.revision): deployments.insert("revision")
            case .deploy(.forced): deployments.insert("forced")
            case .deploy(.broken(let failure)):
                deployments.insert("broken")
                failures.insert(failure)
            case .failStarts(let failure, _): failures.insert(failure)
            default: break
            }
        }
        #expect(deployments.count == 3)
        #expect(failures == Set(StartFailure.allCases))
        #expect(Set((0..<20).map { FaultPlan.replacement(of: $0) }) == Set(Replacement.allCases))
    }

    @Test("an agent is frozen shorter than silence, until unknown, and until it is given up")
    func frost() {
        let times = plans().flatMap(\.timed).compactMap { fault in
            if case .freeze(.agent, _, let time) = fault.deed { time } else { nil }
        }
        let gone = TerraformStandIn.patience.whole
        #expect(times.contains { $0 < TerraformStandIn.patience.unknown })
        #expect(times.contains { $0 > TerraformStandIn.patience.unknown && $0 < gone })
        #expect(times.contains { $0 > gone })
        // Nothing in between: whether HCP Terraform gives the agent up must not depend on timing.
        #expect(!times.contains { abs($0 - gone) < 2_000 })
    }

    @Test("times lie in the time of the faults, in order, and numbers count through")
    func order() {
        for plan in plans() {
            let times = plan.timed.map(\.at)
            #expect(times == times.sorted())
            #expect(times.allSatisfy { (FaultPlan.quietStart...40_000).contains($0) })
            let numbers = plan.timed.map(\.number) + plan.calls.map(\.number)
            #expect(numbers == Array(1...plan.count))
            #expect(plan.text.split(separator: "\n").count == plan.count + 1)
            #expect(plan.timed.count { $0.deed.kind == .deploy } <= FaultPlan.deploymentLimit)
        }
    }

    @Test("a service ends in some plans, once and late, in either way, and changes no other fault")
    func endings() {
        var others = options
        others.kinds.remove(.endService)
        var seen: Set<FaultPlan.Ending> = []
        var count = 0
        for seed in 0..<300 as Range<UInt64> {
            let plan = FaultPlan(seed: seed, options)
            let ends = plan.timed.filter { $0.deed.kind == .endService }
            #expect(ends.count <= 1)
            for case .end(let ending) in ends.map(\.deed) { seen.insert(ending) }
            #expect(ends.allSatisfy { $0.at >= plan.milliseconds / 2 })
            count += ends.count
            let rest = plan.timed.filter { $0.deed.kind != .endService }
            #expect(rest.map(\.deed) == FaultPlan(seed: seed, others).timed.map(\.deed))
            #expect(plan.calls.map(\.effect) == FaultPlan(seed: seed, others).calls.map(\.effect))
        }
        #expect(seen == Set(FaultPlan.Ending.allCases))
        #expect((40...110).contains(count))
        var only = options
        only.kinds = [.endService]
        #expect((0..<20).allSatisfy { FaultPlan(seed: $0, only).timed.count == 1 })
    }

    @Test("only the kinds and calls that were asked for are drawn")
    func restricted() {
        var only = options
        only.kinds = [.killSidecar]
        let kills = FaultPlan(seed: 1, only)
        #expect(!kills.timed.isEmpty && kills.calls.isEmpty)
        #expect(kills.timed.allSatisfy { $0.deed.kind == .killSidecar })
        only.kinds = [.call]
        only.calls = [.putItem]
        let calls = FaultPlan(seed: 1, only)
        #expect(calls.timed.isEmpty && !calls.calls.isEmpty)
        #expect(calls.calls.allSatisfy { $0.call == .putItem })
    }
}

extension FaultPlan.Deed {
    fileprivate var kind: FaultKind {
        switch self {
        case .kill(.sidecar, _): .killSidecar
        case .kill(.launcher, _): .killLauncher
        case .kill(.agent, _): .killAgent
        case .kill(.endpoint, _): .killEndpoint
        case .freeze: .freeze
        case .loseHost: .hostLoss
        case .killYoungSidecar: .killYoungSidecar
        case .endBadly: .badEnd
        case .edit: .editCount
        case .deploy: .deploy
        case .failStarts: .failStarts
        case .stopTask: .stopTask
        case .spot: .spot
        case .end: .endService
        }
    }
}
