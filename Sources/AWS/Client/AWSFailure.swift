package import Curl

/// Why a call of an AWS service has no answer that can be used.
package struct AWSFailure: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Cause: Hashable, Sendable {
        /// The service refused or failed; `code` as AWS documents it for the operation.
        case service(code: String, message: String, status: Int)
        /// DynamoDB cancelled a transaction, with a reason for each of its actions; nothing was
        /// changed (DynamoDB API reference, TransactWriteItems).
        case cancelled(reasons: [String])
        /// Too many calls, also after waiting and trying again.
        case throttled(code: String, message: String)
        /// The role may not do this, or the credentials are not valid.
        case denied(code: String, message: String)
        /// What the call is about does not exist.
        case notFound(code: String, message: String)
        case transport(HTTPFailure)
        /// The call succeeded as far as one can tell, but its answer is not what it should be.
        case malformedAnswer(String)
        case credentials(CredentialsFailure)
    }

    /// For example `ecs UpdateService`.
    package let call: String
    package let cause: Cause
    /// How often the call was sent or tried.
    package let attempts: Int

    package init(call: String, cause: Cause, attempts: Int) {
        self.call = call
        self.cause = cause
        self.attempts = attempts
    }

    /// False only if the last try provably did nothing. An earlier one of a call that changes
    /// something had no effect either, unless it is one that may be repeated.
    package var mayHaveTakenEffect: Bool {
        switch cause {
        case .service(_, _, let status): status >= 500 || status < 400
        case .cancelled, .throttled, .denied, .notFound, .credentials: false
        case .transport(let failure): failure.mayHaveTakenEffect
        case .malformedAnswer: true
        }
    }

    /// The caller is known, and may not do this. Credentials that are not valid are another thing.
    package var isForbidden: Bool {
        guard case .denied(let code, _) = cause else { return false }
        return ["AccessDeniedException", "AccessDenied", "NotAuthorized"].contains(code)
    }

    package var description: String {
        let text =
            switch cause {
            case .service(let code, let message, let status):
                "\(code) (HTTP status \(status)): \(message)"
            case .cancelled(let reasons):
                "the transaction was cancelled: \(reasons.joined(separator: ", "))"
            case .throttled(let code, let message): "throttled, \(code): \(message)"
            case .denied(let code, let message): "denied, \(code): \(message)"
            case .notFound(let code, let message): "not found, \(code): \(message)"
            case .transport(let failure): "\(failure)"
            case .malformedAnswer(let cause): "malformed answer: \(cause)"
            case .credentials(let failure): "no credentials: \(failure)"
            }
        return attempts > 1 ? "\(call): \(text) (after \(attempts) tries)" : "\(call): \(text)"
    }
}

extension AWSFailure.Cause {
    private static let throttling: Set<String> = [
        "ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException",
        "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown",
        "ProvisionedThroughputExceededException",
        // A transaction holds the item for the moment: nothing was done, and soon it can be.
        "TransactionConflictException",
    ]
    private static let denials: Set<String> = [
        "AccessDeniedException", "AccessDenied", "UnrecognizedClientException",
        "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
        "IncompleteSignature", "IncompleteSignatureException", "ExpiredToken",
        "ExpiredTokenException", "MissingAuthenticationToken",
        "MissingAuthenticationTokenException", "NotAuthorized", "OptInRequired",
    ]
    private static let absences: Set<String> = [
        "ServiceNotFoundException", "ClusterNotFoundException", "ParameterNotFound",
        "ResourceNotFoundException", "RepositoryNotFoundException", "ImageNotFoundException",
        "NoSuchResourceException",
    ]

    /// - Parameters:
    ///   - type: `__type` of the answer, such as `com.amazonaws.ecs#ClientException:http://...`.
    ///   - message: AWS's words.
    ///   - reasons: the codes of a cancelled transaction.
    init(type: String?, message: String?, status: Int, reasons: [String] = []) {
        let code = Self.code(type)
        let message = Self.shortened(message)
        if code == "TransactionCanceledException", status < 500, !reasons.isEmpty {
            self = .cancelled(reasons: reasons)
        } else if status == 429 || Self.throttling.contains(code) {
            self = .throttled(code: code, message: message)
        } else if status < 500, Self.denials.contains(code) {
            self = .denied(code: code, message: message)
        } else if status < 500, Self.absences.contains(code) {
            self = .notFound(code: code, message: message)
        } else {
            self = .service(code: code, message: message, status: status)
        }
    }

    /// The name between a namespace and a link, either of which may be missing.
    private static func code(_ type: String?) -> String {
        guard let name = type?.split(separator: "#").last?.split(separator: ":").first else {
            return "unknown error"
        }
        return String(name)
    }

    /// Only the first line: the further ones of a signature error repeat the request's headers,
    /// the session token among them.
    private static func shortened(_ message: String?) -> String {
        guard let line = message?.split(whereSeparator: \.isNewline).first else {
            return "no message"
        }
        return String(line.prefix(300))
    }
}
