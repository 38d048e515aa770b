import Decisions
import InMemoryPorts
import Ports
import Testing

@testable import ScaleUp

func job(_ number: Int) throws -> Job { try #require(Job(id: "run-\(number)", type: "plan")) }

@Suite("Announcer")
struct AnnouncerTests {
    @Test("announcements that arrive while others are under way share what follows")
    func batches() async throws {
        let world = try World(maxCount: 500)
        world.service.close()
        let jobs = try (0..<200).map(job)
        let announcer = world.announcer
        let answers = try await withThrowingTaskGroup(of: Headcount.self) { group in
            group.addTask { try await announcer.announce(jobs[0]) }
            await world.service.arrival()
            for job in jobs.dropFirst() {
                group.addTask { try await announcer.announce(job) }
            }
            while await announcer.waiting.count < jobs.count - 1 { await Task.yield() }
            world.service.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 200)
        #expect(world.service.written == [1, 200])
        #expect(try await world.ledger().moves == 2)
    }

    @Test("what exceeds max_count is clamped and every call is answered")
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

    @Test("a call that closes a job and announces the next one makes both of it at once")
    func closes() async throws {
        let world = try World(maxCount: 5)
        let apply = try #require(Job(id: "run-1", type: "apply"))
        _ = try await world.announcer.announce([job(1), job(2)])
        _ = try await world.announcer.announce(apply, closing: [job(1)])
        #expect(try await world.ledger().jobs.keys.sorted() == [apply, job(2)])
        #expect(world.service.written == [2])
    }

    @Test("what is only closed asks ECS for nothing, and lowers nothing")
    func closesOnly() async throws {
        let world = try World(maxCount: 5)
        _ = try await world.announcer.announce([job(1), job(2)])
        try await world.announcer.close([job(1), job(3)])
        #expect(try await world.ledger().jobs.keys.sorted() == [job(2)])
        #expect(try await world.ledger().size == 2)
        #expect(world.service.written == [2])
    }

    @Test("a job that an agent holds is not closed")
    func closesNoHeld() async throws {
        let world = try World(maxCount: 5)
        let held = try job(1)
        _ = try await world.announcer.announce(held)
        _ = try await world.store.change { ledger, limits in
            ledger.report(TaskID("a"), held, at: WallTime(milliseconds: 1), limits)
        }
        try await world.announcer.close([held])
        #expect(try await world.ledger().jobs[held]?.task == TaskID("a"))
    }
}

/// Several instances of the endpoint over one ledger and one service.
private struct Fleet {
    let store: InMemoryLedgerStore
    let service = FakeService()
    let time = FakeTime()

    init(maxCount: Int = 1_000) throws {
        let limits = try #require(Limits(desiredCount: 0, maxCount: maxCount, spareCount: 0))
        store = InMemoryLedgerStore(Ledger(), limits)
    }

    func instance(over store: (any LedgerStore)? = nil) -> Announcer {
        Announcer(
            store: store ?? self.store,
            service: service,
            clock: time.clock,
            retry: time.retry
        )
    }

    /// One whose ledger others change before the call.
    func raced(
        _ call: RacedStore.Call,
        _ action: @escaping @Sendable () async throws(LedgerFailure) -> Void
    ) -> Announcer {
        instance(over: RacedStore(store, before: [call: action]))
    }

    func ledger() async throws -> Ledger { try await store.read().ledger }
}

private let throttled = ServiceFailure.unchanged(cause: "throttled")

@Suite("Announcers of several processes")
struct AnnouncerFleetTests {
    @Test("a hundred instances share updates, and each has its answer once ECS follows")
    func share() async throws {
        let fleet = try Fleet()
        // True time: in a time that the sleepers themselves move on nobody would ever wait.
        let start = ContinuousClock.now
        let jobs = try (0..<100).map(job)
        let answers = try await withThrowingTaskGroup(of: Headcount.self) { group in
            for job in jobs {
                group.addTask {
                    let instance = Announcer(
                        store: fleet.store,
                        service: fleet.service,
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
    }

    @Test("a raise that another endpoint has made for both is not made twice")
    func raisedTogether() async throws {
        let fleet = try Fleet()
        let other = fleet.instance()
        let second = try job(2)
        let instance = fleet.raced(.raise) { _ = try? await other.announce(second) }
        #expect(try await instance.announce(job(1)).size == 2)
        #expect(fleet.service.written == [2])
    }

    @Test("a departure between reading and raising makes it read again")
    func departureBetween() async throws {
        let fleet = try Fleet()
        let (first, task) = (try job(1), TaskID("a"))
        _ = try await fleet.instance().announce(first)
        let now = fleet.time.clock()
        _ = try await fleet.store.change { ledger, limits in
            ledger.report(task, first, at: now, limits)
        }
        let store = fleet.store
        let instance = fleet.raced(.raise) { () async throws(LedgerFailure) in
            _ = try await store.change { ledger, limits in
                ledger.depart(task, at: now, limits)
            }
        }
        #expect(try await instance.announce(job(2)).size == 1)
    }

    @Test("whoever must wait finds the other's update, and makes none")
    func followed() async throws {
        let fleet = try Fleet()
        _ = try await fleet.instance().announce(job(1))
        let store = fleet.store
        let service = fleet.service
        fleet.time.duringSleep {
            // An endpoint that books in the same moment, a little faster.
            _ = try? await service.setDesiredCount(2)
            _ = try? await store.note(followed: 2, after: 1)
        }
        #expect(try await fleet.instance().announce(job(2)).size == 2)
        #expect(fleet.service.written == [1, 2])
        #expect(fleet.time.slept == [.milliseconds(250)])
    }

    @Test("an endpoint that dies between ledger and service is made good by the next call")
    func abandoned() async throws {
        let fleet = try Fleet()
        fleet.service.fail(throttled)
        await #expect(throws: AnnouncementFailure.self) {
            try await fleet.instance().announce(job(1))
        }
        fleet.service.fail(nil)
        fleet.time.advance(.seconds(1))
        // HCP Terraform calls again.
        _ = try await fleet.instance().announce(job(1))
        #expect(fleet.service.written == [1])
        #expect(try await fleet.ledger().size == 1)
    }

    @Test("an update that others overtook is mended")
    func overtaken() async throws {
        let fleet = try Fleet()
        let store = fleet.store
        let service = fleet.service
        let instance = fleet.raced(.note) { () async throws(LedgerFailure) in
            let ledger = try await store.counted()
            _ = try await store.raise(to: 5, over: ledger.version, bookingAt: nil)
            _ = try? await service.setDesiredCount(5)
            _ = try await store.note(followed: 2, after: 0)
            _ = try? await service.setDesiredCount(1)
        }
        _ = try await instance.announce(job(1))
        #expect(fleet.service.desired == 5)
    }

    @Test("while an agent runs without protection a larger service is left alone")
    func exposed() async throws {
        let fleet = try Fleet()
        _ = try await fleet.service.setDesiredCount(5)
        _ = try await fleet.store.change { ledger, limits in
            ledger.expose(TaskID("a"), at: WallTime(milliseconds: 0), limits)
        }
        _ = try await fleet.instance().announce([job(1), job(2)])
        #expect(fleet.service.desired == 5)
        #expect(fleet.service.written == [5])
    }
}
