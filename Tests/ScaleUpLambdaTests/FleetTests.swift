import AWS
import Curl
import Decisions
import FoundationEssentials
import HCPTerraform
import Peers
import Ports
import Testing

/// Many processes of the built function at once, as Lambda starts them for a burst; moto behind
/// them, and a peer before ECS that records the updates.
@Suite("Lambda processes, many at once, against moto")
struct FleetTests {
    private struct Fleet {
        static let limits = Limits(desiredCount: 0, maxCount: 1_000, spareCount: 0)

        let runtime: Peer
        let recorder: Peer
        let http: CurlClient
        let store: DynamoDBLedgerStore
        let service: ECSService

        init(service name: String, instances: Int) async throws {
            let port = try await Moto.port
            recorder = try await Peer.start("endpoint_peer.py", ["\(port)"])
            let environment = [
                "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)",
                "AWS_ENDPOINT_URL_ECS": "http://127.0.0.1:\(recorder.ready.port)",
                "ECS_CLUSTER": "agents", "ECS_SERVICE": name, "LEDGER_TABLE": "ledger",
                "MAX_COUNT": "1000", "RUN_TASK_HMAC_KEY_PARAMETER": "/agents/hmac-key",
            ]
            http = try CurlClient()
            let aws = AWSClient(
                try AWSEnvironment(environment),
                credentials: CredentialsProvider(try CredentialsSource(environment), http: http),
                http: http
            )
            store = DynamoDBLedgerStore(
                aws,
                table: "ledger",
                cluster: "agents",
                service: name,
                environment: try #require(Self.limits),
                adoption: { 0 }
            )
            service = ECSService(ECSClient(aws), cluster: "agents", service: name)
            try await Moto.createService(name, over: http)
            let json = String(decoding: try JSONEncoder().encode(environment), as: UTF8.self)
            runtime = try await Peer.start(
                "lambda_peer.py",
                [TestProcess.built("scale-up-lambda"), "\(instances)", json]
            )
        }

        /// - Returns: the status that HCP Terraform gets.
        func invoke(run: String) async throws -> Int? {
            let own = "http://127.0.0.1:\(runtime.ready.port)"
            let body = """
                {"payload_version":1,"stage":"pre_plan","access_token":"a token",\
                "run_id":"\(run)","organization_name":"org","workspace_name":"ws",\
                "task_result_callback_url":"\(own)/api/v2/task-results/\(run)/callback"}
                """
            let request = HTTPRequest(
                .post,
                own + "/invoke",
                body: Array(try FunctionStage.signed(body).utf8),
                deadline: .seconds(40)
            )
            let answer = try await http.send(request)
            return try JSONDecoder()
                .decode(FunctionStage.Outcome.self, from: Data(answer.body)).statusCode
        }

        /// When each update of the service came, in seconds.
        func updates() async throws -> [Double] {
            let url = "http://127.0.0.1:\(recorder.ready.port)/updates"
            let answer = try await http.send(HTTPRequest(.get, url))
            return try JSONDecoder().decode([[Double]].self, from: Data(answer.body)).map { $0[0] }
        }
    }

    @Test("a burst over many instances: all 200, at most 5 updates a second, size right")
    func burst() async throws {
        let webhooks = 60
        let instances = 20
        let fleet = try await Fleet(service: "fleet", instances: instances)
        defer { fleet.http.stop() }
        let start = ContinuousClock.now
        let statuses = try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<webhooks {
                group.addTask { try await fleet.invoke(run: "run-\(number)") }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let took = start.duration(to: .now)
        #expect(statuses == Array(repeating: 200, count: webhooks))
        let ledger = try await fleet.store.read().ledger
        #expect(ledger.size == webhooks && ledger.jobs.count == webhooks)
        #expect(try await fleet.service.counts().desired == webhooks)
        let times = try await fleet.updates()
        let most = times.map { first in times.count { $0 >= first && $0 < first + 1 } }.max() ?? 0
        print(
            "fleet: \(webhooks) webhooks over \(instances) instances in \(took), "
                + "\(times.count) updates of the service, \(most) of them in one second, "
                + "\(ledger.moves) moves of the ledger"
        )
        #expect(most <= 5)
        // Each by itself would be 60.
        #expect(times.count < webhooks / 2)
    }
}
