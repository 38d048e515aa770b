import Synchronization

/// Counts the calls of each kind and says what happens to each. May be asked from any thread.
final class CallFaults: Sendable {
    private struct State {
        var armed: [FaultPlan.CallFault] = []
        var counts: [APICall: Int] = [:]
        var met: Set<Int> = []
    }

    private let state = Mutex(State())
    private let journal: PlayJournal

    init(_ journal: PlayJournal) { self.journal = journal }

    /// From now on calls are counted, and these faults happen to them.
    func arm(_ faults: [FaultPlan.CallFault]) { state.withLock { $0.armed = faults } }

    /// Nothing more happens to any call.
    ///
    /// - Returns: numbers of the faults whose call never came.
    func disarm() -> [Int] {
        state.withLock { state in
            defer { state.armed = [] }
            return state.armed.map(\.number).filter { !state.met.contains($0) }
        }
    }

    /// What happens to this call, the next one of its kind. The fault is in the journal then.
    func next(_ call: APICall) -> CallEffect? {
        let fault: FaultPlan.CallFault? = state.withLock { state in
            guard !state.armed.isEmpty else { return nil }
            let number = state.counts[call, default: 0] + 1
            state.counts[call] = number
            let fault = state.armed.first {
                $0.call == call && ($0.nth..<$0.nth + $0.count).contains(number)
            }
            if let fault { state.met.insert(fault.number) }
            return fault
        }
        guard let fault else { return nil }
        journal.record(.fault(fault.number, "\(call.rawValue) is \(fault.effect)"))
        return fault.effect
    }
}
