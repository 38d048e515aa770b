import Curl
import Decisions
import FoundationEssentials
import Testing

@testable import AWS

@Suite("Calls of AWS's JSON services")
struct AWSClientTests {
    struct Answer: Decodable { let n: Int }
    struct Input: Encodable { let text = "a/b" }

    let time = FakeTime()

    func call(
        _ http: FakeHTTP,
        _ service: AWSService = .ecs,
        _ repetition: AWSClient.Repetition = .harmless
    ) async throws(AWSFailure) -> Int {
        guard let client = try? makeClient(http, retry: time.retry) else {
            preconditionFailure("the test's settings are wrong")
        }
        let answer: Answer = try await client.call(service, "Do", repetition, Input())
        return answer.n
    }

    func failure(
        _ http: FakeHTTP,
        _ repetition: AWSClient.Repetition = .harmless
    ) async -> AWSFailure? {
        await failing { () throws(AWSFailure) in _ = try await call(http, .ecs, repetition) }
    }

    @Test(
        "each service gets its target, content type, host and signature",
        arguments: [
            (AWSService.ecs, "AmazonEC2ContainerServiceV20141113.Do", "application/x-amz-json-1.1"),
            (AWSService.dynamodb, "DynamoDB_20120810.Do", "application/x-amz-json-1.0"),
            (AWSService.ssm, "AmazonSSM.Do", "application/x-amz-json-1.1"),
            (
                AWSService.ecr, "AmazonEC2ContainerRegistry_V20150921.Do",
                "application/x-amz-json-1.1"
            ),
            (AWSService.logs, "Logs_20140328.Do", "application/x-amz-json-1.1"),
            (
                AWSService.monitoring, "GraniteServiceVersion20100801.Do",
                "application/x-amz-json-1.0"
            ),
            (
                AWSService.servicequotas, "ServiceQuotasV20190624.Do",
                "application/x-amz-json-1.1"
            ),
        ]
    )
    func protocols(service: AWSService, target: String, contentType: String) async throws {
        let http = FakeHTTP { _, _ in .json(#"{"n":7}"#) }
        #expect(try await call(http, service) == 7)
        let request = try #require(http.requests.first)
        #expect(request.method == .post)
        let host = service == .ecr ? "api.ecr" : service.rawValue
        #expect(request.url == "https://\(host).eu-central-1.amazonaws.com/")
        #expect(request["x-amz-target"] == target)
        #expect(request["content-type"] == contentType)
        #expect(request.text == #"{"text":"a/b"}"#)
        #expect(request.signing?.service == service.rawValue)
        #expect(request.signing?.region == "eu-central-1")
        #expect(request.signing?.sessionToken == "to/ke+n==")
    }

    @Test(
        "errors are told apart by their type, whatever its form",
        arguments: [
            (
                400, #"{"__type":"com.amazonaws.ecs#ClientException:http://x","message":"m"}"#,
                AWSFailure.Cause.service(code: "ClientException", message: "m", status: 400)
            ),
            (
                400, #"{"__type":"ServiceNotActiveException","Message":"m"}"#,
                .service(code: "ServiceNotActiveException", message: "m", status: 400)
            ),
            (
                400, #"{"__type":"ServiceNotFoundException","message":"Service not found."}"#,
                .notFound(code: "ServiceNotFoundException", message: "Service not found.")
            ),
            (
                400, #"{"__type":"AccessDeniedException","Message":"User is not authorized"}"#,
                .denied(code: "AccessDeniedException", message: "User is not authorized")
            ),
            (
                403,
                #"{"__type":"InvalidSignatureException","message":"no\n\nx-amz-security-token:to/ke+n=="}"#,
                .denied(code: "InvalidSignatureException", message: "no")
            ),
            (403, "", .service(code: "unknown error", message: "no message", status: 403)),
            (
                413, "<html>", .service(code: "unknown error", message: "no message", status: 413)
            ),
        ]
    )
    func errors(status: Int, body: String, cause: AWSFailure.Cause) async {
        let http = FakeHTTP { _, _ in .json(body, status: status) }
        let failure = await failure(http, .afterNothing)
        #expect(failure == AWSFailure(call: "ecs Do", cause: cause, attempts: 1))
        #expect(failure?.mayHaveTakenEffect == false)
        #expect(failure?.description.contains("to/ke+n") == false)
    }

    @Test(
        "an answer that is not as documented may have taken effect, and is not quoted",
        arguments: ["", "{}", "[]", #"{"n":"hush"}"#, #"{"n":null}"#]
    )
    func malformed(body: String) async {
        let failure = await failure(FakeHTTP { _, _ in .json(body) }, .afterNothing)
        guard case .malformedAnswer(let cause) = failure?.cause else {
            Issue.record("not malformed: \(String(describing: failure))")
            return
        }
        #expect(!cause.contains("hush"))
        #expect(failure?.mayHaveTakenEffect == true)
    }

    @Test("a throttled call is tried again with growing waits, a write too")
    func throttled() async throws {
        let http = FakeHTTP { _, number in
            number < 4
                ? .json(#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#, status: 400)
                : .json(#"{"n":1}"#)
        }
        #expect(try await call(http, .ecs, .afterNothing) == 1)
        #expect(time.slept.map { ($0 / .milliseconds(1)).rounded() } == [100, 200, 400])
    }

    @Test("throttling that does not end is reported with the number of tries")
    func throttledForEver() async {
        let http = FakeHTTP { _, _ in .json("", status: 429) }
        let failure = await failure(http)
        #expect(failure?.attempts == AWSClient.maximumAttempts)
        #expect(failure?.mayHaveTakenEffect == false)
        guard case .throttled = failure?.cause else {
            Issue.record("not throttled: \(String(describing: failure))")
            return
        }
    }

    @Test(
        "a read is tried again after any passing fault",
        arguments: [HTTPFailure.lostAnswer, .notConnected, nil]
    )
    func readAgain(fault: HTTPFailure?) async throws {
        let http = FakeHTTP { _, number throws(HTTPFailure) in
            guard number == 1 else { return .json(#"{"n":1}"#) }
            guard let fault else { return .json("", status: 503) }
            throw fault
        }
        #expect(try await call(http, .ecs, .harmless) == 1)
        #expect(http.requests.count == 2)
    }

    @Test("a write is not tried again when it may have taken effect")
    func writeOnce() async {
        let lost = FakeHTTP { _, _ throws(HTTPFailure) in throw .lostAnswer }
        let failed = await failure(lost, .afterNothing)
        #expect(failed?.mayHaveTakenEffect == true)
        #expect(failed?.attempts == 1)
        let broken = FakeHTTP { _, _ in .json(#"{"__type":"ServerException"}"#, status: 500) }
        let second = await failure(broken, .afterNothing)
        #expect(second?.mayHaveTakenEffect == true)
        #expect(broken.requests.count == 1)
    }

    @Test("a write is tried again when nothing was sent")
    func writeAgain() async throws {
        let http = FakeHTTP { _, number throws(HTTPFailure) in
            if number == 1 { throw .notConnected }
            return .json(#"{"n":1}"#)
        }
        #expect(try await call(http, .ecs, .afterNothing) == 1)
    }

    @Test(
        "what cannot get better is not tried again",
        arguments: [
            HTTPFailure.Kind.cancelled, .stopped, .badRequest(cause: ""), .tls(cause: ""),
            .tooLarge,
        ]
    )
    func hopeless(kind: HTTPFailure.Kind) async {
        let http = FakeHTTP { _, _ throws(HTTPFailure) in
            throw HTTPFailure(kind, mayHaveTakenEffect: false)
        }
        #expect(await failure(http)?.attempts == 1)
    }

    @Test("all tries together end with the call's deadline, and no try is given longer")
    func totalDeadline() async throws {
        let http = FakeHTTP { [time] request, _ throws(HTTPFailure) in
            time.pass(request.deadline ?? .zero)
            throw .lostAnswer
        }
        #expect(await failure(http) != nil)
        let total = http.requests.compactMap(\.deadline).reduce(.zero, +)
        #expect(total <= .seconds(15))
        #expect(http.requests.count == 3)
    }

    @Test("without credentials nothing is sent")
    func noCredentials() async throws {
        let http = FakeHTTP { _, _ in .json("", status: 404) }
        let source = CredentialsSource.container(url: "http://169.254.170.2/", authorization: nil)
        let client = AWSClient(
            try AWSEnvironment([:], region: "eu-west-1"),
            credentials: CredentialsProvider(source, http: http, retry: time.retry),
            http: http
        )
        let failure = await failing { () throws(AWSFailure) in
            _ = try await client.call(.ecs, "Do", .afterNothing, Input(), answer: Answer.self)
        }
        #expect(failure?.cause == .credentials(.refused(status: 404)))
        #expect(failure?.mayHaveTakenEffect == false)
        #expect(http.requests.count == 1)
    }
}
