import Curl
import Decisions
import Synchronization
import Testing

@testable import AWS

/// A service that keeps the count written to it, records what it was asked, and fails as told.
final class FakeService: ServicePort {
    enum Call: Hashable { case set(Int), counts }

    private struct State {
        var desired: Int
        var status = "ACTIVE"
        var calls: [Call] = []
        var faults: [Int: AWSFailure] = [:]
        var beforeSet: (@Sendable () async -> Void)?
    }

    private let state: Mutex<State>

    init(desired: Int) { state = Mutex(State(desired: desired)) }

    var desired: Int { state.withLock { $0.desired } }
    var calls: [Call] { state.withLock { $0.calls } }

    /// The call of this number, from 1, ends so; a change has taken effect if the failure says
    /// that it may have.
    func fail(_ number: Int, _ failure: AWSFailure) {
        state.withLock { $0.faults[number] = failure }
    }

    /// ECS deletes it from here on.
    func end() { state.withLock { $0.status = "DRAINING" } }

    /// Runs once, before the next change of the count.
    func beforeSet(_ action: @escaping @Sendable () async -> Void) {
        state.withLock { $0.beforeSet = action }
    }

    func setDesiredCount(_ count: Int) async throws(AWSFailure) -> ServiceCounts {
        let action = state.withLock { $0.beforeSet.take() }
        await action?()
        return try answer(.set(count)) { state in state.desired = count }
    }

    func counts() async throws(AWSFailure) -> ServiceCounts { try answer(.counts) { _ in } }

    func tasks() async throws(AWSFailure) -> [TaskID] { [] }

    private func answer(
        _ call: Call,
        _ effect: (inout State) -> Void
    ) throws(AWSFailure) -> ServiceCounts {
        let result: Result<ServiceCounts, AWSFailure> = state.withLock { state in
            state.calls.append(call)
            let failure = state.faults[state.calls.count]
            if failure?.mayHaveTakenEffect != false { effect(&state) }
            if let failure { return .failure(failure) }
            return .success(
                ServiceCounts(
                    desired: state.desired,
                    running: 0,
                    pending: 0,
                    status: state.status
                )
            )
        }
        return try result.get()
    }
}

@Suite("Projecting the ledger's size")
struct ProjectorTests {
    let service = FakeService(desired: 1)
    let time = FakeTime()

    func ledger(_ ledger: Ledger) throws -> InMemoryLedgerStore {
        InMemoryLedgerStore(
            ledger,
            try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
        )
    }

    func projector(_ ledger: InMemoryLedgerStore) -> Projector {
        Projector(ledger, service, retry: time.retry)
    }

    static func failure(_ cause: AWSFailure.Cause) -> AWSFailure {
        AWSFailure(call: "ecs UpdateService", cause: cause, attempts: 1)
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
        service.fail(1, Self.failure(.transport(.lostAnswer)))
        _ = try await projector(ledger).project()
        #expect(service.calls == [.set(4), .counts])
        #expect(service.desired == 4)
    }

    @Test("an update that was refused is a failure, and the ledger stays as it is")
    func refused() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 4))
        let denied = Self.failure(.denied(code: "AccessDeniedException", message: "no"))
        service.fail(1, denied)
        let failure = await failing { () throws(ProjectionFailure) in
            _ = try await projector(ledger).project()
        }
        #expect(failure == .service(denied))
        #expect(try await ledger.read().ledger.size == 4)
    }

    @Test("a ledger that never rests ends the projection")
    func unsettled() async throws {
        let ledger = try ledger(Ledger(version: 1, size: 4))
        let restless = RestlessService(ledger)
        let projector = Projector(ledger, restless, retry: time.retry)
        let failure = await failing { () throws(ProjectionFailure) in
            _ = try await projector.project()
        }
        #expect(failure == .unsettled)
    }

    /// Somebody changes the size whenever it is written.
    private struct RestlessService: ServicePort {
        let ledger: InMemoryLedgerStore

        init(_ ledger: InMemoryLedgerStore) { self.ledger = ledger }

        func setDesiredCount(_ count: Int) async throws(AWSFailure) -> ServiceCounts {
            _ = try? await ledger.change { ledger, _ in ledger.size += 1 }
            return ServiceCounts(desired: count, running: 0, pending: 0)
        }

        func counts() async throws(AWSFailure) -> ServiceCounts {
            ServiceCounts(desired: 0, running: 0, pending: 0)
        }

        func tasks() async throws(AWSFailure) -> [TaskID] { [] }
    }
}
