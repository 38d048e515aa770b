import Decisions
import Testing

/// Departures of agents that a fresh one should replace, and what HCP Terraform's view adds.
@Suite("Retirement, agents that are replaced")
struct RetirementReplacementTests {
    private let plan: Job

    init() throws { plan = try #require(Job(key: "run-1/plan")) }

    private static let watching = Retirement.Settings(
        firstJobTimeout: .seconds(90_000),
        watchesAgent: true
    )

    /// Lets time pass until `enough`, answering what the machine asks with what is given.
    private func live(
        _ story: inout Story,
        compared: Comparison? = nil,
        watched: WatchReport = .seen(.idle),
        until enough: (Story) -> Bool
    ) throws {
        while !enough(story) {
            try #require(story.age < .seconds(80_000), "never")
            switch try story.sleepUntilTimer().last {
            case .compare: story.tell(.compared(compared))
            case .watch: story.tell(.watched(watched))
            case .protect: story.tell(.protection(.protected(for: .seconds(7_200))))
            default: break
            }
        }
    }

    // MARK: Deployments

    private func outdated(desired: Int, running: Int) -> Comparison {
        Comparison(size: desired, desired: desired, running: running, rollout: Rollout())
    }

    @Test("an idle agent of an older revision makes room, so a deployment completes")
    func rollout() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(90_000)))
        try live(&story, compared: outdated(desired: 2, running: 2)) { $0.count(.drain) == 1 }
        #expect(story.said.last?.reason == .outdated)
        #expect(story.age == .seconds(60))
        #expect(!story.operations.contains { if case .reserve = $0 { true } else { false } })
        story.tell(.agent(.drained))
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
        let reason = StayReason.needed(staying: 2, want: 2)
        #expect(
            story.tell(.booked(.departure(.recycles(reason)), sizeChanged: false)) == [.look]
        )
        #expect(story.tell(.looked(Rollout())) == [.hold, .unprotect])
    }

    @Test("while a task that is wanted does not run, no old agent goes")
    func rolloutStuck() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(90_000)))
        try live(&story, compared: outdated(desired: 2, running: 1)) { $0.age > .seconds(7_000) }
        #expect(story.count(.drain) == 0)
    }

    @Test("a busy agent of an older revision finishes its job first")
    func rolloutBusy() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(90_000)))
        story.tell(.compared(outdated(desired: 1, running: 0)))
        story.tell(.agent(.received(plan)))
        story.tell(.booked(.reported(plan), sizeChanged: false))
        story.tell(.compared(outdated(desired: 1, running: 1)), after: .seconds(600))
        // By the reading of a moment ago nobody goes any more.
        #expect(!story.tell(.agent(.waiting), after: .seconds(1)).contains(.drain))
        story.tell(.booked(.reported(nil), sizeChanged: false))
        try live(&story, compared: outdated(desired: 1, running: 1)) { $0.count(.drain) == 1 }
        #expect(story.age <= .seconds(720))
    }

    // MARK: The agents API watch

    @Test("the agents API is asked once a minute, for the agent of the log, and not before")
    func pace() throws {
        var story = Story.idle(Self.watching)
        try live(&story) { $0.age >= .seconds(600) }
        let looks = story.count(.watch(agent: "agent-1"))
        #expect((9...10).contains(looks))
        #expect(story.said.first { $0.directive == .watch(agent: "agent-1") } != nil)
    }

    @Test("without an API token nobody is asked")
    func unwatched() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(90_000)))
        try live(&story) { $0.age >= .seconds(600) }
        #expect(story.count(.watch(agent: "agent-1")) == 0)
    }

    @Test("a look that fails is repeated more and more rarely, and stops no departure")
    func failing() throws {
        var settings = Self.watching
        settings.firstJobTimeout = .seconds(3_000)
        var story = Story.idle(settings)
        try live(&story, watched: .failed("500", wait: nil)) { $0.retirement.phase == .reserving }
        #expect(story.age == .seconds(3_000))
        #expect(story.count(.watch(agent: "agent-1")) < 10)
    }

    @Test("429 is obeyed for as long as HCP Terraform says")
    func throttled() throws {
        var story = Story.idle(Self.watching)
        try live(&story) { $0.count(.watch(agent: "agent-1")) == 1 }
        story.tell(.woke, after: .seconds(60))
        story.tell(.watched(.failed("429", wait: .seconds(900))))
        let refused = story.now
        let looks = story.count(.watch(agent: "agent-1"))
        try live(&story) { $0.count(.watch(agent: "agent-1")) > looks }
        #expect(story.now - refused == .seconds(900))
    }

    @Test("an agent that HCP Terraform takes for busy is not idle, whatever its log says")
    func serverSaysBusy() throws {
        var settings = Self.watching
        settings.firstJobTimeout = .seconds(300)
        var story = Story.idle(settings)
        try live(&story, watched: .seen(.busy)) { $0.age > .seconds(7_000) }
        #expect(story.operations.isEmpty)
        #expect(story.count(.drain) == 0)
    }

    @Test("a look that showed a busy agent holds for minutes, not for ever")
    func staleBusy() throws {
        var settings = Self.watching
        settings.firstJobTimeout = .seconds(90)
        var story = Story.idle(settings)
        story.tell(.woke, after: .seconds(60))
        story.tell(.watched(.seen(.busy)))
        try live(&story, watched: .failed("away", wait: nil)) { $0.retirement.phase == .reserving }
        #expect(story.age == .seconds(210))
    }

    @Test("a look that shows a busy agent takes a reservation back that is under way")
    func busyWhileReserving() throws {
        var settings = Self.watching
        settings.firstJobTimeout = .seconds(75)
        var story = Story.idle(settings)
        story.tell(.woke, after: .seconds(60))
        story.tell(.woke, after: .seconds(15))
        #expect(story.count(.watch(agent: "agent-1")) == 1)
        #expect(story.retirement.phase == .reserving)
        story.tell(.watched(.seen(.busy)))
        #expect(
            story.tell(.booked(.reserve(.granted(.surplus)), sizeChanged: false))
                == [.ledger(.rejoin)]
        )
        #expect(story.count(.drain) == 0)
        #expect(story.said.last?.reason == .takenForBusy)
    }

    @Test("an idle agent that HCP Terraform holds for errored is replaced at once")
    func errored() throws {
        var story = Story.idle(Self.watching)
        try live(&story, watched: .seen(.errored)) { $0.count(.drain) == 1 }
        #expect(story.age == .seconds(60))
        #expect(story.said.last?.reason == .givenUp(.errored))
    }

    @Test("one look at an unknown agent may be a moment's delay; two in a row replace it")
    func unknown() throws {
        var story = Story.idle(Self.watching)
        try live(&story) { $0.count(.watch(agent: "agent-1")) == 1 }
        #expect(story.tell(.woke, after: .seconds(60)) == [.watch(agent: "agent-1")])
        #expect(story.tell(.watched(.seen(.unknown))) == [])
        #expect(story.tell(.woke, after: .seconds(60)).contains(.watch(agent: "agent-1")))
        #expect(story.tell(.watched(.seen(.unknown))).contains(.drain))
    }

    @Test("a busy agent that HCP Terraform gave up is left alone, with one warning")
    func erroredAtWork() throws {
        var story = Story.busy(plan, Self.watching)
        try live(&story, watched: .seen(.errored)) { $0.age > .seconds(3_600) }
        #expect(story.count(.drain) == 0)
        #expect(story.count(.warn) == 1)
    }

    @Test("a job that takes longer than a job can is warned of once, and left alone")
    func hangs() throws {
        var story = Story.busy(plan)
        while story.age < .seconds(100_000) {
            if try story.sleepUntilTimer().contains(.protect) {
                story.tell(.protection(.protected(for: .seconds(7_200))))
            }
        }
        #expect(story.count(.warn) == 1)
        #expect(story.count(.drain) == 0)
        #expect(story.operations.allSatisfy { $0 == .report(plan) })
    }

    @Test("a new agent is not judged by what was seen of the one before it")
    func newAgent() throws {
        var story = Story.idle(Self.watching)
        story.tell(.woke, after: .seconds(60))
        story.tell(.watched(.seen(.unknown)))
        story.tell(.agent(.registered(id: "agent-2")))
        try live(&story, watched: .seen(.unknown)) { $0.count(.watch(agent: "agent-2")) == 1 }
        #expect(story.count(.drain) == 0)
    }

    @Test("an agent that registers anew without its id is not asked for by the one before")
    func namelessAgent() throws {
        var story = Story.idle(Self.watching)
        story.tell(.agent(.registered(id: nil)))
        try live(&story, watched: .seen(.exited)) { $0.age > .seconds(3_600) }
        #expect(story.count(.watch(agent: "agent-1")) == 0)
        #expect(story.count(.drain) == 0)
    }

    @Test("an answer about the agent before is none about the new one")
    func lateAnswer() throws {
        var story = Story.idle(Self.watching)
        #expect(story.tell(.woke, after: .seconds(60)).contains(.watch(agent: "agent-1")))
        story.tell(.agent(.registered(id: "agent-2")))
        story.tell(.watched(.seen(.errored)))
        #expect(story.count(.drain) == 0)
        try live(&story) { $0.count(.watch(agent: "agent-2")) == 1 }
    }
}
