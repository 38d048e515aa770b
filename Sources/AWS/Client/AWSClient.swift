package import Curl
import FoundationEssentials
package import Ports
import StrictJSON

/// Calls of AWS's JSON services: signed, tried again where that is safe, and their errors told
/// apart.
package struct AWSClient: Sendable {
    private let environment: AWSEnvironment
    private let credentials: CredentialsProvider
    private let http: any HTTPClient
    private let retry: RetryClock
    private let totalDeadline: Duration

    /// When a call may be sent again.
    enum Repetition: Sendable {
        /// After any failure: twice is as once, as with readings and some writes.
        case harmless
        /// Only when the first one provably did nothing.
        case afterNothing
    }

    /// One try. ECS and DynamoDB answer in tens of milliseconds; more than this is a fault.
    static let attemptDeadline: Duration = .seconds(5)
    static let maximumAttempts = 6
    /// A page of a Query of 1 MB is about 2 MB of JSON.
    static let maximumResponseBytes = 4 << 20

    /// - Parameter totalDeadline: for a call with all its tries.
    package init(
        _ environment: AWSEnvironment,
        credentials: CredentialsProvider,
        http: any HTTPClient,
        retry: RetryClock = RetryClock(),
        totalDeadline: Duration = .seconds(15)
    ) {
        self.environment = environment
        self.credentials = credentials
        self.http = http
        self.retry = retry
        self.totalDeadline = totalDeadline
    }

    /// - Throws: ``AWSFailure`` of the last try.
    func call<Answer: Decodable>(
        _ service: AWSService,
        _ operation: String,
        _ repetition: Repetition,
        _ input: some Encodable,
        answer type: Answer.Type = Answer.self
    ) async throws(AWSFailure) -> Answer {
        let call = "\(service.rawValue) \(operation)"
        let end = retry.now() + totalDeadline
        let body = Self.encoded(input)
        var attempt = 1
        while true {
            let left = end - retry.now()
            do throws(Failed) {
                let answer = try await send(service, operation, body, left)
                return try Self.decoded(answer)
            } catch {
                let failure = AWSFailure(call: call, cause: error.cause, attempts: attempt)
                guard attempt < Self.maximumAttempts, failure.allows(repetition),
                    retry.now() < end, await retry.pause(afterTry: attempt)
                else { throw failure }
                attempt += 1
            }
        }
    }

    private struct Failed: Error {
        let cause: AWSFailure.Cause
        init(_ cause: AWSFailure.Cause) { self.cause = cause }
    }

    private func send(
        _ service: AWSService,
        _ operation: String,
        _ body: [UInt8],
        _ left: Duration
    ) async throws(Failed) -> [UInt8] {
        let signing: SigV4Signing
        do {
            signing = try await credentials.credentials().signing(service, environment.region)
        } catch {
            throw Failed(.credentials(error))
        }
        let request = HTTPRequest(
            .post,
            environment.endpoint(service),
            headers: [
                (name: "Content-Type", value: service.contentType),
                (name: "X-Amz-Target", value: "\(service.targetPrefix).\(operation)"),
            ],
            body: body,
            deadline: min(left, Self.attemptDeadline),
            maximumResponseBytes: Self.maximumResponseBytes,
            signing: signing
        )
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            throw Failed(.transport(error))
        }
        guard response.status == 200 else {
            throw Failed(Self.refusal(response))
        }
        return response.body
    }

    /// The body of an error; `message` is written both ways (botocore, `parsers.py`).
    private struct ErrorAnswer: Decodable {
        let type: String?
        let message: String?
        let capitalMessage: String?
        let reasons: [Reason]?

        struct Reason: Decodable {
            let code: String?
            enum CodingKeys: String, CodingKey { case code = "Code" }
        }

        enum CodingKeys: String, CodingKey {
            case type = "__type"
            case message
            case capitalMessage = "Message"
            case reasons = "CancellationReasons"
        }
    }

    private static func refusal(_ response: HTTPResponse) -> AWSFailure.Cause {
        let answer = try? StrictJSON.decode(ErrorAnswer.self, from: response.body)
        return AWSFailure.Cause(
            type: answer?.type ?? response.headers["x-amzn-errortype"],
            message: answer?.message ?? answer?.capitalMessage,
            status: response.status,
            reasons: answer?.reasons?.map { $0.code ?? "None" } ?? []
        )
    }

    private static func encoded(_ input: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(input) else {
            preconditionFailure("\(type(of: input)) holds something that JSON cannot say")
        }
        return Array(data)
    }

    private static func decoded<Answer: Decodable>(_ body: [UInt8]) throws(Failed) -> Answer {
        do {
            return try StrictJSON.decode(Answer.self, from: body)
        } catch {
            throw Failed(.malformedAnswer(describe(error)))
        }
    }

    /// Where the answer deviates; never what it holds, which may be secret.
    private static func describe(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "not JSON" }
        switch error {
        case .keyNotFound(let key, let context):
            return "\(path(context.codingPath + [key])) is missing"
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            return "\(path(context.codingPath)) is not of type \(type)"
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "not JSON" : "\(path(context.codingPath)) has no valid value"
        @unknown default: return "not as documented"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.map(\.stringValue).joined(separator: ".")
    }
}

extension AWSFailure {
    /// A reason for which a transaction was cancelled, and which passes.
    fileprivate static func isThrottling(_ reason: String) -> Bool {
        ["ThrottlingError", "ProvisionedThroughputExceeded"].contains(reason)
    }

    fileprivate func allows(_ repetition: AWSClient.Repetition) -> Bool {
        switch cause {
        case .throttled: true
        case .service(_, _, let status): repetition == .harmless && status >= 500
        case .transport(let failure):
            switch failure.kind {
            case .cancelled, .stopped, .badRequest, .tls, .tooLarge: false
            default: repetition == .harmless || !failure.mayHaveTakenEffect
            }
        // The provider has tried several times itself.
        case .cancelled(let reasons): reasons.contains { AWSFailure.isThrottling($0) }
        case .credentials, .denied, .notFound, .malformedAnswer: false
        }
    }
}

extension Credentials {
    fileprivate func signing(_ service: AWSService, _ region: String) -> SigV4Signing {
        SigV4Signing(
            service: service.rawValue,
            region: region,
            accessKeyID: accessKeyID,
            secretAccessKey: secretAccessKey,
            sessionToken: sessionToken
        )
    }
}
