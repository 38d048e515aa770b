import Decisions

/// The ledger's items, as a table keeps the promises that the flows rely on: each step is one call,
/// and calls of several flows may come in any order.
struct LedgerTable: Hashable {
    var ledger: Ledger
    var departed: [TaskID: Ledger.Departed] = [:]
    var mark: Int?
    let limits: Limits

    init(_ ledger: Ledger, _ limits: Limits) {
        self.ledger = ledger
        self.limits = limits
    }

    var staying: Int { ledger.staying }
    var want: Int { ledger.want(limits) }

    private func fits(_ write: JobWrite) -> Bool { write.fits(ledger.jobs[write.job]) }

    mutating func write(_ write: JobWrite) -> Bool {
        guard fits(write) else { return false }
        ledger.jobs[write.job] = write.new
        return true
    }

    mutating func write(_ write: LedgerWrite<Int>) -> Bool {
        guard write.counted == nil || write.over == (ledger.version, ledger.moves),
            write.departed.keys.allSatisfy({ departed[$0] == nil }),
            write.jobs.allSatisfy(fits)
        else { return false }
        if let counted = write.counted {
            let jobs = ledger.jobs
            ledger = counted
            ledger.jobs = jobs
            ledger.departed = [:]
            mark = write.mark
        }
        departed.merge(write.departed) { $1 }
        for job in write.jobs { ledger.jobs[job.job] = job.new }
        return true
    }

    mutating func raise(to size: Int, over version: Int) {
        guard ledger.version == version, ledger.size < size else { return }
        ledger.size = size
        ledger.version = max(version, 1)
        ledger.moves += 1
        ledger.lastRaise = ledger.moves
    }

    /// What is counted, without jobs.
    var counted: Ledger {
        var counted = ledger
        counted.jobs = [:]
        return counted
    }
}

extension Ledger {
    /// A job that will need an agent, as ``AnnouncementFlow`` has it written.
    mutating func announce(_ job: Job, at now: WallTime, _ limits: Limits) {
        if jobs[job] == nil { jobs[job] = JobEntry(at: now) }
        uphold(limits, at: now)
    }
}
