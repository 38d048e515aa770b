import AWS
import Curl
import Decisions
import Foundation
import Peers
import Testing

private let moto = SharedPeer { try await Peer.start("moto_peer.py") }

/// One task of one service: its shared volume, its endpoints, and our own view of moto. Ends
/// what it started when it is released.
final class Stage: Sendable {
    struct Timeout: Error { let event: String }

    let task: TaskID
    private let name: String
    private let folder: URL
    private let environment: [String: String]
    private let peer: Peer
    private let http: CurlClient
    private let aws: AWSClient
    private let store: DynamoDBLedgerStore
    private let service: ECSService
    private let processes = ProcessList()

    init(service name: String, _ arguments: [String] = []) async throws {
        self.name = name
        task = TaskID(UUID().uuidString.lowercased().filter { $0 != "-" })
        // Short: a socket's path has room for 107 bytes.
        folder = URL(filePath: "/tmp/stage-\(task.text.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        peer = try await Peer.start("task_peer.py", ["agents", name, task.text] + arguments)
        let port = try await moto.peer.ready.port
        let own = "http://127.0.0.1:\(peer.ready.port)"
        environment = [
            "PATH": "/usr/bin:/bin",
            "AGENT_LINK_DIR": folder.path,
            "LEDGER_TABLE": "ledger",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": own + "/credentials",
            "ECS_CONTAINER_METADATA_URI_V4": own + "/metadata",
            "ECS_AGENT_URI": own + "/agent",
            "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "20000",
        ]
        http = try CurlClient()
        aws = AWSClient(
            try AWSEnvironment(environment),
            credentials: CredentialsProvider(try CredentialsSource(environment), http: http),
            http: http
        )
        let limits = try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
        store = DynamoDBLedgerStore(
            aws,
            table: "ledger",
            cluster: "agents",
            service: name,
            environment: limits
        )
        service = ECSService(ECSClient(aws), cluster: "agents", service: name)
        try await createService(name, port)
    }

    deinit {
        processes.end()
        http.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    // MARK: The cloud

    private func createService(_ name: String, _ port: Int) async throws {
        try await post(
            "ecs",
            "AmazonEC2ContainerServiceV20141113.CreateService",
            port,
            #"{"cluster":"agents","serviceName":"\#(name)","taskDefinition":"agent","#
                + #""desiredCount":0}"#
        )
    }

    /// Writes a ledger item past our own store, as another version of it would.
    func writeItem(format: Int, size: Int) async throws {
        let key = "agents/\(name)"
        let port = try await moto.peer.ready.port
        try await post(
            "dynamodb",
            "DynamoDB_20120810.PutItem",
            port,
            #"{"TableName":"ledger","Item":{"pk":{"S":"\#(key)"},"format":{"N":"\#(format)"},"#
                + #""version":{"N":"1"},"size":{"N":"\#(size)"}}}"#
        )
    }

    private func post(_ service: String, _ target: String, _ port: Int, _ body: String)
        async throws
    {
        let version = service == "dynamodb" ? "1.0" : "1.1"
        let answer = try await http.send(
            HTTPRequest(
                .post,
                "http://127.0.0.1:\(port)/",
                headers: [
                    ("Content-Type", "application/x-amz-json-\(version)"), ("X-Amz-Target", target),
                ],
                body: Array(body.utf8),
                signing: SigV4Signing(
                    service: service,
                    region: "eu-central-1",
                    accessKeyID: "test",
                    secretAccessKey: "test"
                )
            )
        )
        #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
    }

    func announce(_ job: Job) async throws {
        let snapshot = try await store.change { ledger, limits in
            ledger.announce(job, at: .now(), limits)
        }.snapshot
        _ = try await Projector(store, service).project(snapshot)
    }

    func raise(to size: Int) async throws {
        let snapshot = try await store.change { ledger, _ in ledger.size = size }.snapshot
        _ = try await Projector(store, service).project(snapshot)
    }

    func ledger() async throws -> Ledger { try await store.read().ledger }

    func desiredCount() async throws -> Int { try await service.counts().desired }

    func protectionCalls() async throws -> [Bool] {
        let answer = try await http.send(
            HTTPRequest(.get, "http://127.0.0.1:\(peer.ready.port)/record")
        )
        return try JSONDecoder().decode([Bool].self, from: Data(answer.body))
    }

    // MARK: The processes

    @discardableResult
    func startSidecar(_ settings: [String: String] = [:]) throws -> Process {
        try start(
            Self.products.appending(path: "agent-sidecar"),
            ["run"],
            environment.merging(settings) { $1 },
            log: "sidecar.log"
        )
    }

    /// The launcher that the sidecar copied to the volume, with a shell script as the agent.
    func startLauncher(_ agent: String) throws -> Process {
        try start(
            folder.appending(path: "agent-launcher"),
            ["/bin/sh", "-c", agent],
            environment,
            log: "agent.log"
        )
    }

    private func start(
        _ executable: URL,
        _ arguments: [String],
        _ environment: [String: String],
        log: String
    ) throws -> Process {
        let path = folder.appending(path: log).path
        if !exists(log) { touch(log) }
        let output = try #require(FileHandle(forWritingAtPath: path))
        try output.seekToEnd()
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = environment
        process.standardOutput = output
        process.standardError = output
        try process.run()
        processes.add(process)
        return process
    }

    /// Where the built executables are: beside the test bundle.
    private static let products: URL = {
        var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            folder = URL(filePath: path).deletingLastPathComponent()
        }
        let isBuilt = FileManager.default.isExecutableFile(
            atPath: folder.appending(path: "agent-sidecar").path
        )
        return isBuilt ? folder : URL(filePath: ".build/debug")
    }()

    // MARK: The volume

    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: name).path)
    }

    func touch(_ name: String) {
        let path = folder.appending(path: name).path
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
    }

    func read(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    /// Looks for an event that nobody tells us of, for at most half a minute.
    func until(_ event: String, _ happened: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(30))
        while try await !happened() {
            guard ContinuousClock.now < deadline else {
                let log = (try? read("sidecar.log")) ?? ""
                Issue.record("not within 30 s: \(event)\n\(log)")
                throw Timeout(event: event)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// Ends processes that a test leaves, whatever became of the test.
private final class ProcessList: @unchecked Sendable {
    private let lock = NSLock()
    private var processes: [Process] = []

    func add(_ process: Process) { lock.withLock { processes.append(process) } }

    func end() {
        lock.withLock {
            for process in processes where process.isRunning {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
        }
    }
}
