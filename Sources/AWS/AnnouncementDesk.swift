package import Decisions

/// Where announcements wait that others overtook, so that one instance of the endpoint writes
/// them all into the ledger: one write and one update of the service, whatever the number of
/// instances. It only saves calls; without it each instance writes by itself.
///
/// A call lies on the desk until it is in the ledger and the service follows. So it outlives
/// the instance that was to write it: its turn ends, and another one takes over.
///
/// Each throws ``AWSFailure``; every operation may be repeated.
package protocol AnnouncementDesk: Sendable {
    /// Puts a call there and, if nobody has the turn, takes it.
    ///
    /// - Parameter mark: names the call and no other one.
    func submit(_ call: DeskCall, mark: String, until end: WallTime) async throws(AWSFailure)
        -> DeskState
    func look() async throws(AWSFailure) -> DeskState
    /// Takes the turn after one that was given back (nil) or that is over.
    ///
    /// - Returns: nil when someone else was faster.
    func takeTurn(
        _ mark: String,
        until end: WallTime,
        after seen: DeskState.Turn?
    ) async throws(AWSFailure) -> DeskState?
    /// Removes calls, says what became of them, and gives the turn back. Does nothing when the
    /// turn is somebody else's by now, who will do the same.
    ///
    /// - Parameter answer: nil leaves the one before.
    func settle(
        _ marks: [String],
        _ answer: DeskState.Answer?,
        turnOf mark: String
    ) async throws(AWSFailure)
}

/// Jobs that one instance was asked to announce.
package struct DeskCall: Hashable, Sendable {
    package let at: WallTime
    package let jobs: [Job]
    /// Jobs that are over since those come after them.
    package let closed: [Job]

    package init(at: WallTime, jobs: [Job], closed: [Job]) {
        self.at = at
        self.jobs = jobs
        self.closed = closed
    }
}

/// The desk at one moment.
package struct DeskState: Hashable, Sendable {
    /// The instance that writes what is there, until it gives the turn back or the time is over.
    package struct Turn: Hashable, Sendable {
        package let holder: String
        package let end: WallTime

        package init(holder: String, end: WallTime) {
            self.holder = holder
            self.end = end
        }
    }

    /// What the service looked like when calls were last removed.
    package struct Answer: Hashable, Sendable {
        package let size: Int
        package let maxCount: Int
        /// Tasks that ECS ran; nil when it was not asked.
        package let running: Int?

        package init(size: Int, maxCount: Int, running: Int?) {
            self.size = size
            self.maxCount = maxCount
            self.running = running
        }
    }

    /// By their marks.
    package var calls: [String: DeskCall]
    package var turn: Turn?
    package var answer: Answer?

    package init(
        calls: [String: DeskCall] = [:],
        turn: Turn? = nil,
        answer: Answer? = nil
    ) {
        self.calls = calls
        self.turn = turn
        self.answer = answer
    }
}
