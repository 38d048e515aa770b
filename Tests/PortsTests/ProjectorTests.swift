import Decisions
import InMemoryPorts
import Ports
import Testing

@Suite("Projecting the ledger's size")
struct ProjectorTests {
    let service = InMemoryService(desired: 1)
    let retry = RetryClock(sleep: { _ in })
    let now = WallTime(milliseconds: 1_000_000_000)

    func ledger(_ ledger: Ledger) throws -> InMemoryLedgerStore {
        InMemoryLedgerStore(
            ledger,
            try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
        )
    }

    func projector(_ ledger: InMemoryLedgerStore) -> Projector {
        Projector(ledger, service, retry: retry)
    }

    @Test("the size is written in one call, and the ledger read again")
    func written() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 4))
        let outcome = try await projector(ledger).project(try await ledger.read())
        let counts = ServiceCounts(desired: 4, running: 0, pending: 0)
        #expect(outcome == .init(.agreed(size: 4), service: counts))
        #expect(service.calls == [.set(4)])
    }

    @Test("counts that agree are not written again")
    func compared() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 1))
        let counts = try await service.counts()
        let outcome = try await projector(ledger).project(counts: counts)
        #expect(outcome == .init(.agreed(size: 1), service: counts))
        #expect(service.calls == [.counts])
    }

    @Test("a size that changed meanwhile is written too")
    func changedMeanwhile() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 4))
        service.beforeSet { _ = try? await ledger.change { ledger, _ in ledger.size = 6 } }
        _ = try await projector(ledger).project()
        #expect(service.calls == [.set(4), .set(6)])
        #expect(service.desired == 6)
    }

    @Test("what the caller knew is compared with the ledger before it counts as agreed")
    func staleKnowledge() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 1))
        let known = try await ledger.read()
        let counts = try await service.counts()
        _ = try await ledger.change { ledger, _ in ledger.size = 5 }
        _ = try await projector(ledger).project(known, counts: counts)
        #expect(service.desired == 5)
    }

    @Test("while an agent is exposed the count is read first and not lowered")
    func held() async throws {
        let task = TaskID("t")
        let exposed = [task: Ledger.Exposure(since: .now())]
        let ledger = try ledger(Ledger(version: 1, size: 0, exposed: exposed))
        let outcome = try await projector(ledger).project()
        let counts = ServiceCounts(desired: 1, running: 0, pending: 0)
        #expect(outcome == .init(.held(.exposed(task), size: 0), service: counts))
        #expect(service.calls == [.counts])
    }

    @Test("while an agent is exposed the count is still raised")
    func raisedWhileExposed() async throws {
        let exposed = [TaskID("t"): Ledger.Exposure(since: .now())]
        let ledger = try ledger(Ledger(version: 1, size: 3, exposed: exposed))
        _ = try await projector(ledger).project()
        #expect(service.calls == [.counts, .set(3)])
    }

    @Test("an update whose answer was lost is resolved by reading")
    func lostAnswer() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 4))
        service.fail(1, .unclear(cause: "timed out"))
        _ = try await projector(ledger).project()
        #expect(service.calls == [.set(4), .counts])
        #expect(service.desired == 4)
    }

    @Test("an update that a service which ends refuses is resolved by reading")
    func refusedByEnd() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 4))
        service.end()
        service.fail(1, .ending(cause: "not active"))
        let outcome = try await projector(ledger).project()
        #expect(outcome.outcome == .still(.serviceEnds, size: 4))
        #expect(service.calls == [.set(4), .counts])
        #expect(service.desired == 1)
    }

    @Test("an update that was refused is a failure, and the ledger stays as it is")
    func refused() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 4))
        let denied = ServiceFailure.unchanged(cause: "denied")
        service.fail(1, denied)
        await #expect(throws: ProjectionFailure.service(denied)) {
            try await projector(ledger).project()
        }
        #expect(try await ledger.read().ledger.size == 4)
    }

    @Test("a ledger that never rests ends the projection")
    func unsettled() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 4))
        let restless = RestlessService(ledger)
        let projector = Projector(ledger, restless, retry: retry)
        await #expect(throws: ProjectionFailure.unsettled) { try await projector.project() }
    }

    /// Held up for the second's job, the service kept one agent more than it wanted, and ECS
    /// started another in place of the first.
    @Test("two agents that end at once are followed as a whole by whoever of them books first")
    func twoDepartures() async throws {
        let (first, second) = (TaskID("a"), TaskID("b"))
        var start = Ledger(version: 1, size: 2, isAdopted: true)
        for task in [first, second] {
            let job = try #require(Job(key: "run-\(task)/plan"))
            start.jobs[job] = .init(at: now, task: task)
        }
        let ledger = try ledger(start)
        let service = InMemoryService(desired: 2)
        let projector = Projector(ledger, service, retry: retry)
        var departures: [LedgerSnapshot] = []
        for task in [first, second] {
            let (answer, snapshot) = try await ledger.change { [now] ledger, limits in
                ledger.depart(task, at: now, limits)
            }
            #expect(answer == .retired)
            departures.append(snapshot)
        }
        for snapshot in departures {
            let move = snapshot.ledger.moves
            _ = try await projector.follow(snapshot, to: move, isBooked: false)
            #expect(service.desired == 0)
        }
        #expect(try await ledger.read().ledger.followed == 2)
        #expect(service.calls == [.set(0)])
    }

    /// Somebody changes the size whenever it is written.
    private struct RestlessService: ServicePort {
        let ledger: InMemoryLedgerStore

        init(_ ledger: InMemoryLedgerStore) { self.ledger = ledger }

        func setDesiredCount(_ count: Int) async throws(ServiceFailure) -> ServiceCounts {
            _ = try? await ledger.change { ledger, _ in ledger.size += 1 }
            return ServiceCounts(desired: count, running: 0, pending: 0)
        }

        func counts() async throws(ServiceFailure) -> ServiceCounts {
            ServiceCounts(desired: 0, running: 0, pending: 0)
        }

        func tasks() async throws(ServiceFailure) -> [TaskID] { [] }
    }
}
