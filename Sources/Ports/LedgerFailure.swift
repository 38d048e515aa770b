package import Decisions

/// What is true after a call of the ledger failed.
package enum LedgerFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing was written. Trying later may help.
    case unchanged(Cause)
    /// It may or may not have been written. Reading tells; the operations may be repeated.
    case unclear(Cause)
    /// Nothing was written, and nothing will be until a person acts on what is said here.
    case refused(String)

    package enum Cause: Error, Hashable, Sendable, CustomStringConvertible {
        /// A call failed, in the words of whoever made it.
        case call(String)
        /// Others wrote first, each time.
        case contention(attempts: Int)
        case cancelled
        /// No task has written the ledger yet, and this one does not: ECS does not list it among
        /// those of the service.
        case notOurs(TaskID)
        /// No task has written the ledger yet, and none begins: the service ends.
        case serviceEnds

        package var description: String {
            switch self {
            case .notOurs(let task):
                "no task has written it yet, and ECS does not list task \(task) among those of the "
                    + "service"
            case .serviceEnds: "no task has written it yet, and its service ends"
            case .call(let failure): failure
            case .contention(let attempts): "others wrote first, \(attempts) times"
            case .cancelled: "cancelled"
            }
        }
    }

    package var description: String {
        switch self {
        case .unchanged(let cause): "the ledger is unchanged: \(cause)"
        case .unclear(let cause): "the ledger may or may not have changed: \(cause)"
        case .refused(let fault): "the ledger is refused and unchanged: \(fault)"
        }
    }
}
