package import Decisions
package import Ports
import Synchronization

/// A service that keeps the count written to it, records what it was asked, and fails as told.
package final class InMemoryService: ServicePort {
    package enum Call: Hashable, Sendable { case set(Int), counts }

    private struct State {
        var desired: Int
        var status = "ACTIVE"
        var calls: [Call] = []
        var faults: [Int: ServiceFailure] = [:]
        var beforeSet: (@Sendable () async -> Void)?
    }

    private let state: Mutex<State>

    package init(desired: Int) { state = Mutex(State(desired: desired)) }

    package var desired: Int { state.withLock { $0.desired } }
    package var calls: [Call] { state.withLock { $0.calls } }

    /// The call of this number, from 1, ends so; a change has taken effect if the failure says
    /// that it may have.
    package func fail(_ number: Int, _ failure: ServiceFailure) {
        state.withLock { $0.faults[number] = failure }
    }

    /// ECS deletes it from here on.
    package func end() { state.withLock { $0.status = "DRAINING" } }

    /// Runs once, before the next change of the count.
    package func beforeSet(_ action: @escaping @Sendable () async -> Void) {
        state.withLock { $0.beforeSet = action }
    }

    package func setDesiredCount(_ count: Int) async throws(ServiceFailure) -> ServiceCounts {
        let action = state.withLock { $0.beforeSet.take() }
        await action?()
        return try answer(.set(count)) { state in state.desired = count }
    }

    package func counts() async throws(ServiceFailure) -> ServiceCounts {
        try answer(.counts) { _ in }
    }

    package func tasks() async throws(ServiceFailure) -> [TaskID] { [] }

    private func answer(
        _ call: Call,
        _ effect: (inout State) -> Void
    ) throws(ServiceFailure) -> ServiceCounts {
        let result: Result<ServiceCounts, ServiceFailure> = state.withLock { state in
            state.calls.append(call)
            let failure = state.faults[state.calls.count]
            switch failure {
            case nil, .unclear: effect(&state)
            case .unread, .unchanged, .ending: break
            }
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
