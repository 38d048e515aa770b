/// The port to everything that speaks HTTP; ``CurlClient`` is the real one.
package protocol HTTPClient: Sendable {
    /// Sends one request and waits for the whole answer. Redirects are answers like any other.
    ///
    /// Cancelling the task that waits abandons the request within milliseconds.
    /// - Throws: ``HTTPFailure`` when there is no complete answer, and what is known of whether
    ///   the other side acted on the request.
    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse
}

/// Why a request has no answer.
package struct HTTPFailure: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// The request's deadline passed, or the time for connecting.
        case timedOut
        case couldNotConnect
        case nameNotResolved
        /// The peer's certificate or the encryption as such; `cause` is libcurl's wording.
        case tls(cause: String)
        /// The answer is longer than ``HTTPRequest/maximumResponseBytes``, or has more headers
        /// than any peer should send.
        case tooLarge
        /// The waiting task was cancelled.
        case cancelled
        /// The request was refused before anything was sent.
        case badRequest(cause: String)
        /// The client was stopped.
        case stopped
        /// Any other result of libcurl, by its number (libcurl-errors); among them 52, 55 and
        /// 56 for a connection that broke, 18 for an answer that ended early.
        case other(code: Int, cause: String)
    }

    package let kind: Kind
    /// False only if provably nothing of the request was sent.
    package let mayHaveTakenEffect: Bool

    package init(_ kind: Kind, mayHaveTakenEffect: Bool) {
        self.kind = kind
        self.mayHaveTakenEffect = mayHaveTakenEffect
    }

    package var description: String {
        let cause =
            switch kind {
            case .timedOut: "timed out"
            case .couldNotConnect: "could not connect"
            case .nameNotResolved: "the host's name could not be resolved"
            case .tls(let cause): "TLS failed: \(cause)"
            case .tooLarge: "the answer is too large"
            case .cancelled: "cancelled"
            case .badRequest(let cause): "the request was refused: \(cause)"
            case .stopped: "the HTTP client was stopped"
            case .other(let code, let cause): "\(cause) (libcurl result \(code))"
            }
        return cause + (mayHaveTakenEffect ? "; it may have taken effect" : "; nothing was sent")
    }
}
