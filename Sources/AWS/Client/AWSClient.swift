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
        try await call(service, operation, repetition, input) { body in
            try StrictJSON.decode(Answer.self, from: body)
        }
    }

    /// - Parameter read: of the answer's body.
    /// - Throws: ``AWSFailure`` of the last try.
    func call<Answer>(
        _ service: AWSService,
        _ operation: String,
        _ repetition: Repetition,
        _ input: some Encodable,
        read: ([UInt8]) throws -> Answer
    ) async throws(AWSFailure) -> Answer {
        let call = "\(service.rawValue) \(operation)"
        let end = retry.now() + totalDeadline
        let body = Self.encoded(input)
        var attempt = 1
        while true {
            let left = end - retry.now()
            do throws(Failed) {
                let answer = try await send(service, operation, body, left)
                return try Self.understood(answer, read)
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

    private static func understood<Answer>(
        _ body: [UInt8],
        _ read: ([UInt8]) throws -> Answer
    ) throws(Failed) -> Answer {
        do {
            return try read(body)
        } catch {
            throw Failed(.malformedAnswer(describe(error)))
        }
    }

    /// Where the answer deviates; never what it holds, which may be secret.
    private static func describe(_ error: any Error) -> String {
        guard let error = error as? DecodingError else {
            return error is StrictJSON.Fault ? "not JSON" : "not as documented"
        }
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

extension AWSClient {
    /// A call of IAM, which reads. Its protocol is another one: a form, to one place for all regions of
    /// a partition, and an answer in XML (IAM API reference, "Making query requests").
    func askIAM(
        _ action: String,
        _ members: [(name: String, value: String)]
    ) async throws(AWSFailure) -> XMLText {
        func failed(_ cause: AWSFailure.Cause) -> AWSFailure {
            AWSFailure(call: "iam \(action)", cause: cause, attempts: 1)
        }
        let keys: Credentials
        do {
            keys = try await credentials.credentials()
        } catch {
            throw failed(.credentials(error))
        }
        let form = ([("Action", action), ("Version", "2010-05-08")] + members)
            .map { "\($0.0)=\(Self.formEncoded($0.1))" }.joined(separator: "&")
        let request = HTTPRequest(
            .post,
            environment.iam.url,
            headers: [(name: "Content-Type", value: "application/x-www-form-urlencoded")],
            body: Array(form.utf8),
            deadline: Self.attemptDeadline,
            maximumResponseBytes: Self.maximumResponseBytes,
            signing: SigV4Signing(
                service: "iam",
                region: environment.iam.region,
                accessKeyID: keys.accessKeyID,
                secretAccessKey: keys.secretAccessKey,
                sessionToken: keys.sessionToken
            )
        )
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            throw failed(.transport(error))
        }
        let answer = XMLText(String(decoding: response.body, as: UTF8.self))
        guard response.status == 200 else {
            throw failed(
                AWSFailure.Cause(
                    type: answer.element("Code"),
                    message: answer.element("Message"),
                    status: response.status
                )
            )
        }
        return answer
    }

    private static func formEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            if scalar.isASCII, "-._~".unicodeScalars.contains(scalar) || isAlphanumeric(byte) {
                encoded.unicodeScalars.append(scalar)
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (hex.count < 2 ? "0" : "") + hex
            }
        }
        return encoded
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// An answer in XML, of which single words are read: none of them is escaped.
struct XMLText {
    private let text: String

    init(_ text: String) { self.text = text }

    /// The first element of this name that holds text.
    func element(_ name: String) -> String? {
        guard let start = text.firstRange(of: "<\(name)>"),
            let end = text[start.upperBound...].firstRange(of: "</\(name)>")
        else { return nil }
        return String(text[start.upperBound..<end.lowerBound])
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
