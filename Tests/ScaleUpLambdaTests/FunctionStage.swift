import AWS
import Curl
import Decisions
import FoundationEssentials
import HCPTerraform
import Peers
import Ports
import Testing

/// One function: the built executable, the Runtime API and HCP Terraform as a peer, and our own
/// view of moto. Ends what it started when it is released.
final class FunctionStage: Sendable {
    /// What the function posted for an invocation.
    struct Outcome: Decodable {
        let kind: String
        let body: String
        let echoed: Bool
        let errorType: String
        let millisecondsLeft: Int

        /// The answer to the HTTP request.
        var statusCode: Int? {
            struct Answer: Decodable { let statusCode: Int }
            return try? JSONDecoder().decode(Answer.self, from: Data(body.utf8)).statusCode
        }
    }

    struct InitError: Decodable {
        let type: String
        let body: Body
        struct Body: Decodable { let errorMessage: String }
    }

    struct Callback: Decodable {
        let path: String
        let authorization: String
    }

    static let key = RunTaskKey("a secret value")

    let process: TestProcess
    let ledger: DynamoDBLedgerStore
    let service: ECSService
    /// A file: other children of this process could hold the end of a pipe open.
    private let log: URL
    private let aws: AWSClient
    private let peer: Peer
    private let http: CurlClient

    /// - Parameters:
    ///   - name: of the service; one for each test.
    ///   - others: services beside it.
    ///   - missing: settings that the function does without.
    ///   - settings: others than usual.
    init(
        service name: String,
        others: [String] = [],
        missing: [String] = [],
        _ settings: [String: String] = [:]
    ) async throws {
        log = URL(filePath: "/tmp/\(name)-\(UUID().uuidString).log")
        peer = try await Peer.start("lambda_peer.py")
        let port = try await Moto.port
        var environment = [
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:\(peer.ready.port)",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_SESSION_TOKEN": "token",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)",
            "ECS_CLUSTER": "agents",
            "ECS_SERVICE": name,
            "LEDGER_TABLE": "ledger",
            "RUN_TASK_HMAC_KEY_PARAMETER": "/agents/hmac-key",
            "TFC_ADDRESS": "http://127.0.0.1:\(peer.ready.port)",
        ]
        http = try CurlClient()
        aws = AWSClient(
            try AWSEnvironment(environment),
            credentials: CredentialsProvider(try CredentialsSource(environment), http: http),
            http: http
        )
        ledger = DynamoDBLedgerStore(
            aws,
            table: "ledger",
            cluster: "agents",
            service: name,
            environment: try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0)),
            adoption: { 0 }
        )
        service = ECSService(ECSClient(aws), cluster: "agents", service: name)
        for name in [name] + others { try await Moto.createService(name, over: http) }

        environment.merge(settings) { $1 }
        for name in missing { environment[name] = nil }
        process = try TestProcess(
            [TestProcess.built("scale-up-lambda")],
            environment: environment,
            output: .file(log.path)
        )
    }

    deinit {
        process.end()
        http.stop()
        try? FileManager.default.removeItem(at: log)
    }

    // MARK: Events

    /// The payload of a run task call, as documented.
    func payload(run: String, callback: String = "guid-1") -> String {
        """
        {"payload_version":1,"stage":"pre_plan","access_token":"a token","run_id":"\(run)",\
        "capabilities":{"outcomes":true},"is_speculative":false,"organization_name":"org",\
        "workspace_name":"ws é","task_result_id":"taskrs-1",\
        "task_result_enforcement_level":"advisory",\
        "task_result_callback_url":\
        "http://127.0.0.1:\(peer.ready.port)/api/v2/task-results/\(callback)/callback"}
        """
    }

    static func event(
        body: String,
        signature: String,
        base64: Bool = false,
        path: String = "/",
        from address: String = "192.0.2.1"
    ) throws -> String {
        let carried = base64 ? Data(body.utf8).base64EncodedString() : body
        let text = String(decoding: try JSONEncoder().encode(carried), as: UTF8.self)
        return """
            {"version":"2.0","rawPath":"\(path)","rawQueryString":"","headers":{\
            "content-type":"application/json","x-tfc-task-signature":"\(signature)"},\
            "requestContext":{"http":{"method":"POST","path":"\(path)","sourceIp":"\(address)"}},\
            "body":\(text),"isBase64Encoded":\(base64)}
            """
    }

    static func signed(
        _ body: String,
        base64: Bool = false,
        path: String = "/",
        from address: String = "192.0.2.1"
    ) throws -> String {
        let signature = key.sign(Array(body.utf8))
        return try event(
            body: body,
            signature: signature,
            base64: base64,
            path: path,
            from: address
        )
    }

    /// Another service than the stage's own.
    func service(_ name: String) -> ECSService {
        ECSService(ECSClient(aws), cluster: "agents", service: name)
    }

    // MARK: The peer

    /// - Parameter seconds: the function's timeout.
    func invoke(_ event: String, seconds: Double = 10) async throws -> Outcome {
        try await call(.post, "/invoke?seconds=\(seconds)", Array(event.utf8))
    }

    func initError() async throws -> InitError { try await call(.get, "/init-error") }
    func callbacks() async throws -> [Callback] { try await call(.get, "/callbacks") }

    /// From now on there is no more work but an error.
    func breakAPI() async throws {
        _ = try await http.send(HTTPRequest(.post, url("/break"), body: []))
    }

    private func call<Answer: Decodable>(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ body: [UInt8]? = nil
    ) async throws -> Answer {
        let request = HTTPRequest(method, url(path), body: body, deadline: .seconds(40))
        let answer = try await http.send(request)
        return try JSONDecoder().decode(Answer.self, from: Data(answer.body))
    }

    private func url(_ path: String) -> String { "http://127.0.0.1:\(peer.ready.port)\(path)" }

    /// Waits for the function's end.
    ///
    /// - Returns: its exit code and what it logged.
    func end() async throws -> (code: Int32, log: String) {
        let deadline = ContinuousClock.now.advanced(by: .seconds(30))
        while true {
            if let code = process.exitCode {
                return (code, try String(contentsOf: log, encoding: .utf8))
            }
            try #require(ContinuousClock.now < deadline, "the function did not end")
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
