import AgentLink
import FoundationEssentials
import Model
import Rules
import Simulation
import Testing

/// The rules over many seeds. `SIMULATION_SEEDS=10000 Tests/run SafetyTests` plays more of them.
@Suite("Simulation, rules")
struct SafetyTests {
    private static var seeds: UInt64 {
        ProcessInfo.processInfo.environment["SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 120
    }

    @Test("no seed breaks a rule while every safeguard is on")
    func rulesHold() {
        var campaign = SafetyCampaign()
        let isDone = campaign.play(1...Self.seeds)
        #expect(isDone)
        for failure in campaign.failures {
            Issue.record("seed \(failure.seed): \(failure.violations)")
        }
        #expect(campaign.seeds == Int(Self.seeds))
        #expect(campaign.tally.jobs > campaign.seeds * 20)
        #expect(campaign.tally.starved == 0)
        #expect(campaign.tally.leftOver == 0)
        // Each is played, and often.
        for fault in Fault.allCases {
            #expect(campaign.tally.played[fault] > campaign.seeds / 30, "\(fault)")
        }
    }

    @Test("a seed draws its replacement, and all else is the same under another one")
    func replacement() {
        let drawn = (1...20).map { SafetyTrial(seed: $0).setup.replacement }
        #expect(Set(drawn) == Set(Replacement.allCases))
        for replacement in Replacement.allCases {
            let trial = SafetyTrial(seed: 7, replacement: replacement)
            #expect(trial.setup.replacement == replacement)
            #expect(
                trial.setup.faults == SafetyTrial(seed: 7).setup.faults
            )
        }
    }

    @Test("a seed draws its mode, and all else is the same in another one")
    func mode() {
        let drawn = (1...30).map { SafetyTrial(seed: $0).setup }
        #expect(Set(drawn.map(\.mode)) == Set(AgentMode.allCases))
        #expect(drawn.allSatisfy { $0.mode == .renewed || $0.maxJobs == nil })
        for mode in AgentMode.allCases {
            let setup = SafetyTrial(seed: 7, mode: mode).setup
            #expect(setup.mode == mode)
            #expect((setup.faults[.spoils] > 0) == false || mode == .renewed)
        }
    }

    /// What happened in renewed containers, by the words of the story.
    @Test("containers are renewed, spoiled and struck at every step, and tasks have several agents")
    func renewals() {
        let words = [
            "its container is renewed", "its container is spoiled", "nameNext",
            "could not be renewed", "as many as it may", "no sidecar names",
        ]
        var seen: [String: Int] = [:]
        for seed in UInt64(1)...60 {
            let trial = SafetyTrial(seed: seed, mode: .renewed)
            let outcome = trial.play { line in
                for word in words where line.contains(word) { seen[word, default: 0] += 1 }
            }
            #expect(outcome.violations.isEmpty, "seed \(seed)")
        }
        #expect(seen["its container is renewed", default: 0] > 200)
        for word in words { #expect(seen[word, default: 0] > 5, "\(word)") }
    }

    /// 985 and 1118: strays and exposed agents held each other. 4259: an unprotected agent
    /// started while ECS was about to act on an earlier lowering. 1968, 13778: a dead sidecar's entry.
    /// 1738: strays that were not found in time, since each reading that failed broke the row.
    /// 1663, 9053, 11127: a single failed start stalled a deployment for good. 6158: a circuit breaker
    /// tripped after the last person had looked. 17350: a service that ended was asked for a size that
    /// nobody was left to take off. 9871: two failed starts stalled a deployment.
    /// 12573: a departure that the service had not followed was lost with the ledger.
    @Test(
        "seeds that broke a rule once hold",
        arguments: [
            985, 1_118, 1_663, 1_738, 1_968, 4_259, 6_158, 9_053, 9_871, 11_127, 12_573, 13_778,
            17_350,
        ]
    )
    func onceBroken(_ seed: UInt64) {
        #expect(SafetyTrial(seed: seed).play().violations.isEmpty)
    }

    /// A checker that never fails proves nothing.
    @Test(
        "each safeguard that is switched off breaks its rule within 1,000 seeds",
        arguments: [
            (Safeguard.protection, Rule.protected), (.oneSignal, .oneSignal),
            (.conditionalWrite, .lowering), (.verify, .lowering), (.floor, .rest),
            (.unknownIsBusy, .unknownIsBusy), (.atMostOne, .lowering),
            (.handOver, .rest), (.ending, .noWrongZero), (.warning, .unknownIsBusy),
            (.clean, .nothingLeft), (.jobEnd, .rest),
        ]
    )
    func brokenSafeguardShows(_ safeguard: Safeguard, _ rule: Rule) throws {
        var campaign = SafetyCampaign()
        let isDone = campaign.play(1...1_000, broken: safeguard, stopsAtFailure: true)
        #expect(isDone)
        let failure = try #require(campaign.failures.first)
        print("\(safeguard.rawValue): seed \(failure.seed)")
        #expect(failure.violations.map(\.rule).contains(rule), "\(failure.violations)")
        // It is the safeguard that is missing, not the seed that is special.
        #expect(SafetyTrial(seed: failure.seed).play().violations.isEmpty)
    }

    @Test("every safeguard has a row in the table above")
    func everySafeguardIsTried() {
        #expect(Safeguard.allCases.count == 12)
    }

    @Test(
        "a service is ended in every way, and busy agents finish for as long as ECS protects them"
    )
    func ends() throws {
        var ways: [String: Int] = [:]
        var taken = 0
        for seed in UInt64(1)...120 {
            let trial = SafetyTrial(seed: seed)
            guard trial.setup.faults[.serviceEnds] > 0 else { continue }
            var way: String?
            var jobsAfter = 0
            let outcome = trial.play { line in
                if line.contains("is ended: ") {
                    way = line.split(separator: " ").last.map(String.init)
                }
                if way != nil, line.contains(" ends run-") { jobsAfter += 1 }
                if way == "deleted", line.contains("is killed and with it") { taken += 1 }
            }
            #expect(outcome.violations.isEmpty)
            if let way { ways[way, default: 0] += jobsAfter }
        }
        #expect(Set(ways.keys) == ["limits", "destroyed", "deleted"])
        #expect(ways.values.allSatisfy { $0 > 0 }, "\(ways)")
        #expect(taken < ways["deleted"] ?? 0)
    }

    @Test("without protection busy agents are stopped, and with it none is")
    func protectionSavesJobs() throws {
        var campaign = SafetyCampaign()
        let isDone = campaign.play(1...60, broken: .protection)
        #expect(isDone)
        let lost = campaign.failures.flatMap(\.violations).filter { $0.text.contains("scaled in") }
        #expect(!lost.isEmpty)
    }

    @Test("a seed tells the same story every time")
    func sameStory() {
        var stories: [[String]] = []
        for _ in 0..<2 {
            var story: [String] = []
            _ = SafetyTrial(seed: 16).play { story.append($0) }
            stories.append(story)
        }
        #expect(stories[0].count > 100)
        #expect(stories[0] == stories[1])
    }

    @Test("a campaign ends when it is asked to")
    func campaignEnds() {
        var campaign = SafetyCampaign()
        let isDone = campaign.play(1...1_000) { $0.seeds < 3 }
        #expect(!isDone)
        #expect(campaign.seeds == 3)
    }
}
