import AWS
import Curl
import Decisions
import FoundationEssentials
import HCPTerraform
import Peers
import Ports
import Testing

/// The built scale-up-server as a process, moto behind it, and HCP Terraform's side of it played
/// by a peer that also counts the updates of the service. Ends what it started when released.
final class ServerStage: @unchecked Sendable {
    struct Timeout: Error { let event: String }

    static let key = RunTaskKey("the-key")

    /// Where the server listens.
    private(set) var port = 0
    let process: TestProcess
    private let peer: Peer
    private let http: CurlClient
    private let name: String
    private let aws: AWSClient
    private let log: String

    /// - Parameters:
    ///   - others: services beside it; empty settings are as good as none.
    ///   - runs: what HCP Terraform lists for the pool.
    init(
        service name: String,
        others: [String] = [],
        _ settings: [String: String] = [:],
        runs: String = "[]"
    ) async throws {
        self.name = name
        let motoPort = try await Moto.port
        peer = try await Peer.start("endpoint_peer.py", ["\(motoPort)"])
        let own = "http://127.0.0.1:\(peer.ready.port)"
        let environment = [
            "PATH": "/usr/bin:/bin", "LISTEN_ADDRESS": "127.0.0.1", "PORT": "0",
            "ECS_CLUSTER": "agents", "ECS_SERVICE": name, "LEDGER_TABLE": "ledger",
            "MAX_COUNT": "1000", "RUN_TASK_HMAC_KEY": "the-key", "TFC_ADDRESS": own,
            "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:\(motoPort)",
            "AWS_ENDPOINT_URL_ECS": own, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        ].merging(settings) { $1 }
        http = try CurlClient()
        aws = AWSClient(
            try AWSEnvironment(environment),
            credentials: CredentialsProvider(try CredentialsSource(environment), http: http),
            http: http
        )
        log = "/tmp/server-stage-\(UUID().uuidString)"
        for name in [name] + others { try await Moto.createService(name, over: http) }
        try await Self.tell(peer, "runs", runs, over: http)
        process = try TestProcess(
            [TestProcess.built("scale-up-server")],
            environment: environment,
            output: .file(log)
        )
        try await until("listening") { [self] in
            guard let line = logged.split(separator: "\n").first(where: isListening),
                let found = line.firstRange(of: #""port":"#)
            else { return false }
            port = Int(line[found.upperBound...].prefix { $0.isNumber }) ?? 0
            return port > 0
        }
    }

    deinit {
        process.end()
        http.stop()
        try? FileManager.default.removeItem(atPath: log)
    }

    private func isListening(_ line: Substring) -> Bool { line.contains(#""listening""#) }

    var logged: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    // MARK: What happened

    private func store(_ service: String?) throws -> DynamoDBLedgerStore {
        DynamoDBLedgerStore(
            aws,
            table: "ledger",
            cluster: "agents",
            service: service ?? name,
            environment: try #require(Limits(desiredCount: 0, maxCount: 1_000, spareCount: 0)),
            adoption: { 0 }
        )
    }

    /// - Parameter service: the stage's own, if none is named.
    func ledger(of service: String? = nil) async throws -> Ledger {
        try await store(service).read().ledger
    }

    func change(
        of service: String? = nil,
        _ operation: @Sendable (inout Ledger, Limits) -> Void
    ) async throws {
        _ = try await store(service).change(operation)
    }

    func desiredCount(of service: String? = nil) async throws -> Int {
        try await ECSService(ECSClient(aws), cluster: "agents", service: service ?? name)
            .counts().desired
    }

    /// The callbacks by their paths, once there is one.
    func callbacks() async throws -> [String: [String]] {
        try await ask("callbacks", as: [String: [String]].self)
    }

    /// The time in seconds and the count of each update of the service.
    func updates() async throws -> [[Double]] { try await ask("updates", as: [[Double]].self) }

    private func ask<Answer: Decodable>(_ path: String, as type: Answer.Type) async throws
        -> Answer
    {
        let url = "http://127.0.0.1:\(peer.ready.port)/\(path)"
        let answer = try await http.send(HTTPRequest(.get, url, deadline: .seconds(20)))
        return try JSONDecoder().decode(type, from: Data(answer.body))
    }

    func tellPeer(_ path: String, _ body: String = "") async throws {
        try await Self.tell(peer, path, body, over: http)
    }

    private static func tell(
        _ peer: Peer,
        _ path: String,
        _ body: String,
        over http: CurlClient
    ) async throws {
        let url = "http://127.0.0.1:\(peer.ready.port)/\(path)"
        _ = try await http.send(HTTPRequest(.put, url, body: Array(body.utf8)))
    }

    // MARK: Requests

    /// A call as the run tasks integration API documents it.
    func payload(
        _ run: String,
        stage: String = "pre_plan",
        workspace: String = "network",
        _ more: String = ""
    ) -> [UInt8] {
        Array(
            """
            {"payload_version":1,"stage":"\(stage)","access_token":"token-\(run)",\
            "capabilities":{"outcomes":true},"organization_name":"acme","run_id":"\(run)",\
            "run_message":"Grüße, 世界 🚀","workspace_name":"\(workspace)",\
            "task_result_callback_url":"http://127.0.0.1:\(peer.ready.port)/callback/\(run)",\
            "task_result_enforcement_level":"advisory","vcs_branch":null\(more)}
            """.utf8
        )
    }

    func post(
        _ body: [UInt8],
        signature: String? = nil,
        header: String = "X-TFC-Task-Signature",
        path: String = "/run-task",
        _ more: [(name: String, value: String)] = []
    ) async throws -> HTTPResponse {
        try await http.send(
            HTTPRequest(
                .post,
                "http://127.0.0.1:\(port)\(path)",
                headers: [
                    ("Content-Type", "application/json"),
                    (header, signature ?? Self.key.sign(body)),
                ] + more,
                body: body,
                deadline: .seconds(30)
            )
        )
    }

    func send(_ method: HTTPRequest.Method, _ path: String) async throws -> Int {
        try await get(path, method).status
    }

    func get(
        _ path: String,
        _ method: HTTPRequest.Method = .get
    ) async throws -> HTTPResponse {
        try await http.send(HTTPRequest(method, "http://127.0.0.1:\(port)\(path)"))
    }

    /// Looks for an event that nobody tells us of, for at most half a minute.
    func until(_ event: String, _ happened: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(30))
        while try await !happened() {
            guard ContinuousClock.now < deadline else {
                Issue.record("not within 30 s: \(event)\n\(logged)")
                throw Timeout(event: event)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
