import Decisions

/// Rule 4, and what a departure says of rules 6 and 7.
extension RuleBook {
    mutating func judge(_ write: CountedWrite, _ bench: inout Bench) {
        let party = write.writer.map { Party.task($0) } ?? .endpoint
        ledger = .written(isAdopted: write.isAdopted)
        if write.versions.to != write.versions.from + 1 {
            bench.note(.lowering, party, "wrote the ledger over a change that it had not read")
        }
        let fall = write.sizes.from - write.sizes.to
        if fall > 0 {
            if write.writer == nil { bench.note(.lowering, party, "lowered size by \(fall)") }
            if fall > 1 { bench.note(.lowering, party, "lowered size by \(fall) with one write") }
            if write.departures.count != 1 {
                let count = write.departures.count
                bench.note(.lowering, party, "lowered size and booked \(count) departures")
            }
            // Agents that fail to start are not started at any rate.
            if let floor, limitsEndedAt == nil, write.sizes.to < floor, !write.startsFail {
                let size = write.sizes.to
                bench.note(.rest, party, "lowered size to \(size), below desired_count, \(floor)")
            }
        }
        for id in write.departures {
            judgeDeparture(of: id, lowers: fall > 0, &bench)
            if fall > 0, desired ?? .max > write.sizes.to { unfollowed[id] = write.sizes.to }
        }
        guard exposed != write.exposed else { return }
        let covered = exposed.subtracting(write.exposed)
        exposed = write.exposed
        for id in covered.sorted() { judgeProtection(of: id, &bench) }
    }

    private mutating func judgeDeparture(of id: TaskID, lowers: Bool, _ bench: inout Bench) {
        if tasks[id]?.agentLives ?? false {
            bench.note(.lowering, .task(id), "was booked as departed while its agent lives")
        }
        let before = tasks[id]?.end ?? stopped.first { $0.task == id }?.end ?? .none
        if lowers, before == .lowered {
            bench.note(.lowering, .task(id), "lowered size a second time")
        } else if before != .none {
            bench.note(.lowering, .task(id), "departed a second time")
        }
        // What the agents API says of an agent that was taken is of no use.
        if let task = tasks[id], task.wasSignalled, task.doom == nil, let status = task.status,
            status != .idle, status != .exited
        {
            bench.note(.unknownIsBusy, .task(id), "departed; its agent was last \(status.rawValue)")
        }
        with(id) { $0.end = lowers || before == .lowered ? .lowered : .departed }
    }

    mutating func loseLedger(_ bench: inout Bench) {
        if ledger == .unknown {
            ledger = .neverWritten
        } else {
            ledger = .lost
            ledgerLostAt = bench.now
            forgetDepartures()
        }
        let gone = exposed
        exposed = []
        for id in gone.sorted() { judgeProtection(of: id, &bench) }
    }

    /// The service wants so many from now on.
    mutating func follow(_ count: Int) {
        desired = count
        unfollowed = unfollowed.filter { $0.value < count }
    }

    /// A ledger that is lost knows of no departure, so one may be booked again. What the service
    /// followed is not lowered twice; what it did not is in no count, since the next ledger begins with
    /// what the service wants.
    private mutating func forgetDepartures() {
        for id in tasks.keys where isForgotten(id, tasks[id]?.end) { tasks[id]?.end = .none }
        for index in stopped.indices where isForgotten(stopped[index].task, stopped[index].end) {
            stopped[index].end = .none
        }
        unfollowed = [:]
    }

    private func isForgotten(_ id: TaskID, _ end: BookedEnd?) -> Bool {
        end == .departed || unfollowed[id] != nil
    }
}
