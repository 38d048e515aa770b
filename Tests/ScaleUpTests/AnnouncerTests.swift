import AWS
import Decisions
import Testing

@testable import ScaleUp

func job(_ number: Int) throws -> Job { try #require(Job(id: "run-\(number)", type: "plan")) }

@Suite("Announcer")
struct AnnouncerTests {
    @Test("F8: announcements that arrive during a write share the next one")
    func batches() async throws {
        let world = try World(maxCount: 500)
        world.service.close()
        let jobs = try (0..<200).map(job)
        let announcer = world.announcer
        let answers = try await withThrowingTaskGroup(of: Announcement.self) { group in
            group.addTask { try await announcer.announce(jobs[0]) }
            await world.service.arrival()
            for job in jobs.dropFirst() {
                group.addTask { try await announcer.announce(job) }
            }
            while await announcer.waitingCount < jobs.count - 1 { await Task.yield() }
            world.service.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 200)
        #expect(world.service.written == [1, 200])
        #expect(try await world.ledger().version == 2)
    }

    @Test("F9: what exceeds max_count is clamped and every call is answered")
    func clamped() async throws {
        let world = try World(maxCount: 3)
        for number in 0..<5 {
            #expect(await world.call("pre_plan", run: "run-\(number)").status == 200)
        }
        #expect(world.service.desired == 3)
        #expect(try await world.ledger().jobs.count == 5)
    }

    @Test("after an update the next one waits until 250 ms have passed, and no longer")
    func spacing() async throws {
        let world = try World(maxCount: 500)
        _ = try await world.announcer.announce(job(0))
        #expect(world.time.slept.isEmpty)
        _ = try await world.announcer.announce(job(1))
        #expect(world.time.slept == [.milliseconds(250)])
        world.time.advance(.milliseconds(100))
        _ = try await world.announcer.announce(job(2))
        #expect(world.time.slept == [.milliseconds(250), .milliseconds(150)])
        world.time.advance(.milliseconds(250))
        _ = try await world.announcer.announce(job(3))
        #expect(world.time.slept.count == 2)
        #expect(world.service.written == [1, 2, 3, 4])
    }

    @Test("announcements that need no update wait for nothing")
    func noUpdate() async throws {
        let world = try World(maxCount: 1)
        for number in 0..<20 { _ = try await world.announcer.announce(job(number)) }
        #expect(world.time.slept.isEmpty)
        #expect(world.service.written == [1])
    }
}

/// Several instances of the endpoint over one ledger, one service and one desk.
private struct Fleet {
    let store: InMemoryLedgerStore
    let service = FakeService()
    let desk = FakeDesk()
    let time = FakeTime()

    init(maxCount: Int = 1_000) throws {
        let limits = try #require(Limits(desiredCount: 0, maxCount: maxCount, spareCount: 0))
        store = InMemoryLedgerStore(Ledger(), limits)
    }

    func instance(
        over store: (any LedgerStore)? = nil,
        complain: @escaping @Sendable (AWSFailure) -> Void = { _ in }
    ) -> Announcer {
        Announcer(
            store: store ?? self.store,
            service: service,
            desk: desk,
            gathers: false,
            clock: time.clock,
            pacing: time.pacing,
            complain: complain
        )
    }

    func call(_ jobs: [Job], age: Duration = .zero) -> DeskCall {
        let at = time.clock().milliseconds - Int(age / .milliseconds(1))
        return DeskCall(at: WallTime(milliseconds: at), jobs: jobs, closed: [])
    }

    func ledger() async throws -> Ledger { try await store.read().ledger }
}

private let throttled = AWSFailure(
    call: "ecs UpdateService",
    cause: .throttled(code: "ThrottlingException", message: "m"),
    attempts: 1
)

@Suite("Announcers of several processes")
struct DeskTests {
    @Test("F8: a hundred instances share writes and updates, and each has its answer")
    func share() async throws {
        let fleet = try Fleet()
        // True time: in a time that the sleepers themselves move on, a hundred of them can use up
        // everybody's patience before the one with the turn gets a thread.
        let start = ContinuousClock.now
        let jobs = try (0..<100).map(job)
        let answers = try await withThrowingTaskGroup(of: Announcement.self) { group in
            for job in jobs {
                group.addTask {
                    let instance = Announcer(
                        store: fleet.store,
                        service: fleet.service,
                        desk: fleet.desk,
                        gathers: false,
                        clock: { .now() }
                    )
                    return try await instance.announce(job)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 100)
        let ledger = try await fleet.ledger()
        #expect(ledger.size == 100 && ledger.jobs.count == 100)
        #expect(fleet.service.desired == 100)
        let slots = start.duration(to: .now) / Ledger.updateSpacing + 1
        #expect(Double(fleet.service.written.count) <= slots)
        #expect(fleet.service.written.count < 50)
        let desk = await fleet.desk.state
        #expect(desk.calls.isEmpty && desk.turn == nil)
    }

    @Test("an instance that loses the race for the ledger leaves its call to the desk's turn")
    func lostRace() async throws {
        let fleet = try Fleet()
        let instance = fleet.instance(over: RacedStore(fleet.store, losses: 1))
        let answer = try await instance.announce(job(1))
        #expect(answer.sentence == "1 of 1000 agents, 1 starting")
        #expect(await fleet.desk.state.answer == .init(size: 1, maxCount: 1_000, running: 0))
        #expect(fleet.service.written == [1])
    }

    @Test("the one with the turn writes the calls of all, those that close a job too")
    func collects() async throws {
        let fleet = try Fleet()
        let apply = try #require(Job(id: "run-1", type: "apply"))
        let at = fleet.time.clock()
        await fleet.desk.leave(
            DeskCall(at: at, jobs: [apply], closed: [try job(1)]),
            mark: "another",
            turn: nil
        )
        _ = try await fleet.store.change { [job = try job(1)] ledger, limits in
            ledger.announce(job, at: at, limits)
        }
        let instance = fleet.instance(over: RacedStore(fleet.store, losses: 1))
        _ = try await instance.announce(job(2))
        #expect(try await fleet.ledger().jobs.keys.sorted() == [apply, job(2)])
        #expect(fleet.service.desired == 2)
        #expect(await fleet.desk.state.calls.isEmpty)
    }

    @Test("a call that only closes is written with the others, and asks ECS for nothing")
    func closesOnly() async throws {
        let fleet = try Fleet()
        let at = fleet.time.clock()
        _ = try await fleet.store.change { [jobs = [try job(1), try job(2)]] ledger, limits in
            for job in jobs { ledger.announce(job, at: at, limits) }
        }
        await fleet.desk.leave(
            DeskCall(at: at, jobs: [], closed: [try job(1)]),
            mark: "another",
            turn: nil
        )
        let instance = fleet.instance(over: RacedStore(fleet.store, losses: 1))
        try await instance.close([job(2)])
        #expect(try await fleet.ledger().jobs.isEmpty)
        #expect(try await fleet.ledger().size == 2)
        #expect(fleet.service.written.isEmpty)
        #expect(await fleet.desk.state.calls.isEmpty)
    }

    @Test("where nothing is to be closed nothing is written")
    func closesNothing() async throws {
        let fleet = try Fleet()
        _ = try await fleet.instance().announce(job(1))
        let before = try await fleet.ledger()
        try await fleet.instance().close([job(2), job(3)])
        #expect(try await fleet.ledger() == before)
        #expect(fleet.service.written == [1])
    }

    @Test("an announcement that comes with its own end announces nothing, in any order")
    func closedAtOnce() async throws {
        let fleet = try Fleet()
        let at = fleet.time.clock()
        await fleet.desk.leave(
            DeskCall(at: at, jobs: [], closed: [try job(1)]),
            mark: "another",
            turn: nil
        )
        let instance = fleet.instance(over: RacedStore(fleet.store, losses: 1))
        _ = try await instance.announce(job(1))
        #expect(try await fleet.ledger() == Ledger(version: 1))
        #expect(fleet.service.written.isEmpty)
    }

    @Test("who waits is answered by the one that has the turn, with its numbers")
    func waits() async throws {
        let fleet = try Fleet()
        await fleet.desk.leave(fleet.call([]), mark: "another", turn: fleet.turn("another", 3_000))
        fleet.time.duringSleep { [desk = fleet.desk] in
            let marks = Array(await desk.state.calls.keys)
            let answer = DeskState.Answer(size: 7, maxCount: 9, running: 4)
            try? await desk.settle(marks, answer, turnOf: "another")
        }
        let instance = fleet.instance(over: RacedStore(fleet.store, losses: 1))
        #expect(try await instance.announce(job(1)).sentence == "7 of 9 agents, 3 starting")
        #expect(try await fleet.ledger() == Ledger())
    }

    @Test("an instance that dies with the turn delays the others by no more than three seconds")
    func deadHolder() async throws {
        let fleet = try Fleet()
        await fleet.desk.leave(
            fleet.call([try job(9)]),
            mark: "dead",
            turn: fleet.turn("dead", Int(AnnouncementWriting.turn.milliseconds))
        )
        let start = fleet.time.clock()
        let instance = fleet.instance(over: RacedStore(fleet.store, losses: 1))
        _ = try await instance.announce(job(1))
        #expect(fleet.time.clock().since(start) < .milliseconds(3_500))
        #expect(try await fleet.ledger().jobs.count == 2)
        #expect(fleet.service.desired == 2)
        #expect(await fleet.desk.state.calls.isEmpty)
    }

    @Test("a turn that ends later than any can is nobody's")
    func clockAhead() async throws {
        let fleet = try Fleet()
        await fleet.desk.leave(fleet.call([]), mark: "ahead", turn: fleet.turn("ahead", 60_000))
        let start = fleet.time.clock()
        let instance = fleet.instance(over: RacedStore(fleet.store, losses: 1))
        _ = try await instance.announce(job(1))
        #expect(fleet.time.clock().since(start) < .seconds(1))
        #expect(try await fleet.ledger().size == 1)
    }

    @Test("who cannot update the service gives the turn back, and leaves the others' calls")
    func failure() async throws {
        let fleet = try Fleet()
        await fleet.desk.leave(fleet.call([try job(9)]), mark: "another", turn: nil)
        fleet.service.fail(throttled)
        let instance = fleet.instance(over: RacedStore(fleet.store, losses: 1))
        await #expect(throws: AnnounceFailure.self) { try await instance.announce(job(1)) }
        let desk = await fleet.desk.state
        #expect(Array(desk.calls.keys) == ["another"])
        #expect(desk.turn == nil)
    }

    @Test("without a desk that works each instance writes by itself, and says so")
    func unusable() async throws {
        let fleet = try Fleet()
        await fleet.desk.fail(throttled)
        try await confirmation { said in
            let instance = fleet.instance(over: RacedStore(fleet.store, losses: 1)) {
                #expect($0 == throttled)
                said()
            }
            _ = try await instance.announce(job(1))
        }
        #expect(try await fleet.ledger().size == 1)
        #expect(fleet.service.written == [1])
    }

    @Test("the sweep announces what lies on the desk, but nothing older than ten minutes")
    func sweep() async throws {
        let fleet = try Fleet()
        await fleet.desk.leave(fleet.call([try job(1)], age: .seconds(599)), mark: "a", turn: nil)
        await fleet.desk.leave(fleet.call([try job(2)], age: .seconds(601)), mark: "b", turn: nil)
        let announcer = fleet.instance()
        let sweeper = Sweeper(
            store: fleet.store,
            service: fleet.service,
            announcer: announcer,
            search: nil,
            patience: .seconds(3_600),
            clock: fleet.time.clock
        )
        _ = await sweeper.sweep()
        #expect(try await fleet.ledger().jobs.keys.sorted() == [job(1)])
        #expect(fleet.service.desired == 1)
        #expect(await fleet.desk.state.calls.isEmpty)
    }

    @Test("the sweep leaves a desk alone that somebody else writes")
    func sweepBesideAnother() async throws {
        let fleet = try Fleet()
        let call = fleet.call([try job(1)])
        await fleet.desk.leave(call, mark: "a", turn: fleet.turn("a", 1_000))
        try await fleet.instance().clearDesk()
        #expect(await fleet.desk.state.calls == ["a": call])
        #expect(try await fleet.ledger() == Ledger())
    }
}

extension Fleet {
    fileprivate func turn(_ holder: String, _ milliseconds: Int) -> DeskState.Turn {
        let end = time.clock().milliseconds + milliseconds
        return DeskState.Turn(holder: holder, end: WallTime(milliseconds: end))
    }
}

@Suite("Following the ledger")
struct FollowingTests {
    private func raised(_ fleet: Fleet, to size: Int) async throws -> LedgerSnapshot {
        let clock = fleet.time.clock
        return try await fleet.store.change { ledger, _ in
            ledger.size = size
            _ = ledger.bookUpdate(at: clock())
        }.snapshot
    }

    private func projector(_ fleet: Fleet) -> Projector {
        Projector(
            fleet.store,
            fleet.service,
            clock: fleet.time.clock,
            pacing: fleet.time.pacing
        )
    }

    @Test("a booked update is one call")
    func booked() async throws {
        let fleet = try Fleet()
        let counts = try await projector(fleet).follow(raised(fleet, to: 2), isBooked: true).service
        #expect(counts?.desired == 2)
        #expect(fleet.service.written == [2])
        #expect(fleet.time.slept.isEmpty)
    }

    @Test("a size that another raised and projects meanwhile is not written twice")
    func overtaken() async throws {
        let fleet = try Fleet()
        let mine = try await raised(fleet, to: 2)
        fleet.time.advance(.milliseconds(250))
        _ = try await raised(fleet, to: 3)
        fleet.time.duringSleep { _ = try? await fleet.service.setDesiredCount(3) }
        let counts = try await projector(fleet).follow(mine, isBooked: true).service
        #expect(counts?.desired == 3)
        #expect(fleet.service.written == [2, 3])
    }

    @Test("a size that another raised and never projects is written after its booking")
    func abandoned() async throws {
        let fleet = try Fleet()
        let mine = try await raised(fleet, to: 2)
        fleet.time.advance(.milliseconds(250))
        _ = try await raised(fleet, to: 3)
        _ = try await projector(fleet).follow(mine, isBooked: true)
        #expect(fleet.service.written == [2, 3])
        #expect(fleet.time.slept == [.milliseconds(250)])
    }

    @Test("a service that is right already is only read")
    func right() async throws {
        let fleet = try Fleet()
        let snapshot = try await raised(fleet, to: 2)
        _ = try await fleet.service.setDesiredCount(2)
        _ = try await projector(fleet).follow(snapshot, isBooked: false)
        #expect(fleet.service.written == [2])
    }

    @Test("rule 5: while an agent runs without protection a larger service is left alone")
    func exposed() async throws {
        let fleet = try Fleet()
        _ = try await fleet.service.setDesiredCount(5)
        _ = try await fleet.store.change { ledger, limits in
            ledger.expose(TaskID("a"), at: WallTime(milliseconds: 0), limits)
        }
        let counts = try await projector(fleet).follow(raised(fleet, to: 2), isBooked: true).service
        #expect(counts?.desired == 5)
        #expect(fleet.service.written == [5])
    }
}
