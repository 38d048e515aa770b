import Decisions
import Testing

/// A task whose launcher renews its container after each job.
@Suite("Retirement, renewal")
struct RetirementRenewalTests {
    private static let plan = Job(id: "run-1", type: "plan")
    private static let apply = Job(id: "run-1", type: "apply")

    /// The agent has ended well after its job, of which the ledger knows.
    private func ended(_ settings: Retirement.Settings = .init(renewal: .init())) throws -> Story {
        var story = Story.busy(try #require(Self.plan), settings)
        story.tell(.agent(.exited(code: 0)))
        return story
    }

    /// The same, with the job's end in the ledger, and a reading of the service that says nothing.
    private func reported(_ settings: Retirement.Settings = .init(renewal: .init())) throws -> Story
    {
        var story = try ended(settings)
        story.tell(.booked(.reported(nil), sizeChanged: false))
        story.tell(.compared(nil))
        return story
    }

    private func hasDeparted(_ story: Story) -> Bool {
        story.operations.contains { if case .depart = $0 { true } else { false } }
    }

    @Test("the job's end is reported first; the renewed container gets a next agent, protected on")
    func renews() throws {
        let plan = try #require(Self.plan)
        var story = Story.busy(plan, .init(renewal: .init()))
        #expect(
            story.tell(.agent(.exited(code: 0)))
                == [.ledger(.report(nil)), .compare(always: false)]
        )
        #expect(story.retirement.phase.name == .renewing)
        #expect(story.tell(.booked(.reported(nil), sizeChanged: false)) == [])
        #expect(story.tell(.compared(nil)) == [])
        #expect(story.tell(.agent(.renewed)) == [.nameNext(2)])
        #expect(story.retirement.phase == .working)
        #expect(story.retirement.agent == .unknown)
        #expect(story.count(.unprotect) == 0)
        // A job of its own, and on.
        let apply = try #require(Self.apply)
        story.tell(.agent(.registered(id: "agent-2")))
        story.tell(.agent(.waiting))
        #expect(story.tell(.agent(.received(apply))) == [.ledger(.report(apply))])
        story.tell(.booked(.reported(apply), sizeChanged: false))
        story.tell(.agent(.exited(code: 0)))
        story.tell(.booked(.reported(nil), sizeChanged: false))
        story.tell(.compared(nil))
        #expect(story.tell(.agent(.renewed)) == [.nameNext(3)])
        #expect(!hasDeparted(story))
    }

    @Test(
        "a renewed agent is idle from its word on, leaves after the idle limit, and by one signal"
    )
    func leaves() throws {
        var story = try reported()
        story.tell(.agent(.renewed))
        // It may say nothing for as long as it likes: unknown is busy.
        for _ in 0..<10 { story.tell(.woke, after: .seconds(20)) }
        #expect(story.retirement.phase == .working)
        story.tell(.agent(.registered(id: "agent-2")))
        story.tell(.agent(.waiting))
        #expect(story.retirement.agent == .idle(workedBefore: true))
        let since = story.age
        while story.retirement.phase != .reserving {
            let directives = try story.sleepUntilTimer()
            if directives.contains(where: \.isCompare) { story.tell(.compared(nil)) }
        }
        #expect(story.age - since == .seconds(120))
        #expect(
            story.tell(.booked(.reserve(.granted(.surplus)), sizeChanged: false)) == [.drain]
        )
        story.tell(.agent(.drained))
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
        #expect(story.tell(.agent(.renewed)) == [])
    }

    @Test("neither idle nor busy while its container is renewed: nothing is reserved or drained")
    func reservesNothing() throws {
        var story = try reported(.init(idleTimeout: .seconds(1), renewal: .init()))
        for _ in 0..<11 { story.tell(.woke, after: .seconds(1)) }
        #expect(story.retirement.phase.name == .renewing)
        #expect(!story.said.contains { $0.directive == .drain })
        #expect(!story.operations.contains { if case .reserve = $0 { true } else { false } })
    }

    @Test("a spoiled container ends the task as one that is never renewed, and says why")
    func spoiled() throws {
        var story = try reported()
        #expect(story.tell(.agent(.spoiled("remains"))) == [.warn, .ledger(.depart())])
        #expect(story.said.last?.reason == .spoiled("remains"))
        #expect(
            story.tell(.booked(.departure(.retired), sizeChanged: true)) == [.unprotect]
        )
        #expect(story.tell(.unprotected) == [.project])
        #expect(story.tell(.projected) == [.release])
        #expect(story.tell(.agent(.renewed)) == [])
    }

    @Test(
        "a launcher that says nothing more is waited for, and the departure is booked in its time"
    )
    func noAnswer() throws {
        var story = try reported()
        let since = story.age
        while !hasDeparted(story) { try story.sleepUntilTimer() }
        #expect(story.age - since == Timing.shipped.renewalPatience)
        #expect(story.said.last?.reason == .notRenewed(within: Timing.shipped.renewalPatience))
        #expect(story.count(.warn) == 1)
        #expect(story.tell(.agent(.renewed)) == [])
    }

    @Test("an agent that ended with another code is the task's last one")
    func otherCode() throws {
        var story = Story.busy(try #require(Self.plan), .init(renewal: .init()))
        #expect(story.tell(.agent(.exited(code: 1))) == [.warn, .ledger(.depart())])
        #expect(story.tell(.agent(.renewed)) == [])
    }

    @Test("where no container is renewed an agent's end is the task's, whatever its launcher says")
    func otherMode() throws {
        var story = Story.busy(try #require(Self.plan))
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
        #expect(story.tell(.agent(.renewed)) == [])
    }

    @Test(
        "an agent that had its stop signal has none after it",
        arguments: [AgentEvent.drained, .stopping]
    )
    func signalled(_ signal: AgentEvent) throws {
        var story = Story.busy(try #require(Self.plan), .init(renewal: .init()))
        story.tell(.agent(signal))
        story.tell(.agent(.exited(code: 0)))
        #expect(story.retirement.phase.name == .departing)
        #expect(story.tell(.agent(.renewed)) == [])
    }

    @Test("a drain that the agent's end has overtaken ends the renewal")
    func lateDrain() throws {
        var story = try reported()
        #expect(story.tell(.agent(.drained)) == [.ledger(.depart())])
    }

    @Test("a stop from outside during a renewal changes no count")
    func lateStop() throws {
        var story = try reported()
        #expect(story.tell(.agent(.stopping)) == [.release])
        #expect(!hasDeparted(story))
    }

    @Test("the sidecar's own stop ends the renewal")
    func ownStop() throws {
        var story = try reported()
        #expect(story.tell(.stopRequested) == [.ledger(.depart())])
        #expect(story.said.last?.reason == .asked)
        #expect(story.tell(.agent(.renewed)) == [])
    }

    @Test("a task has as many jobs as it may, those before a restart of its sidecar included")
    func maxJobs() throws {
        var story = try reported(.init(renewal: .init(maxJobs: 2)))
        #expect(story.tell(.agent(.renewed)) == [.nameNext(2)])
        story.tell(.agent(.waiting))
        story.tell(.agent(.received(try #require(Self.apply))))
        story.tell(.booked(.reported(Self.apply), sizeChanged: false))
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
        #expect(story.said.last?.reason == .jobsDone(2))
        let later = try ended(.init(renewal: .init(maxJobs: 2, agentNumber: 2)))
        #expect(hasDeparted(later))
    }

    @Test("a task that is too old has no next agent")
    func tooOld() throws {
        let settings = Retirement.Settings(maxLifetime: .seconds(600), renewal: .init())
        var story = Story.busy(try #require(Self.plan), settings)
        story.tell(.woke, after: .seconds(600))
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
        #expect(story.said.last?.reason == .maximumLifetime(.seconds(600)))
    }

    @Test("nor has one of an older revision than the service's newest, or of a service that ends")
    func outdated() throws {
        for (seen, reason) in [
            (Comparison(size: 1, desired: 1, running: 1, rollout: Rollout()), Reason.outdated),
            (
                Comparison(size: 1, desired: 1, running: 1, rollout: .settled, ending: true),
                .serviceEnds
            ),
        ] {
            var story = try ended()
            story.tell(.booked(.reported(nil), sizeChanged: false))
            #expect(story.tell(.compared(seen)) == [.ledger(.depart())])
            #expect(story.said.last?.reason == reason)
        }
    }

    @Test("an answer that is lost leaves no job behind, and delays no agent")
    func lostAnswer() throws {
        var story = try ended()
        story.tell(.ledgerFailed("timed out"))
        #expect(story.tell(.agent(.renewed)) == [.nameNext(2)])
        #expect(story.tell(.agent(.waiting), after: .seconds(3)) == [.ledger(.report(nil))])
    }

    @Test("a report that was never made is made: the job is named as over")
    func lostReport() throws {
        let plan = try #require(Self.plan)
        var story = Story.idle(.init(renewal: .init()))
        story.tell(.agent(.received(plan)))
        story.tell(.ledgerFailed("timed out"))
        story.tell(.agent(.exited(code: 0)))
        #expect(story.tell(.woke, after: .seconds(1)) == [.ledger(.report(nil, over: [plan]))])
    }

    @Test("the next agent waits until a sidecar that was restarted knows the task protected")
    func restarted() throws {
        var story = Story(.init(renewal: .init(agentNumber: 4), restarted: true))
        story.tell(.woke)
        story.tell(.linked)
        story.tell(.agent(.received(try #require(Self.plan))))
        story.tell(.agent(.exited(code: 0)))
        #expect(!story.tell(.agent(.renewed)).contains(.nameNext(5)))
        #expect(story.tell(.protection(.protected(for: .seconds(7_200)))).contains(.nameNext(5)))
    }

    @Test("a task whose protection is lost leaves instead of starting another agent without")
    func unprotected() throws {
        var story = Story.busy(try #require(Self.plan), .init(renewal: .init()))
        for _ in 0..<1_000 where !story.operations.contains(.expose) {
            if try story.sleepUntilTimer().contains(.protect) {
                story.tell(.protection(.refused("denied")))
                story.answerReport()
            }
        }
        #expect(story.operations.contains(.expose))
        story.tell(.booked(.exposed, sizeChanged: false))
        story.tell(.agent(.exited(code: 0)))
        #expect(hasDeparted(story))
    }

    @Test("over a new connection the launcher says again that it has renewed, and is answered once")
    func newConnection() throws {
        var story = try reported()
        story.tell(.unlinked)
        #expect(story.tell(.agent(.renewed)) == [])
        #expect(!story.tell(.linked).contains(.nameNext(2)))
        story.tell(.agent(.exited(code: 0)))
        #expect(story.tell(.agent(.renewed)) == [.nameNext(2)])
    }

    @Test("a renewed agent that fails before it ever waits is a failed start")
    func failedStart() throws {
        var story = try reported()
        story.tell(.agent(.renewed))
        #expect(
            story.tell(.agent(.exited(code: 2)))
                == [.alarm, .ledger(.depart(failedStart: true))]
        )
    }

    @Test("what HCP Terraform took the last agent for says nothing of the next one")
    func watched() throws {
        var story = Story.busy(
            try #require(Self.plan),
            .init(renewal: .init(), watchesAgent: true)
        )
        for _ in 0..<2 {
            for _ in 0..<1_000 {
                if try story.sleepUntilTimer().contains(.watch(agent: "agent-1")) { break }
            }
            story.tell(.watched(.seen(.exited)))
        }
        story.tell(.agent(.exited(code: 0)))
        story.tell(.booked(.reported(nil), sizeChanged: false))
        story.tell(.compared(nil))
        // It has given the agent up, and the agent has ended: no reason against another one.
        #expect(story.tell(.agent(.renewed)) == [.nameNext(2)])
        story.tell(.agent(.waiting))
        #expect(story.retirement.phase == .working)
    }
}
