import Decisions
import Testing

private func job(_ key: String) throws -> Job { try #require(Job(key: key)) }

@Suite("Retirement, what the ledger may not know")
struct RetirementUnclearTests {
    /// After seven simulated days such a sidecar had been refused 10,078 times.
    @Test("a report whose answer was lost is said again, also when its job is over by then")
    func lostReport() throws {
        let plan = try job("run-1/plan")
        var story = Story.idle()
        story.tell(.agent(.received(plan)))
        story.tell(.ledgerFailed("no answer"))
        story.tell(.agent(.waiting), after: .milliseconds(100))
        #expect(try story.sleepUntilTimer().contains(.ledger(.report(nil, over: [plan]))))
        story.tell(.booked(.reported(nil), sizeChanged: false))
        #expect(story.retirement.agent == .idle(workedBefore: true))
        #expect(story.retirement.timers[.idleSince] == .origin + .milliseconds(100))
    }

    @Test("a change that may have moved the size is followed, also before it is tried again")
    func lostRaise() throws {
        let plan = try job("run-1/plan")
        var story = Story.idle()
        story.tell(.agent(.received(plan)))
        let failed = story.tell(.ledgerFailed("no answer", sizeMayHaveChanged: true))
        #expect(failed.contains(.project))
        var calm = Story.idle()
        calm.tell(.agent(.received(plan)))
        let unchanged = calm.tell(.ledgerFailed("nothing written"))
        #expect(!unchanged.contains(.project))
    }

    @Test("an exposure whose answer was lost is taken back once the task is protected")
    func lostExposure() throws {
        var story = Story()
        story.tell(.woke)
        while !story.operations.contains(.expose) {
            story.tell(.protection(.unclear("504")))
            try story.sleepUntilTimer()
        }
        story.tell(.ledgerFailed("no answer"))
        story.tell(.protection(.protected(for: .seconds(7_200))))
        while !story.operations.contains(.cover) {
            try #require(story.age < .seconds(9_000))
            try story.sleepUntilTimer()
        }
    }

    @Test("a reservation whose answer was lost is taken back when the agent is no longer idle")
    func lostReservation() throws {
        var story = Story.idle()
        while story.retirement.phase != .reserving {
            try story.sleepUntilTimer()
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
        }
        story.tell(.ledgerFailed("no answer"))
        story.tell(.agent(.unreadable))
        while !story.operations.contains(.rejoin) {
            try #require(story.age < .seconds(9_000))
            if try story.sleepUntilTimer().contains(.protect) {
                story.tell(.protection(.protected(for: .seconds(7_200))))
            }
        }
    }

    @Test("a job that was over before it could be reported is ended with the agent")
    func shortJob() throws {
        let plan = try job("run-1/plan")
        var story = Story.idle()
        while story.retirement.phase != .reserving {
            try story.sleepUntilTimer()
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
        }
        story.tell(.agent(.received(plan)))
        story.tell(.agent(.exited(code: 0)))
        #expect(
            story.tell(
                .booked(.reserve(.refused(.needed(staying: 1, want: 1))), sizeChanged: false)
            )
            .contains(.ledger(.depart(over: [plan])))
        )
    }

    @Test("short jobs that came one after the other while the ledger was away are all ended")
    func shortJobs() throws {
        var story = Story.idle()
        let first = try job("run-1/plan")
        let second = try job("run-2/plan")
        story.tell(.agent(.received(first)))
        story.tell(.agent(.waiting))
        story.tell(.agent(.received(second)))
        story.tell(.agent(.waiting))
        // The first report is still under way and succeeds.
        #expect(
            story.tell(.booked(.reported(first), sizeChanged: false))
                == [.ledger(.report(nil, over: [first, second]))]
        )
        #expect(story.tell(.booked(.reported(nil), sizeChanged: false)) == [])
    }

    @Test("a ledger that holds a job of an idle agent is told again that there is none")
    func holdsJob() throws {
        var story = Story.idle()
        while story.retirement.phase != .reserving {
            try story.sleepUntilTimer()
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
        }
        #expect(
            story.tell(.booked(.reserve(.refused(.holdsJob)), sizeChanged: false))
                .contains(.ledger(.report(nil)))
        )
    }

    @Test("only the first word of an agent that started lately tells that agents start")
    func firstWord() throws {
        let first = try job("run-1/plan")
        let second = try job("run-2/plan")
        var fresh = Story.idle()
        fresh.tell(.agent(.received(first)))
        #expect(fresh.freshness == [true])
        fresh.tell(.ledgerFailed("no answer"))
        try fresh.sleepUntilTimer()
        #expect(fresh.freshness == [true, true], "what may not have arrived is said again")
        fresh.tell(.booked(.reported(first), sizeChanged: false))
        fresh.tell(.agent(.received(second)))
        #expect(fresh.freshness == [true, true, false])
        var old = Story(.init(restarted: true))
        old.tell(.woke)
        old.tell(.linked)
        old.tell(.agent(.received(first)))
        #expect(old.freshness == [false])
    }

    @Test(
        "a reservation that a sidecar before may have been granted is taken back when its agent is silent"
    )
    func reservationOfPredecessor() throws {
        var story = Story(.init(restarted: true))
        story.tell(.woke)
        story.tell(.protection(.protected(for: .seconds(7_200))))
        story.tell(.booked(.covered, sizeChanged: false))
        story.tell(.linked)
        story.tell(.agent(.unreadable))
        while !story.operations.contains(.rejoin) {
            try #require(story.age < .seconds(9_000))
            try story.sleepUntilTimer()
        }
        #expect(story.age == .seconds(60))
    }

    @Test("a busy agent's job is said again when protection is renewed, so a lost ledger heals")
    func saidAgain() throws {
        let plan = try job("run-1/plan")
        var story = Story.busy(plan)
        while story.operations.count(where: { $0 == .report(plan) }) < 2 {
            try #require(story.age <= .seconds(1_800))
            if try story.sleepUntilTimer().contains(.protect) {
                story.tell(.protection(.protected(for: .seconds(172_800))))
            }
        }
        #expect(story.tell(.booked(.reported(plan), sizeChanged: true)) == [.project])
    }
}

@Suite("Retirement, readings of the service")
struct RetirementReadingTests {
    private static let patient = Retirement.Settings(firstJobTimeout: .seconds(300))

    /// Answers each comparison with what `reading` says of it, until a reservation is asked for.
    private func aboveSize(
        _ story: inout Story,
        _ reading: (Int) -> Comparison?
    ) throws -> Duration {
        var number = 0
        while true {
            try #require(story.age < .seconds(3_000), "never asked to leave")
            for directive in try story.sleepUntilTimer() {
                switch directive {
                case .compare:
                    number += 1
                    story.tell(.compared(reading(number)))
                case .ledger(.reserve(let time, _)): return time
                default: break
                }
            }
        }
    }

    @Test(
        "one reading of too many tasks stays one reading, however many turns are skipped after it"
    )
    func oneReading() throws {
        var story = Story.idle(Self.patient)
        let time = try aboveSize(&story) { number in
            number == 1 ? Comparison(size: 1, desired: 1, running: 2) : nil
        }
        #expect(time == .zero)
    }

    @Test("readings of five minutes without a gap are a spell of so long")
    func spell() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(400)))
        let time = try aboveSize(&story) { _ in Comparison(size: 1, desired: 1, running: 2) }
        #expect(time >= .seconds(300))
    }

    @Test("a gap of more than two minutes breaks the spell")
    func gap() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(660)))
        let time = try aboveSize(&story) { number in
            (4...14).contains(number) ? nil : Comparison(size: 1, desired: 1, running: 2)
        }
        #expect(time < .seconds(300))
    }

    /// Seed 1738: six strays that a person had made, and one call in ten that failed: they stayed
    /// until ECS, which renewed no protection for them, stopped an agent.
    @Test("a reading that fails is made again soon, and does not break the spell")
    func missedReading() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(420)))
        let time = try aboveSize(&story) { number in
            number % 3 == 0 ? nil : Comparison(size: 1, desired: 1, running: 2)
        }
        #expect(time >= .seconds(300))
    }

    @Test("an exposure is said again each minute: a ledger that was lost knows of none")
    func exposureAgain() throws {
        var story = Story.busy(try job("run-1/apply"))
        while story.operations.count(where: { $0 == .expose }) < 3 {
            try #require(story.age < .seconds(9_000))
            if try story.sleepUntilTimer().contains(.protect) {
                story.tell(.protection(.refused("AccessDenied")))
            }
            story.answerReport()
            if story.said.last?.directive == .ledger(.expose) {
                story.tell(.booked(.exposed, sizeChanged: false))
            }
        }
        #expect(story.count(.project) == 1)
    }

    @Test("after a reading that is not as it should be no turn may be skipped")
    func suspicious() throws {
        var story = Story.idle(.init(firstJobTimeout: .seconds(90_000)))
        #expect(try story.sleepUntilTimer() == [.compare(always: false)])
        story.tell(.compared(Comparison(size: 1, desired: 1, running: 2)))
        #expect(try story.sleepUntilTimer() == [.compare(always: true)])
        story.tell(.compared(Comparison(size: 1, desired: 1, running: 1)))
        #expect(try story.sleepUntilTimer() == [.compare(always: false)])
    }

    @Test("rule 10: an idle agent of a service that ends goes at once; a busy one works on")
    func serviceEnds() throws {
        let ending = Comparison(size: 1, desired: 0, running: 1, ending: true)
        var story = Story.idle(.init(firstJobTimeout: .seconds(90_000)))
        try story.sleepUntilTimer()
        #expect(story.tell(.compared(ending)).contains(.drain))
        #expect(story.said.last?.reason == .serviceEnds)
        var busy = Story.busy(try job("run-1/plan"))
        busy.tell(.compared(ending), after: .seconds(60))
        #expect(busy.count(.drain) == 0)
    }
}

@Suite("Retirement, protection that is nearly over")
struct RetirementMarginTests {
    @Test("no agent is started on the seconds that an earlier sidecar's protection has left")
    func shortHold() throws {
        var story = Story()
        story.tell(.woke)
        #expect(
            !story.tell(.protection(.held(for: .seconds(10), "DEPLOYMENT_BLOCKED")))
                .contains(.allowAgent)
        )
        #expect(story.operations == [.expose])
    }

    @Test("a minute of protection is enough to start on, when it was just granted")
    func shortGrant() {
        var story = Story()
        story.tell(.woke)
        #expect(
            story.tell(.protection(.protected(for: .seconds(40)))).contains(.allowAgent)
        )
    }

    @Test("what is left after a restart keeps its margin: a lowering may take half a minute")
    func margin() throws {
        var story = Story(.init(restarted: true))
        story.tell(.woke)
        story.tell(.linked)
        let left: Duration = .seconds(120)
        story.tell(.protection(.held(for: left, "DEPLOYMENT_BLOCKED")))
        story.tell(.booked(.covered, sizeChanged: false))
        var answered = 1
        while !story.operations.contains(.expose) {
            try #require(story.age < left)
            if story.count(.protect) > answered {
                answered += 1
                story.tell(.protection(.held(for: left - story.age, "DEPLOYMENT_BLOCKED")))
            }
            if story.operations.last == .rejoin {
                story.tell(.booked(.rejoined, sizeChanged: false))
            }
            try story.sleepUntilTimer()
        }
        #expect(left - story.age >= .seconds(40))
    }
}

@Suite("Retirement, what goes wrong is said")
struct RetirementWarningTests {
    private func warnings(_ story: Story) -> [Reason] {
        story.said.filter { $0.directive == .warn }.map(\.reason)
    }

    private func live(_ story: inout Story, until end: Duration) throws {
        while let wake = story.wakeAt, wake <= .origin + end {
            if try story.sleepUntilTimer().contains(.protect) {
                story.tell(.protection(.protected(for: .seconds(7_200))))
            }
        }
    }

    @Test("an agent that says nothing for ten minutes is warned of, and again each hour")
    func silence() throws {
        var story = Story()
        story.tell(.woke)
        story.tell(.protection(.protected(for: .seconds(7_200))))
        story.tell(.linked)
        try live(&story, until: .seconds(599))
        #expect(warnings(story).isEmpty)
        try live(&story, until: .seconds(8_000))
        #expect(
            warnings(story) == [
                .saysNothing(.saidNothing, for: .seconds(600)),
                .saysNothing(.saidNothing, for: .seconds(4_200)),
                .saysNothing(.saidNothing, for: .seconds(7_800)),
            ]
        )
        #expect(story.operations.isEmpty && story.count(.drain) == 0)
    }

    @Test("what is not known of an agent has a name: registered, unreadable, unlinked")
    func silences() throws {
        var story = Story()
        story.tell(.woke)
        story.tell(.protection(.protected(for: .seconds(7_200))))
        story.tell(.linked)
        story.tell(.agent(.registered(id: "agent-1")))
        try live(&story, until: .seconds(700))
        #expect(warnings(story) == [.saysNothing(.registered, for: .seconds(600))])
        story = Story.idle()
        story.tell(.unlinked)
        try live(&story, until: .seconds(700))
        #expect(warnings(story) == [.saysNothing(.unlinked, for: .seconds(600))])
        story = Story.idle()
        story.tell(.agent(.unreadable))
        try live(&story, until: .seconds(700))
        #expect(
            warnings(story) == [.statusUnreadable, .saysNothing(.unreadable, for: .seconds(600))]
        )
    }

    @Test("a hundred unreadable lines are one warning")
    func manyUnreadable() {
        var story = Story.idle()
        for _ in 0..<100 { story.tell(.agent(.unreadable)) }
        #expect(warnings(story) == [.statusUnreadable])
        story.tell(.agent(.waiting))
        story.tell(.agent(.unreadable))
        #expect(warnings(story).count == 2)
    }

    @Test(
        "an agent that ends badly before it ever waited is an error, and counts as a failed start"
    )
    func failedStart() {
        var story = Story()
        story.tell(.woke)
        story.tell(.protection(.protected(for: .seconds(7_200))))
        story.tell(.linked)
        #expect(
            story.tell(.agent(.exited(code: 1)))
                == [.alarm, .ledger(.depart(failedStart: true))]
        )
        #expect(story.said.contains { $0.reason == .failedStart(code: 1) })
    }

    @Test("an agent that waited, was stopped, or ended well is no failed start")
    func noFailedStart() {
        var waited = Story.idle()
        #expect(waited.tell(.agent(.exited(code: 1))) == [.ledger(.depart())])
        var stopped = Story()
        stopped.tell(.woke)
        stopped.tell(.protection(.protected(for: .seconds(7_200))))
        stopped.tell(.linked)
        stopped.tell(.agent(.stopping))
        stopped.tell(.agent(.exited(code: 143)))
        #expect(stopped.count(.alarm) == 0)
        var unreadable = Story()
        unreadable.tell(.woke)
        unreadable.tell(.protection(.protected(for: .seconds(7_200))))
        unreadable.tell(.linked)
        unreadable.tell(.agent(.unreadable))
        #expect(unreadable.tell(.agent(.exited(code: 1))) == [.ledger(.depart())])
    }

    @Test("an agent that is killed with a job in hand is a warning", arguments: [137, 139])
    func killedAtWork(_ code: Int) throws {
        let plan = try job("run-1/plan")
        var story = Story.busy(plan)
        #expect(story.tell(.agent(.exited(code: code))) == [.warn, .ledger(.depart())])
        #expect(story.said.contains { $0.reason == .endedAtWork(code: code, plan) })
    }

    @Test("a drained agent that does not end is warned of after minutes, once")
    func drainsLong() throws {
        var story = try Story.draining()
        let drained = story.age
        story.tell(.agent(.drained))
        try live(&story, until: drained + .seconds(4_000))
        #expect(warnings(story) == [.drainsLong(.seconds(300))])
    }

    @Test("what could not be noted is noted again, until it can be")
    func allowance() throws {
        var story = Story()
        story.tell(.woke)
        story.tell(.protection(.protected(for: .seconds(7_200))))
        #expect(story.count(.allowAgent) == 1)
        for _ in 0..<3 {
            story.tell(.allowanceFailed("no space left"))
            while try !story.sleepUntilTimer().contains(.allowAgent) {}
        }
        #expect(story.count(.allowAgent) == 4)
        try live(&story, until: .seconds(500))
        #expect(story.count(.allowAgent) == 4)
    }

    @Test("a silent agent that a launcher runs is not taken for one that never started")
    func silentIsAlive() {
        var story = Story()
        story.tell(.woke)
        story.tell(.protection(.protected(for: .seconds(7_200))))
        story.tell(.linked)
        #expect(!story.tell(.stopRequested).contains(.end))
        #expect(story.retirement.agent == .unknown)
    }
}
