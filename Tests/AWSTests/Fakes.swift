import AWS
import Curl
import Decisions
import FoundationEssentials
import Ports
import Synchronization
import Testing

/// An HTTP client that answers as its script says, records what it was asked, and refuses what
/// no caller may do.
final class FakeHTTP: HTTPClient {
    typealias Script =
        @Sendable (HTTPRequest, _ number: Int) async throws(HTTPFailure) ->
        HTTPResponse

    private let script: Script
    private let recorded = Mutex<[HTTPRequest]>([])

    /// - Parameter script: gets each request with its number, from 1.
    init(_ script: @escaping Script) { self.script = script }

    var requests: [HTTPRequest] { recorded.withLock { $0 } }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        #expect(request.deadline != nil, "a request without a deadline")
        #expect((request.signing == nil) == (HTTPHeaders(request.headers)["x-amz-target"] == nil))
        let number = recorded.withLock {
            $0.append(request)
            return $0.count
        }
        return try await script(request, number)
    }
}

extension HTTPResponse {
    static func json(_ text: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, body: Array(text.utf8))
    }
}

extension HTTPRequest {
    var text: String { String(decoding: body ?? [], as: UTF8.self) }
    subscript(header: String) -> String? { HTTPHeaders(headers)[header] }
}

extension HTTPFailure {
    static let lostAnswer = HTTPFailure(.timedOut, mayHaveTakenEffect: true)
    static let notConnected = HTTPFailure(.couldNotConnect, mayHaveTakenEffect: false)
}

/// A clock that moves only when someone sleeps, and remembers for how long.
final class FakeTime: Sendable {
    private let state = Mutex<(now: ContinuousClock.Instant, slept: [Duration])>((.now, []))

    var slept: [Duration] { state.withLock { $0.slept } }

    /// Sleeps cost nothing; the jitter is the longest possible.
    var retry: RetryClock {
        RetryClock(
            sleep: { [self] duration in
                state.withLock {
                    $0.now += duration
                    $0.slept.append(duration)
                }
            },
            random: { 0.999 },
            now: { [self] in state.withLock { $0.now } }
        )
    }

    func pass(_ duration: Duration) { state.withLock { $0.now += duration } }
}

/// A wall clock that a test sets.
final class FakeWallClock: Sendable {
    private let time: Mutex<WallTime>

    init(_ text: String) { time = Mutex(WallTime(rfc3339: text) ?? WallTime(milliseconds: 0)) }

    var now: WallTime { time.withLock { $0 } }

    func pass(_ duration: Duration) {
        time.withLock {
            $0 = WallTime(milliseconds: $0.milliseconds + Int(duration.components.seconds) * 1000)
        }
    }
}

/// An event that a test waits for.
final class Event: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func happened() { continuation.finish() }
    func wait() async { for await _ in stream {} }
}

/// A client of services at a loopback port, or at AWS's own names behind a fake.
func makeClient(
    _ http: any HTTPClient,
    port: Int? = nil,
    retry: RetryClock = RetryClock()
) throws -> AWSClient {
    var variables = ["AWS_REGION": "eu-central-1"]
    if let port { variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:\(port)" }
    let credentials = CredentialsProvider(
        .fixed(
            Credentials(
                accessKeyID: "AKIDEXAMPLE",
                secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                sessionToken: "to/ke+n=="
            )
        ),
        http: http
    )
    return AWSClient(
        try AWSEnvironment(variables),
        credentials: credentials,
        http: http,
        retry: retry
    )
}

/// The failure of a call that must fail.
func failing<Failure: Error>(_ body: () async throws(Failure) -> Void) async -> Failure? {
    do {
        try await body()
        return nil
    } catch {
        return error
    }
}
