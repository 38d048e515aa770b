/// Announcing jobs, as a value: put each job's item, then read, then raise ``Ledger/size`` where it
/// is below what is wanted. Endpoint and simulation perform the same steps.
///
/// Announcements are not in each other's way: a job that is there already stays as it is, and
/// raising only ever raises. The order matters. Whoever lowers what stays writes that and then reads
/// the jobs (``LedgerChange``), so one of the two sees the other. A raise holds for the version that
/// was read with the jobs: the very job that it counts may have ended with a departure.
package struct AnnouncementFlow: Sendable {
    package enum Step: Hashable, Sendable {
        /// Make an item for each job that has none.
        case put([Job])
        /// Read ledger, jobs and limits, consistently.
        case read
        /// Remove the items of these jobs, but for those that an agent holds.
        case drop([Job])
        /// Raise ``Ledger/size`` to this where it is below, if this version is still there; count the
        /// raise, and read what is counted.
        case raise(to: Int, over: Int)
        /// Agents fail to start, so one more is a decision of its own: ``Ledger/uphold(_:at:)`` as
        /// a change.
        case uphold
        case done(Outcome)
        /// Departures came in between, as often as may be tried; the jobs are put.
        case unsettled
    }

    package enum Outcome: Hashable, Sendable {
        /// The service follows the ledger, or somebody is about to see to it.
        case settled
        /// A raise is still to be projected, perhaps one of an endpoint that died.
        case follow
        /// One more agent was let in, so the service has to follow.
        case project
        /// Jobs were closed; what the ledger says else is left as it is.
        case closed
    }

    private enum Stage {
        case begin
        case read
        case raise(to: Int?, over: Int)
        case end(Outcome)
    }

    /// Tries of a raise. Each one that fails means that a departure has been booked.
    package static let maximumRaises = 30

    private let jobs: [Job]
    private let closed: Set<Job>
    private var stage: Stage = .begin
    private var droppable: [Job] = []
    private var raises = 0

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
            guard closed.count > 1 else {
                stage = .end(.closed)
                return closed.isEmpty ? .done(.closed) : .drop(closed.sorted())
            }
            // Most often none of them is left: one call instead of one for each.
            stage = .read
            return .read
        case .read: return .read
        case .raise(let size, let version):
            guard let size else { return .uphold }
            return raises < Self.maximumRaises ? .raise(to: size, over: version) : .unsettled
        case .end(let outcome): return .done(outcome)
        }
    }

    /// - Parameter stored: the ledger, read after the jobs were put.
    package mutating func read(_ stored: Ledger, _ limits: Limits) {
        var ledger = stored
        ledger.close(closed)
        droppable = stored.jobs.keys.filter { ledger.jobs[$0] == nil }.sorted()
        guard !jobs.isEmpty else { return stage = .end(.closed) }
        let wanted = ledger.sizeWanted(limits)
        if let wanted, wanted <= ledger.size {
            settle(ledger)
        } else {
            stage = .raise(to: wanted, over: ledger.version)
        }
    }

    /// - Parameter counted: as it is after the raise, or without it.
    package mutating func raised(_ counted: Ledger) {
        guard case .raise(let size?, let version) = stage else { return }
        raises += 1
        // The first raise of all makes the ledger.
        if counted.version == max(version, 1), counted.size >= size {
            settle(counted)
        } else {
            stage = .read
        }
    }

    /// - Parameters:
    ///   - counted: as it is after it.
    ///   - hasChanged: whether one more agent was let in.
    package mutating func upheld(_ counted: Ledger, hasChanged: Bool) {
        if hasChanged { stage = .end(.project) } else { settle(counted) }
    }

    private mutating func settle(_ counted: Ledger) {
        stage = .end(counted.followed < counted.lastRaise ? .follow : .settled)
    }
}
