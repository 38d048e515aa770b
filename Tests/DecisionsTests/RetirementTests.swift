import Decisions
import Testing

private func job(_ key: String) throws -> Job { try #require(Job(key: key)) }

@Suite("Retirement, birth")
struct RetirementBirthTests {
    @Test(
        "a task asks for protection before anything else, and only then allows the agent to start"
    )
    func protectFirst() {
        var story = Story()
        #expect(story.tell(.woke) == [.protect])
        #expect(story.tell(.linked) == [])
        #expect(
            story.tell(.protection(.protected(for: .seconds(7_200))))
                == [.allowAgent, .nameAgent]
        )
    }

    @Test("protection is renewed at a quarter of its time")
    func renewal() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(90_000)))
        while story.age < .seconds(1_799) {
            _ = story.tell(.woke, after: .seconds(1))
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
            #expect(story.count(.protect) == 1)
        }
        #expect(story.tell(.woke, after: .seconds(2)).contains(.protect))
    }

    @Test("a blocked task waits and asks again; it is not a fault")
    func blocked() throws {
        var story = Story()
        story.tell(.woke)
        for _ in 0..<100 {
            #expect(story.tell(.protection(.blocked)) == [])
            #expect(try story.sleepUntilTimer() == [.protect])
        }
        #expect(!story.retirement.agentAllowed)
        #expect(story.operations.isEmpty)
    }

    @Test("a task that ECS has kept waiting is not started for the first call that fails")
    func blockedThenSilent() throws {
        var story = Story()
        story.tell(.woke)
        for _ in 0..<30 {
            story.tell(.protection(.blocked))
            try story.sleepUntilTimer()
        }
        story.tell(.protection(.unclear("no answer")))
        #expect(!story.retirement.agentAllowed)
        #expect(story.operations.isEmpty)
        story.tell(.woke, after: .seconds(61))
        #expect(story.operations == [.expose])
    }

    @Test("a refusal that lasts is entered as exposed before the agent may start")
    func refused() throws {
        var story = Story()
        story.tell(.woke)
        while !story.operations.contains(.expose) {
            story.tell(.protection(.refused("TASK_NOT_VALID")))
            try story.sleepUntilTimer()
        }
        #expect(story.age >= .seconds(60))
        #expect(!story.retirement.agentAllowed)
        #expect(story.tell(.booked(.exposed, sizeChanged: false)).contains(.project))
        #expect(!story.retirement.agentAllowed)
        #expect(!story.tell(.projected).contains(.allowAgent))
        while !story.retirement.agentAllowed {
            story.tell(.protection(.refused("TASK_NOT_VALID")))
            try story.sleepUntilTimer()
        }
    }

    /// The simulation's seed 4259 found it: the service followed the ledger at once, and ECS, which
    /// still counted the task that had left, stopped the exposed one a moment later.
    @Test("an exposed task waits half a minute for ECS to act on an earlier lowering")
    func exposedWaitsForECS() throws {
        var story = Story()
        story.tell(.woke)
        while !story.operations.contains(.expose) {
            story.tell(.protection(.refused("TASK_NOT_VALID")))
            try story.sleepUntilTimer()
        }
        story.tell(.booked(.exposed, sizeChanged: false))
        let exposed = story.now
        story.tell(.projected)
        while !story.retirement.agentAllowed {
            story.tell(.protection(.refused("TASK_NOT_VALID")))
            try story.sleepUntilTimer()
        }
        #expect(story.now - exposed == .seconds(30))
    }

    /// Seed 13778: it had entered its task and died before its agent was to start.
    @Test("a sidecar takes back the exposure of one that died before the agent was allowed")
    func coversForEarlyPredecessor() {
        var story = Story(.init(hasPredecessor: true))
        story.tell(.woke)
        #expect(!story.retirement.agentAllowed)
        story.tell(.protection(.protected(for: .seconds(7_200))))
        #expect(story.retirement.agentAllowed)
        #expect(story.operations.last == .cover)
    }

    /// Seed 1968: the entry of a sidecar that died stayed, and nothing was ever lowered again.
    @Test("a restarted sidecar takes back an exposure that the one before it may have entered")
    func coversForPredecessor() {
        var story = Story(.init(restarted: true))
        story.tell(.woke)
        #expect(!story.operations.contains(.cover))
        story.tell(.protection(.protected(for: .seconds(7_200))))
        #expect(story.operations.last == .cover)
        story.tell(.booked(.covered, sizeChanged: false))
        story.tell(.linked)
        #expect(story.operations.filter { $0 == .cover }.count == 1)
    }

    @Test("an exposed task waits for a lowering that is on its way, and half a minute at most")
    func exposedWaits() throws {
        var story = Story()
        story.tell(.woke)
        while !story.operations.contains(.expose) {
            story.tell(.protection(.refused("TASK_NOT_VALID")))
            try story.sleepUntilTimer()
        }
        story.tell(.booked(.exposed, sizeChanged: false))
        let exposed = story.now
        while !story.retirement.agentAllowed {
            if story.said.last?.directive == .project {
                story.tell(.projectionFailed("held"))
            }
            try story.sleepUntilTimer()
        }
        #expect(story.now - exposed == .seconds(30))
    }

    @Test("a task that is protected after all takes its exposure back")
    func covered() throws {
        var story = Story()
        story.tell(.woke)
        while !story.operations.contains(.expose) {
            story.tell(.protection(.unclear("504")))
            try story.sleepUntilTimer()
        }
        story.tell(.booked(.exposed, sizeChanged: false))
        story.tell(.projected)
        #expect(
            story.tell(.protection(.protected(for: .seconds(7_200)))).contains(.ledger(.cover))
        )
    }

    @Test("rule 3: with protection and ledger both failing, the agent starts all the same")
    func bothFail() throws {
        var story = Story()
        story.tell(.woke)
        while !story.retirement.agentAllowed {
            try #require(story.age < .seconds(200))
            if story.said.last?.directive == .protect {
                story.tell(.protection(.unclear("no answer")))
            }
            if story.said.last?.directive == .ledger(.expose) {
                story.tell(.ledgerFailed("no answer"))
            }
            try story.sleepUntilTimer()
        }
        #expect(story.age >= .seconds(100) && story.age < .seconds(115))
    }

    @Test("renewals that fail lead to an exposure before protection ends")
    func renewalFails() throws {
        var story = Story.busy(try job("run-1/apply"))
        while !story.operations.contains(.expose) {
            try #require(story.age < .seconds(7_200))
            if story.said.last?.directive == .protect {
                story.tell(.protection(.refused("AccessDenied")))
            }
            story.answerReport()
            try story.sleepUntilTimer()
        }
        #expect(story.age >= .seconds(6_000))
        #expect(story.count(.alarm) == 1)
    }

    @Test("a restarted sidecar relies on the protection that ECS says is left, until it runs out")
    func heldAfterRestart() throws {
        var story = Story(.init(restarted: true))
        story.tell(.woke)
        story.tell(.linked)
        story.tell(.agent(.registered(id: "agent-1")))
        story.tell(.agent(.received(try job("run-1/apply"))))
        story.tell(.booked(.reported(try job("run-1/apply")), sizeChanged: false))
        let end: Duration = .seconds(7_000)
        story.tell(.protection(.held(for: end, "DEPLOYMENT_BLOCKED")))
        // What the sidecar before may have entered is taken back.
        #expect(story.operations.last == .cover)
        story.tell(.booked(.covered, sizeChanged: false))
        var answered = 1
        while !story.operations.contains(.expose) {
            try #require(story.age < end)
            if story.count(.protect) > answered {
                answered += 1
                story.tell(.protection(.held(for: end - story.age, "DEPLOYMENT_BLOCKED")))
            }
            story.answerReport()
            try story.sleepUntilTimer()
        }
        // In time for the ledger, and no earlier: nothing is lowered while a task is exposed.
        #expect(story.age == end - .seconds(300))
        #expect(story.count(.alarm) == 1)
    }

    @Test("a task that is stopped before its agent started ends at once")
    func stoppedEarly() {
        var story = Story()
        story.tell(.woke)
        story.tell(.protection(.blocked))
        #expect(story.tell(.stopRequested) == [.end])
    }

    @Test("without a launcher nothing is done but one warning")
    func noLauncher() throws {
        var story = Story()
        story.tell(.woke)
        story.tell(.protection(.protected(for: .seconds(90_000))))
        for _ in 0..<50 where story.wakeAt != nil { try story.sleepUntilTimer() }
        #expect(story.count(.warn) == 1)
        #expect(story.operations.isEmpty)
    }
}

@Suite("Retirement, single-job mode")
struct RetirementSingleJobTests {
    @Test("a job is reported, and its agent's exit is booked, unprotected, projected, released")
    func wholeLife() throws {
        let plan = try job("run-1/plan")
        var story = Story.idle()
        #expect(story.tell(.agent(.received(plan))) == [.ledger(.report(plan))])
        #expect(story.tell(.booked(.reported(plan), sizeChanged: false)) == [])
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
        #expect(story.tell(.booked(.departure(.retired), sizeChanged: true)) == [.unprotect])
        #expect(story.tell(.unprotected) == [.project])
        #expect(story.tell(.projected) == [.release])
        #expect(story.tell(.stopRequested) == [.end])
    }

    @Test("an agent that ECS must replace is released without lowering anything")
    func recycles() throws {
        var story = Story.busy(try job("run-1/plan"))
        story.tell(.agent(.exited(code: 0)))
        let reason = StayReason.needed(staying: 1, want: 1)
        #expect(story.tell(.booked(.departure(.recycles(reason)), sizeChanged: false)) == [.look])
        #expect(story.tell(.looked(.settled)) == [.release])
        #expect(story.count(.unprotect) == 0)
        #expect(story.count(.project) == 0)
    }

    @Test("a job received while an earlier report is under way is reported after it")
    func reportsInOrder() throws {
        let first = try job("run-1/plan")
        let second = try job("run-2/plan")
        var story = Story.idle()
        story.tell(.agent(.received(first)))
        #expect(story.tell(.agent(.received(second))) == [])
        #expect(
            story.tell(.booked(.reported(first), sizeChanged: false))
                == [.ledger(.report(second, over: [first]))]
        )
    }

    @Test("an exit while a report is under way is booked after it")
    func exitDuringReport() throws {
        let plan = try job("run-1/plan")
        var story = Story.idle()
        story.tell(.agent(.received(plan)))
        #expect(story.tell(.agent(.exited(code: 0))) == [])
        #expect(
            story.tell(.booked(.reported(plan), sizeChanged: false))
                == [.ledger(.depart(over: [plan]))]
        )
    }

    @Test("a line that arrives after the exit revives nothing")
    func lateLine() throws {
        let plan = try job("run-1/plan")
        var story = Story.busy(plan)
        story.tell(.agent(.exited(code: 0)))
        #expect(story.tell(.agent(.waiting)) == [])
        #expect(story.tell(.agent(.received(plan))) == [])
        #expect(story.retirement.agent == .exited(code: 0))
        #expect(story.tell(.booked(.departure(.retired), sizeChanged: true)) == [.unprotect])
    }

    @Test("a departure that fails is tried again, quickly at first")
    func bookingRetried() throws {
        var story = Story.busy(try job("run-1/plan"))
        story.tell(.agent(.exited(code: 0)))
        for _ in 0..<4 {
            story.tell(.ledgerFailed("timed out"))
            #expect(try story.sleepUntilTimer() == [.ledger(.depart())])
        }
        #expect(story.age < .seconds(20))
    }

    @Test("when ECS does not answer, the container is released before its hold ends")
    func projectionGivesUp() throws {
        var story = Story.busy(try job("run-1/plan"))
        story.tell(.agent(.exited(code: 0)))
        let exited = story.now
        story.tell(.booked(.departure(.retired), sizeChanged: true))
        story.tell(.unprotected)
        while story.count(.release) == 0 {
            if story.said.last?.directive == .project { story.tell(.projectionFailed("denied")) }
            try story.sleepUntilTimer()
        }
        #expect(story.now - exited < .seconds(20))
        #expect(story.now - exited >= .seconds(15))
    }

    @Test("a size that a report raised is projected")
    func raisedSizeIsProjected() throws {
        let policy = try job("polchk-1/policy")
        var story = Story.idle()
        story.tell(.agent(.received(policy)))
        #expect(story.tell(.booked(.reported(policy), sizeChanged: true)) == [.project])
    }
}

@Suite("Retirement, leaving when idle")
struct RetirementLeavingTests {
    @Test("an agent without a first job asks to leave after the first-job timeout only")
    func firstJob() throws {
        var story = Story.idle()
        while story.operations.isEmpty {
            try story.sleepUntilTimer()
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
        }
        #expect(story.age == .seconds(300))
    }

    @Test("an agent that has worked asks to leave after the idle timeout")
    func idleTimeout() throws {
        var story = Story.busy(try job("run-1/plan"))
        story.tell(.agent(.waiting), after: .seconds(50))
        story.tell(.booked(.reported(nil), sizeChanged: false))
        while story.retirement.phase != .reserving {
            try story.sleepUntilTimer()
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
        }
        #expect(story.age == .seconds(170))
    }

    @Test("reserve, drain, exit, depart, unprotect, project, release, in this order")
    func order() throws {
        var story = try Story.draining()
        #expect(story.said.last?.directive == .drain)
        #expect(story.tell(.agent(.drained)) == [])
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
        #expect(story.tell(.booked(.departure(.retired), sizeChanged: true)) == [.unprotect])
        #expect(story.tell(.unprotected) == [.project])
        #expect(story.tell(.projected) == [.release])
    }

    @Test("an agent that may not leave asks again later and restarts nothing")
    func refused() throws {
        var story = Story.idle()
        let refusal = LedgerReport.reserve(.refused(.needed(staying: 1, want: 1)))
        while story.age < .seconds(7_000) {
            try story.sleepUntilTimer()
            switch story.said.last?.directive {
            case .ledger(.reserve): story.tell(.booked(refusal, sizeChanged: false))
            case .compare:
                story.tell(.compared(Comparison(size: 1, desired: 1, running: 1)))
            case .protect: story.tell(.protection(.protected(for: .seconds(7_200))))
            default: break
            }
        }
        #expect(story.count(.drain) == 0)
        #expect(story.count(.note) == 1)
        #expect(story.operations.count > 100)
    }

    @Test("a job caught while the reservation is under way takes it back")
    func caughtWhileReserving() throws {
        let plan = try job("run-1/plan")
        var story = Story.idle()
        while story.retirement.phase != .reserving {
            try story.sleepUntilTimer()
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
        }
        story.tell(.agent(.received(plan)))
        #expect(
            story.tell(.booked(.reserve(.granted(.surplus)), sizeChanged: false))
                == [.ledger(.report(plan))]
        )
        #expect(story.count(.drain) == 0)
    }

    @Test("a job caught after the signal is reported, finished and booked")
    func caughtAfterDrain() throws {
        let plan = try job("run-1/plan")
        var story = try Story.draining()
        story.tell(.agent(.drained))
        #expect(story.tell(.agent(.received(plan))) == [.ledger(.report(plan))])
        story.tell(.booked(.reported(plan), sizeChanged: false))
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
    }

    @Test("a drain that the launcher refuses is taken back, and asked for again later")
    func drainRefused() throws {
        var story = try Story.draining()
        let answer = story.tell(.agent(.working(processes: 2)))
        #expect(answer.contains(.ledger(.rejoin)))
        story.tell(.booked(.rejoined, sizeChanged: false))
        #expect(story.retirement.phase == .working)
        while story.retirement.phase != .reserving {
            try story.sleepUntilTimer()
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
        }
    }

    @Test("a lost link retires nothing, however long it lasts")
    func lostLink() throws {
        var story = Story.idle()
        story.tell(.unlinked, after: .seconds(10))
        for _ in 0..<200 where story.wakeAt != nil {
            try story.sleepUntilTimer()
            if story.said.last?.directive == .protect {
                story.tell(.protection(.protected(for: .seconds(7_200))))
            }
        }
        #expect(story.operations.isEmpty)
    }

    @Test("an unreadable status line is unknown, and unknown is busy")
    func unreadable() throws {
        var story = Story.idle()
        #expect(story.tell(.agent(.unreadable)) == [.warn])
        while story.age < .seconds(7_000), story.wakeAt != nil {
            try story.sleepUntilTimer()
            if story.said.last?.directive == .protect {
                story.tell(.protection(.protected(for: .seconds(7_200))))
            }
        }
        #expect(story.operations.isEmpty)
    }

    @Test("an old agent whose drain is refused is asked again after a pause, not at once")
    func lifetimeRefused() throws {
        var story = Story.idle(.init(maxLifetime: .seconds(600)))
        story.tell(.woke, after: .seconds(900))
        #expect(story.count(.drain) == 1)
        let refused = story.now
        story.tell(.agent(.working(processes: 1)))
        #expect(story.count(.drain) == 1)
        while story.count(.drain) == 1 {
            try story.sleepUntilTimer()
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
        }
        #expect(story.now - refused == .seconds(60))
    }

    @Test("an agent older than the maximum lifetime is replaced when it is idle, not before")
    func lifetime() throws {
        let plan = try job("run-1/plan")
        var story = Story.busy(plan, .init(maxLifetime: .seconds(600)))
        story.tell(.woke, after: .seconds(900))
        #expect(story.count(.drain) == 0)
        #expect(story.tell(.agent(.waiting)).contains(.drain))
        story.tell(.booked(.reported(nil), sizeChanged: false))
        story.tell(.agent(.drained))
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
    }
}

@Suite("Retirement, stops and restarts")
struct RetirementRestartTests {
    @Test("a stop from outside changes no count and sends no second signal")
    func outsideStop() throws {
        let apply = try job("run-1/apply")
        var story = Story.busy(apply)
        #expect(story.tell(.agent(.stopping)) == [])
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.report(nil))])
        #expect(story.tell(.booked(.reported(nil), sizeChanged: false)) == [.release])
        #expect(story.count(.drain) == 0)
        #expect(story.count(.project) == 0)
    }

    @Test("a restarted sidecar takes the agent for allowed and reports what the launcher says")
    func restarted() throws {
        let plan = try job("run-1/plan")
        var story = Story(.init(restarted: true))
        #expect(story.tell(.woke) == [.protect])
        #expect(story.tell(.linked) == [.nameAgent])
        #expect(story.tell(.agent(.received(plan))) == [.ledger(.report(plan))])
    }

    @Test("a sidecar restarted after the exit books it, once more if need be")
    func restartedAfterExit() throws {
        var story = Story(.init(restarted: true))
        story.tell(.woke)
        story.tell(.linked)
        story.tell(.agent(.drained))
        #expect(story.tell(.agent(.exited(code: 0))) == [.ledger(.depart())])
        #expect(story.tell(.booked(.departure(.bookedBefore), sizeChanged: false)) == [.unprotect])
        #expect(story.tell(.unprotected) == [.project])
        #expect(story.tell(.projected) == [.release])
    }

    @Test("a launcher that connects again is told its release again")
    func releaseRepeated() throws {
        var story = Story.busy(try job("run-1/plan"))
        story.tell(.agent(.exited(code: 0)))
        let reason = StayReason.needed(staying: 1, want: 1)
        story.tell(.booked(.departure(.recycles(reason)), sizeChanged: false))
        story.tell(.looked(.settled))
        story.tell(.unlinked)
        #expect(story.tell(.linked).contains(.release))
    }

    @Test("two readings that differ make an idle sidecar repair the service, one does not")
    func repair() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(90_000)))
        let differs = Comparison(size: 1, desired: 2, running: 1)
        #expect(try story.sleepUntilTimer().map(\.isCompare) == [true])
        #expect(story.tell(.compared(differs)) == [])
        #expect(try story.sleepUntilTimer().map(\.isCompare) == [true])
        #expect(story.tell(.compared(differs)) == [.project])
    }
}
