import AWS
import Curl
import Glibc
import Rules
import Seeded
import Synchronization

/// This machine: the rehearsal's local cloud, with the names that the module gives, and the real
/// executables. It shows the proof itself at work, not AWS.
final class LocalGround: ProofGround {
    private struct Parts {
        var base = ""
        var cloud: Cloud?
        var account: LocalAccount?
        var lambda: LambdaStandIn?
        /// Servers and schedulers, until they are cancelled.
        var tasks: [Task<Void, Never>] = []
    }

    private let parts = Mutex(Parts())
    private let settings: ProofSettings
    private let play: PlaySettings
    private let folder: PlayFolder
    private let http: any HTTPClient
    private let time = Timebase()
    private let endpoint = EndpointProcess(.lambda)
    private let record = LocalRecord()
    private let journal: PlayJournal

    init(
        _ settings: ProofSettings,
        _ play: PlaySettings,
        _ folder: PlayFolder,
        http: any HTTPClient
    ) {
        self.settings = settings
        self.play = play
        self.folder = folder
        self.http = http
        journal = PlayJournal(
            time: time,
            paint: Paint(isOn: false),
            directory: folder.logs,
            isShown: false,
            // Judged is what AWS's calls tell, not what this machine knows.
            book: RuleBook(isShared: true),
            watch: { [time, endpoint, record] event in
                record.take(event, at: time.now)
                if case .line(.endpoint, let text) = event { endpoint.read(text) }
            }
        )
    }

    let removal = "nothing: it ends with this process"

    func open() async throws -> AWSClient {
        let router = Router()
        let base = try await serve { request in
            // Takes callbacks, as the mock of API Gateway does in an account.
            if request.path.hasPrefix("/api/v2/task-results/") { return WebResponse(200, [:]) }
            return await router.answer(request)
        }
        var random = SeededRandom(seed: play.seed)
        let cloud = try Cloud(
            play,
            pool: nil,
            beside: nil,
            folder,
            base: base,
            time: time,
            journal: journal,
            random: &random
        )
        router.set([cloud])
        let account = LocalAccount(
            ProofNames(prefix: settings.prefix),
            cloud.names,
            marker: settings.marker,
            ecs: cloud.ecs,
            time: time,
            record: record
        )
        await cloud.aws.set { await account.answer($0, $1, $2) }
        parts.withLock {
            $0.base = base
            $0.cloud = cloud
            $0.account = account
        }
        let variables = [
            "AWS_REGION": cloud.names.region, "AWS_ENDPOINT_URL": base,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI":
                "\(base)/v2/credentials/\(cloud.aws.endpoint.id)",
        ]
        return AWSClient(
            try AWSEnvironment(variables),
            credentials: CredentialsProvider(try CredentialsSource(variables), http: http),
            http: http
        )
    }

    func deploy() async throws -> ProofTarget {
        let (base, cloud, account) = parts.withLock { ($0.base, $0.cloud, $0.account) }
        guard let cloud, let account else { preconditionFailure("deployed before it is open") }
        let lambda = LambdaStandIn(
            time: time,
            journal: journal,
            random: SeededRandom(seed: ~play.seed)
        )
        parts.withLock { $0.lambda = lambda }
        let url = try await serve { await lambda.answer($0) }
        let port = url.split(separator: ":").last.flatMap { Int($0) } ?? 0
        keep { [endpoint] in await lambda.run(endpoint) }
        var program = cloud.endpointProgram
        program.environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:\(port)"
        try endpoint.start(program, journal: journal) { await lambda.functionEnded() }
        let deadline = ContinuousClock.now + EndpointProcess.startLimit
        while await !lambda.hasStarted {
            guard ContinuousClock.now < deadline, !endpoint.hasFailed else {
                throw ProofError(description: "the function did not get ready")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        endpoint.isReady(at: port)
        keep { await cloud.ecs.run(base: base) }
        await account.deploy()
        return ProofTarget(
            webhook: url + "/",
            hmacKey: cloud.organization.hmacKey,
            address: base
        )
    }

    func refuseProtection(_ isRefused: Bool) async throws {
        guard let cloud = parts.withLock({ $0.cloud }) else { return }
        guard isRefused else {
            _ = cloud.calls.disarm()
            return
        }
        let always = FaultPlan.CallFault(
            number: 1,
            call: .protection,
            nth: 1,
            count: 1_000_000,
            effect: .refused
        )
        cloud.calls.arm([always])
    }

    func takeAway() async throws {
        let (cloud, account, lambda) = parts.withLock { ($0.cloud, $0.account, $0.lambda) }
        await cloud?.ecs.close()
        endpoint.close()
        await lambda?.close()
        await account?.takeAway()
    }

    func forget() {}

    func close() async {
        let tasks = parts.withLock { parts in
            defer { parts.tasks = [] }
            return parts.tasks
        }
        for task in tasks { task.cancel() }
    }

    /// Serves until it is closed.
    ///
    /// - Returns: the address.
    private func serve(
        _ answer: @escaping @Sendable (WebRequest) async -> WebResponse
    ) async throws -> String {
        let (ports, port) = AsyncStream<Int>.makeStream()
        keep {
            try? await WebServer(answer: answer).run { port.yield($0) }
            port.finish()
        }
        for await bound in ports { return "http://127.0.0.1:\(bound)" }
        throw ProofError(description: "nothing can be served on 127.0.0.1")
    }

    private func keep(_ work: @escaping @Sendable () async -> Void) {
        let task = Task.detached { await work() }
        parts.withLock { $0.tasks.append(task) }
    }
}
