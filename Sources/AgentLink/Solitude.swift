/// Whether there is a sidecar that is awake, as a value: it knows no clock or socket.
///
/// A sidecar that is frozen, or whose loop waits for ever, keeps its connection, and the kernel even
/// takes new ones for it. So a connection proves nothing: only what the sidecar says does, and it is
/// asked now and then so that it has something to say.
package struct Solitude: Sendable, Equatable {
    /// What is to be done now.
    package enum Step: Sendable, Equatable {
        /// Ask the sidecar, which answers with the same number.
        case ask(Int)
        /// Nobody has answered for as long as the limit says.
        case alone
    }

    private let limit: Int
    private let askEvery: Int
    private var number = 0
    private var nextQuestion: Int
    private var nextLook: Int

    /// Often enough to be sure within the shortest useful limit, seldom enough to cost nothing.
    private static let longestPause = 10_000
    private static let shortestPause = 100

    /// How soon an agent that is still alone is looked at again: by then it may be done with its
    /// job.
    private static let lookAgain = 60_000

    /// A wait that begins now, with all of its limit before it.
    ///
    /// - Parameters:
    ///   - limit: How long nothing may be heard, in milliseconds.
    ///   - now: The monotonic clock, in milliseconds.
    package init(limit: Int, at now: Int) {
        self.limit = limit
        askEvery = min(Solitude.longestPause, max(Solitude.shortestPause, limit / 4))
        nextQuestion = now + askEvery
        nextLook = now + limit
    }

    /// Takes in what the sidecar said. Whatever it is, somebody is awake there; but for an answer to
    /// a question that was never asked.
    package mutating func heard(_ message: SidecarMessage, at now: Int) {
        if case .pong(let answer) = message, answer < 1 || answer > number { return }
        nextLook = now + limit
    }

    /// What is due.
    ///
    /// - Parameters:
    ///   - now: The monotonic clock, in milliseconds.
    ///   - isConnected: Whether there is anybody to ask.
    package mutating func due(at now: Int, isConnected: Bool) -> [Step] {
        var steps: [Step] = []
        if isConnected, now >= nextQuestion {
            number += 1
            nextQuestion = now + askEvery
            steps.append(.ask(number))
        }
        if now >= nextLook {
            nextLook = now + Solitude.lookAgain
            steps.append(.alone)
        }
        return steps
    }

    /// When `due` has something to say.
    ///
    /// - Parameter isConnected: Whether there is anybody to ask.
    package func deadline(isConnected: Bool) -> Int {
        isConnected ? min(nextQuestion, nextLook) : nextLook
    }
}
