/// Changing the ledger, as a value: read, apply, write on the condition that nobody else has,
/// again after a lost race or a write that nobody answered. Store and simulation perform the same
/// steps.
package struct LedgerChange<Answer, Mark: Hashable> {
    package enum Step {
        /// Read ledger and limits, consistently.
        case read
        /// No task of the service has written yet: read what the service wants, so that this
        /// write takes nothing away.
        case adopt
        /// Before the next read: what is read must be fresh when it is written.
        case pause(afterTry: Int)
        /// Write this ledger over the given version, with this mark.
        case write(Ledger, over: Int, Mark)
        /// - Parameter ledger: as it is after the change.
        case done(Answer, Ledger)
        /// Others wrote first, as often as may be tried; nothing was written.
        case contended
        /// As often as may be tried, and one of the writes may be among what others wrote on.
        case unclear
    }

    /// The ledger as it was read.
    package struct Stored {
        package var ledger: Ledger
        package var limits: Limits
        /// Of the write that made it so; nil when it was never written.
        package var mark: Mark?

        package init(_ ledger: Ledger, _ limits: Limits, mark: Mark?) {
            self.ledger = ledger
            self.limits = limits
            self.mark = mark
        }
    }

    private let attempts: Int
    private let adopts: Bool
    private var count = 0
    /// The answer of each write that was sent, by its mark.
    private var answers: [Mark: Answer] = [:]
    /// A write got no answer: it may have been written, and others since on top.
    package private(set) var isUnclear = false
    private var pending: (stored: Stored, mark: Mark)?
    private var sent: (answer: Answer, ledger: Ledger)?

    /// Tries of one change. Each lost race means that somebody else's write succeeded, so with
    /// this many a hundred writers at the same moment get through.
    package static var maximumAttempts: Int { 30 }

    /// - Parameter adopts: whether a task of the service writes; the endpoint, which no task
    ///   vouches for, leaves a ledger as it is.
    package init(attempts: Int = Self.maximumAttempts, adopts: Bool) {
        self.attempts = attempts
        self.adopts = adopts
    }

    /// - Parameters:
    ///   - mark: for the write that may follow, one that no other write has.
    ///   - operation: one that may be repeated, like those of ``Ledger``.
    package mutating func read(
        _ stored: Stored,
        mark: Mark,
        _ operation: (inout Ledger, Limits) -> Answer
    ) -> Step {
        if let mark = stored.mark, let written = answers[mark] {
            // A write that seemed lost had taken effect.
            return .done(written, stored.ledger)
        }
        guard count < attempts else { return .unclear }
        pending = (stored, mark)
        return adopts && !stored.ledger.isAdopted ? .adopt : apply(operation)
    }

    /// - Parameter desired: what the service wants.
    package mutating func adopted(
        desired: Int,
        _ operation: (inout Ledger, Limits) -> Answer
    ) -> Step { apply(operation, adopting: desired) }

    private mutating func apply(
        _ operation: (inout Ledger, Limits) -> Answer,
        adopting desired: Int? = nil
    ) -> Step {
        guard let (stored, mark) = pending else { return .read }
        let version = stored.ledger.version
        var ledger = stored.ledger
        if let desired { ledger.adopt(desired: desired) }
        let answer = operation(&ledger, stored.limits)
        ledger.version = version
        // A first write is made even if it says nothing new: it says that there is a ledger.
        if ledger == stored.ledger, stored.ledger.isWritten { return .done(answer, ledger) }
        ledger.version += 1
        count += 1
        answers[mark] = answer
        sent = (answer, ledger)
        return .write(ledger, over: version, mark)
    }

    /// The write took effect.
    package func wrote() -> Step { sent.map { .done($0.answer, $0.ledger) } ?? .read }

    package func lostRace() -> Step {
        // Nothing to read for: a write of ours cannot be what is there.
        count >= attempts && !isUnclear ? .contended : .pause(afterTry: count)
    }

    /// Nobody answered the write.
    package mutating func gotNoAnswer() -> Step {
        isUnclear = true
        return .pause(afterTry: count)
    }
}
