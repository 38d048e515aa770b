import AWS
import AgentLink
import Curl
import Decisions
import FoundationEssentials
import Glibc
import Peers
import Ports
import Synchronization
import Testing

/// One task of one service: its shared volume, its endpoints, and our own view of moto. Ends
/// what it started when it is released.
final class Stage: Sendable {
    struct Timeout: Error { let event: String }

    let task: TaskID
    private let name: String
    private let folder: URL
    private let logs: URL
    private let environment: [String: String]
    private let peer: Peer
    private let http: CurlClient
    private let aws: AWSClient
    private let store: DynamoDBLedgerStore
    private let service: ECSService
    private let processes = Mutex<[TestProcess]>([])

    init(service name: String, _ arguments: [String] = []) async throws {
        self.name = name
        task = TaskID(UUID().uuidString.lowercased().filter { $0 != "-" })
        // Short: a socket's path has room for 107 bytes.
        folder = URL(filePath: "/tmp/stage-\(task.text.prefix(8))")
        logs = URL(filePath: "/tmp/stage-\(task.text.prefix(8))-logs")
        for folder in [folder, logs] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        }
        peer = try await Peer.start("task_peer.py", ["agents", name, task.text] + arguments)
        let port = try await Moto.port
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
            "TFC_ADDRESS": own,
            "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "20000",
        ]
        http = try CurlClient()
        aws = AWSClient(
            try AWSEnvironment(environment),
            credentials: CredentialsProvider(try CredentialsSource(environment), http: http),
            http: http
        )
        let limits = try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
        service = ECSService(ECSClient(aws), cluster: "agents", service: name)
        store = DynamoDBLedgerStore(
            aws,
            table: "ledger",
            cluster: "agents",
            service: name,
            environment: limits,
            adoption: { 0 }
        )
        try await Moto.createService(name, over: http)
    }

    deinit {
        for process in processes.withLock({ $0 }) { process.end() }
        http.stop()
        for folder in [folder, logs] { try? FileManager.default.removeItem(at: folder) }
    }

    // MARK: The cloud

    /// Writes a ledger item past our own store, as another version of it would.
    func writeItem(format: Int, size: Int) async throws {
        let key = "agents/\(name)"
        try await Moto.call(
            "dynamodb",
            "DynamoDB_20120810.PutItem",
            #"{"TableName":"ledger","Item":{"pk":{"S":"\#(key)"},"sk":{"S":"ledger"},"#
                + #""format":{"N":"\#(format)"},"version":{"N":"1"},"size":{"N":"\#(size)"}}}"#,
            over: http
        )
    }

    /// - Parameter ago: how long the announcement lies back.
    func announce(_ job: Job, ago: Duration = .zero) async throws {
        let at = WallTime(
            milliseconds: WallTime.now().milliseconds - Int(ago.components.seconds) * 1_000
        )
        let snapshot = try await store.change { ledger, limits in
            ledger.jobs[job] = .init(at: at)
            ledger.uphold(limits, at: at)
        }.snapshot
        _ = try await Projector(store, service).project(snapshot)
    }

    /// Puts a secret into SSM.
    func writeParameter(_ name: String, _ value: String) async throws {
        try await Moto.call(
            "ssm",
            "AmazonSSM.PutParameter",
            #"{"Name":"\#(name)","Value":"\#(value)","Type":"SecureString"}"#,
            over: http
        )
    }

    func raise(to size: Int) async throws {
        let snapshot = try await store.change { ledger, _ in ledger.size = size }.snapshot
        _ = try await Projector(store, service).project(snapshot)
    }

    /// The path of the link's socket.
    var socket: String { Link.socketPath(in: folder.path) }

    func ledger() async throws -> Ledger { try await store.read().ledger }

    /// What is booked of this task's end.
    func departed() async throws -> Ledger.Departed.Kind? {
        try await store.change(knowing: { [task] _ in [task] }) { [task] ledger, _ in
            ledger.departed[task]?.kind
        }.answer
    }

    func desiredCount() async throws -> Int { try await service.counts().desired }

    func protectionCalls() async throws -> [Bool] {
        let answer = try await http.send(
            HTTPRequest(.get, "http://127.0.0.1:\(peer.ready.port)/record")
        )
        return try JSONDecoder().decode([Bool].self, from: Data(answer.body))
    }

    // MARK: The processes

    /// - Parameters:
    ///   - settings: beside what ECS and a task definition give, or in its place.
    ///   - errors: where its log goes, if not to `sidecar.log`.
    @discardableResult
    func startSidecar(
        _ settings: [String: String] = [:],
        errors: TestProcess.Output? = nil
    ) throws -> TestProcess {
        try start(
            [try TestProcess.built("agent-sidecar"), "run"],
            environment.merging(settings) { $1 },
            log: "sidecar.log",
            errors: errors
        )
    }

    /// Starts the sidecar by a shell script, which has the words to start it with as its arguments
    /// and may mount what nobody else sees.
    func startSidecar(by script: String) throws -> TestProcess {
        let sidecar = [try TestProcess.built("agent-sidecar"), "run"]
        let unshare = [
            "unshare", "--mount", "--map-root-user", "--pid", "--fork", "--kill-child", "sh",
            "-euc",
        ]
        return try start(unshare + [script, "sh"] + sidecar, environment, log: "sidecar.log")
    }

    /// Starts what copies the launcher to the volume, and ends.
    func deliver(_ settings: [String: String] = [:]) throws -> TestProcess {
        try start(
            [try TestProcess.built("agent-sidecar"), "deliver"],
            environment.merging(settings) { $1 },
            log: "delivery.log"
        )
    }

    /// The launcher, with a shell script as the agent.
    func startLauncher(_ agent: String) throws -> TestProcess {
        try start(
            [try TestProcess.built("agent-launcher"), "/bin/sh", "-c", agent],
            environment,
            log: "agent.log"
        )
    }

    private func start(
        _ words: [String],
        _ environment: [String: String],
        log: String,
        errors: TestProcess.Output? = nil
    ) throws -> TestProcess {
        let process = try TestProcess(
            words,
            environment: environment,
            output: .file(logs.appending(path: log).path),
            errors: errors
        )
        processes.withLock { $0.append(process) }
        return process
    }

    func log(_ name: String = "sidecar.log") throws -> String {
        try String(contentsOf: logs.appending(path: name), encoding: .utf8)
    }

    // MARK: The volume

    func mode(of name: String) -> UInt32 {
        var status = stat()
        #expect(stat(folder.appending(path: name).path, &status) == 0)
        return status.st_mode & 0o7777
    }

    /// What is on it.
    func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
    }

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
                let log = (try? log()) ?? ""
                Issue.record("not within 30 s: \(event)\n\(log)")
                throw Timeout(event: event)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
