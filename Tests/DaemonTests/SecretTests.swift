import AWS
import Curl
import Daemon
import Synchronization
import Telemetry
import Testing

@Suite("Secrets that are given or in a parameter")
struct SecretTests {
    /// SSM with one parameter, which a test changes and takes away.
    private final class Parameter: HTTPClient {
        private struct State {
            var value: String?
            var calls = 0
        }

        private let state: Mutex<State>
        var calls: Int { state.withLock { $0.calls } }

        init(_ value: String?) { state = Mutex(State(value: value)) }

        func becomes(_ value: String?) { state.withLock { $0.value = value } }

        func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
            #expect(HTTPHeaders(request.headers)["x-amz-target"] == "AmazonSSM.GetParameter")
            let value = state.withLock { state in
                state.calls += 1
                return state.value
            }
            guard let value else {
                return HTTPResponse(
                    status: 400,
                    body: Array(#"{"__type":"ParameterNotFound"}"#.utf8)
                )
            }
            var body = #"{"Parameter":{"Value":"#
            body.appendJSONString(value)
            return HTTPResponse(status: 200, body: Array((body + "}}").utf8))
        }

        func ssm() throws -> SSMClient {
            let credentials = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "secret")
            return SSMClient(
                AWSClient(
                    try AWSEnvironment(["AWS_REGION": "eu-central-1"]),
                    credentials: CredentialsProvider(.fixed(credentials), http: self),
                    http: self
                )
            )
        }
    }

    /// Passes when the test says so.
    private final class Clock: Sendable {
        private let passed = Mutex<Duration>(.zero)
        private let origin = ContinuousClock.now
        func pass(_ time: Duration) { passed.withLock { $0 += time } }
        var now: @Sendable () -> ContinuousClock.Instant {
            { self.origin.advanced(by: self.passed.withLock { $0 }) }
        }
    }

    private static let source = SecretSource.parameter("/pool/token")

    private func held(_ parameter: Parameter, _ clock: Clock) throws -> HeldSecret {
        let ssm = try parameter.ssm()
        return HeldSecret(Self.source, now: clock.now) { try await $0.read(ssm) }
    }

    @Test("the setting itself wins over the parameter's name, and neither is no secret")
    func settings() throws {
        let both = ["TOKEN": "t", "TOKEN_PARAMETER": "/pool/token"]
        var reader = SettingsReader(both)
        #expect(reader.optionalSecretSource("TOKEN", expected: "a token") == .given("t"))
        reader = SettingsReader(both.merging(["TOKEN": ""]) { $1 })
        #expect(reader.optionalSecretSource("TOKEN", expected: "a token") == Self.source)
        reader = SettingsReader(["TOKEN_PARAMETER": ""])
        #expect(reader.optionalSecretSource("TOKEN", expected: "a token") == nil)
        try reader.check()
        _ = reader.requiredSecretSource("TOKEN", expected: "a token")
        let fault = try #require(throws: SettingsFault.self) { try reader.check() }
        #expect(fault.description.contains("TOKEN_PARAMETER with the name"))
    }

    @Test(
        "a parameter whose value cannot be a secret is refused, and the value is not quoted",
        arguments: ["", " secret-token", "secret-token\n", "secret token"]
    )
    func malformed(_ value: String) async throws {
        let ssm = try Parameter(value).ssm()
        let failure = await #expect(throws: SecretFailure.malformed(parameter: "/pool/token")) {
            try await Self.source.read(ssm)
        }
        #expect(failure?.description.contains("secret-token") == false)
    }

    @Test("a secret is read once, when it is first needed, however many ask")
    func readOnce() async throws {
        let parameter = Parameter("first")
        let held = try held(parameter, Clock())
        #expect(parameter.calls == 0)
        async let one = held.value()
        async let two = held.value()
        #expect(try await [one, two] == ["first", "first"])
        #expect(try await held.value() == "first")
        #expect(parameter.calls == 1)
    }

    @Test("a refused secret is read again, at most once in each pause, and given out meanwhile")
    func refused() async throws {
        let (parameter, clock) = (Parameter("first"), Clock())
        let held = try held(parameter, clock)
        _ = try await held.value()
        clock.pass(.seconds(3_600))
        await held.wasRefused("first")
        #expect(try await held.value() == "first")
        await held.wasRefused("first")
        parameter.becomes("second")
        #expect(try await held.value() == "first")
        #expect(parameter.calls == 2)
        clock.pass(HeldSecret.pause)
        #expect(try await held.value() == "second")
        // A call that was under way with the old one.
        await held.wasRefused("first")
        clock.pass(HeldSecret.pause)
        #expect(try await held.value() == "second")
        #expect(parameter.calls == 3)
    }

    @Test("a reading that fails is a failure until it is tried again, and takes no secret away")
    func failing() async throws {
        let (parameter, clock) = (Parameter(nil), Clock())
        let held = try held(parameter, clock)
        await #expect(throws: SecretFailure.self) { try await held.value() }
        parameter.becomes("first")
        await #expect(throws: SecretFailure.self) { try await held.value() }
        #expect(parameter.calls == 1)
        clock.pass(HeldSecret.pause)
        #expect(try await held.value() == "first")
        parameter.becomes(nil)
        await held.wasRefused("first")
        clock.pass(HeldSecret.pause)
        #expect(try await held.value() == "first")
    }
}
