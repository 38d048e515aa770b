/// Announcing jobs, as a value: put each job's item, then read, then raise ``Ledger/size`` where it
/// is below what is wanted. Endpoint and simulation perform the same steps.
///
/// No step races: a job that is there already stays as it is, and raising only ever raises. The
/// order matters. Whoever lowers what stays writes that and then reads the jobs
/// (``LedgerChange``), so one of the two sees the other.
package struct AnnouncementFlow: Sendable {
    package enum Step: Hashable, Sendable {
        /// Make an item for each job that has none.
        case put([Job])
        /// Read ledger, jobs and limits, consistently.
        case read
        /// Remove the items of these jobs, but for those that an agent holds.
        case drop([Job])
        /// Raise ``Ledger/size`` to this where it is below, count the raise, and read what is
        /// counted.
        case raise(to: Int)
        /// Agents fail to start, so one more is a decision of its own: ``Ledger/uphold(_:at:)`` as
        /// a change.
        case uphold
        case done(Outcome)
    }

    package enum Outcome: Hashable, Sendable {
        /// The service follows the ledger, or somebody is about to see to it.
        case settled
        /// A raise is still to be projected, perhaps one of an endpoint that died.
        case follow
        /// One more agent was let in, so the service has to follow.
        case project
        /// Jobs were closed; what the ledger says else was not read.
        case closed
    }

    private enum Stage {
        case begin
        case read
        case raise(Int?)
        case end(Outcome)
    }

    private let jobs: [Job]
    private let closed: Set<Job>
    private var stage: Stage = .begin
    private var droppable: [Job] = []

    /// - Parameters:
    ///   - jobs: that need an agent. One that is also among the closed is over, whichever call
    ///     came first: a later stage of the run closes it.
    ///   - closed: jobs that are over.
    package init(_ jobs: [Job], closing closed: Set<Job>) {
        var seen = closed
        self.jobs = jobs.filter { seen.insert($0).inserted }
        self.closed = closed
    }

    package mutating func next() -> Step {
        if !droppable.isEmpty {
            defer { droppable = [] }
            return .drop(droppable)
        }
        switch stage {
        case .begin:
            guard jobs.isEmpty else {
                stage = .read
                return .put(jobs)
            }
            stage = .end(.closed)
            return closed.isEmpty ? .done(.closed) : .drop(closed.sorted())
        case .read: return .read
        case .raise(let size): return size.map(Step.raise) ?? .uphold
        case .end(let outcome): return .done(outcome)
        }
    }

    /// - Parameter stored: the ledger, read after the jobs were put.
    package mutating func read(_ stored: Ledger, _ limits: Limits) {
        var ledger = stored
        ledger.close(closed)
        droppable = stored.jobs.keys.filter { ledger.jobs[$0] == nil }.sorted()
        let wanted = ledger.sizeWanted(limits)
        if let wanted, wanted <= ledger.size {
            settle(raises: ledger.raises, followed: ledger.followed)
        } else {
            stage = .raise(wanted)
        }
    }

    /// - Parameters:
    ///   - raises: as they are after the raise, by whomever.
    ///   - followed: likewise.
    package mutating func raised(raises: Int, followed: Int) {
        settle(raises: raises, followed: followed)
    }

    /// - Parameter hasChanged: whether one more agent was let in.
    package mutating func upheld(hasChanged: Bool) {
        stage = .end(hasChanged ? .project : .settled)
    }

    private mutating func settle(raises: Int, followed: Int) {
        stage = .end(followed < raises ? .follow : .settled)
    }
}
