/// What one change writes, all of it or nothing.
package struct LedgerWrite<Mark: Hashable> {
    /// The version that must still be there, 0 for none at all, and the moves. Only where something
    /// is counted.
    package let over: (version: Int, moves: Int)
    package let mark: Mark
    /// The ledger as far as it is counted, of the next version; nil when that stays as it is.
    package let counted: Ledger?
    package let jobs: [JobWrite]
    /// Tasks that depart, none of which may have departed before.
    package let departed: [TaskID: Ledger.Departed]

    /// - Returns: nil when nothing changes. A first write is made even so: it says that there is a
    ///   ledger.
    init?(from old: Ledger, to new: Ledger, mark: Mark) {
        jobs = JobWrite.writes(from: old.jobs, to: new.jobs)
        departed = new.departed.filter { old.departed[$0.key] == nil }
        over = (old.version, old.moves)
        self.mark = mark
        // A departure that lowers nothing was decided on what is counted all the same: a raise for
        // the very job whose agent leaves must not come in between.
        if !old.isWritten || !departed.isEmpty || !new.countsAs(old) {
            var next = new
            next.version = old.version + 1
            counted = next
        } else {
            counted = nil
            if jobs.isEmpty { return nil }
        }
    }
}

/// A job's item, written on the condition that the same task has it as before, or none.
package struct JobWrite: Hashable, Sendable {
    package let job: Job
    /// Nil where there must be none.
    package let old: Ledger.JobEntry?
    /// Nil removes it.
    package let new: Ledger.JobEntry?

    package init(_ job: Job, from old: Ledger.JobEntry?, to new: Ledger.JobEntry?) {
        self.job = job
        self.old = old
        self.new = new
    }

    /// Whether the condition holds; a table says the same in its own words.
    ///
    /// - Parameter there: the job's entry as it is; nil for none.
    package func fits(_ there: Ledger.JobEntry?) -> Bool {
        // One that is gone needs no removing.
        if new == nil, old?.task == nil { return there?.task == nil }
        return (there == nil) == (old == nil) && there?.task == old?.task
    }

    fileprivate static func writes(
        from old: [Job: Ledger.JobEntry],
        to new: [Job: Ledger.JobEntry]
    ) -> [JobWrite] {
        // Most changes touch one job of thousands or none, and dictionaries that share their
        // storage are equal at once.
        if old == new { return [] }
        var writes: [JobWrite] = []
        for (job, entry) in new where old[job] != entry {
            writes.append(JobWrite(job, from: old[job], to: entry))
        }
        for (job, entry) in old where new[job] == nil {
            writes.append(JobWrite(job, from: entry, to: nil))
        }
        return writes.sorted { $0.job < $1.job }
    }
}

extension Ledger {
    /// Whether what lies in the item of version, size and the tasks that leave is the same.
    fileprivate func countsAs(_ other: Ledger) -> Bool {
        size == other.size && leaving == other.leaving && exposed == other.exposed
            && failedStarts == other.failedStarts && isAdopted == other.isAdopted
            && recycledAt == other.recycledAt
    }
}
