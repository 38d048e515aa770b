import Curl
import Daemon
import Decisions
import HCPTerraform
import InMemoryPorts
import Ports
import ScaleUp
import Testing

/// An endpoint over a ledger in memory, a service that records and HCP Terraform's callback.
struct World {
    static let key = RunTaskKey("the key")

    let store: InMemoryLedgerStore
    let service = FakeService()
    let callbacks: FakeCallbacks
    let time = FakeTime()
    let announcer: Announcer
    let endpoint: Endpoint

    init(
        maxCount: Int = 10,
        callbacks: [Int?] = [200],
        // Beside all other tests a call that needs no time can take many seconds.
        budget: Duration = .seconds(600),
        search: RunSearch? = nil,
        log: FakeLog? = nil,
        change: (inout Endpoint.Parts) -> Void = { _ in }
    ) throws {
        let limits = try #require(Limits(desiredCount: 0, maxCount: maxCount, spareCount: 0))
        let store = InMemoryLedgerStore(Ledger(), limits)
        self.store = store
        self.callbacks = FakeCallbacks(callbacks)
        announcer = Announcer(
            store: store,
            service: service,
            clock: time.clock,
            retry: time.retry
        )
        let keeper = PoolKeeper(
            store: store,
            service: service,
            announcer: announcer,
            patience: .seconds(3_600),
            clock: time.clock
        )
        let table = PoolTable(only: "agents")
        var parts = Endpoint.Parts(
            keys: RunTaskKeys("the key"),
            policy: Verdict.Policy(
                origin: .hcpTerraform,
                announceStages: [.prePlan, .preApply]
            ),
            pools: [Endpoint.Pool("agents", announcer: announcer, keeper: keeper)],
            table: table,
            sweeper: Sweeper([SweepGroup([(0, keeper)], of: table, search: search)]),
            callback: CallbackClient(self.callbacks)
        )
        change(&parts)
        endpoint = Endpoint(
            parts,
            budget: budget,
            log: log?.log ?? ProgramLog { _ in }
        )
    }

    static func signed(_ body: [UInt8], _ key: RunTaskKey = World.key) -> EndpointRequest {
        EndpointRequest(
            method: "POST",
            headers: [("X-TFC-Task-Signature", key.sign(body))],
            body: body
        )
    }

    func call(
        _ stage: String,
        run: String = "run-1",
        token: String = "a-token",
        more: String = ""
    ) async -> EndpointResponse {
        let body = Array(
            """
            {"payload_version":1,"stage":"\(stage)","access_token":"\(token)","run_id":"\(run)",\
            "organization_name":"acme","workspace_name":"network"\(more),\
            "task_result_callback_url":"https://app.terraform.io/api/v2/task-results/x/callback"}
            """.utf8
        )
        return await endpoint.respond(to: World.signed(body))
    }

    /// A run task call with these fields set or, where nil, left out; each value is JSON.
    func call(with changes: [String: String?]) async -> EndpointResponse {
        var fields: [String: String] = [
            "payload_version": "1", "stage": "\"pre_plan\"", "access_token": "\"a-token\"",
            "run_id": "\"run-1\"", "organization_name": "\"acme\"",
            "workspace_name": "\"network\"",
            "task_result_callback_url": "\"https://app.terraform.io/api/v2/task-results/x\"",
        ]
        for (name, value) in changes { fields[name] = value }
        let body = fields.sorted { $0.key < $1.key }.map { "\"\($0)\":\($1)" }
        return await endpoint.respond(
            to: World.signed(Array("{\(body.joined(separator: ","))}".utf8))
        )
    }

    func announce(_ keys: String...) async throws {
        let jobs = try keys.map { try #require(Job(key: $0)) }
        _ = try await announcer.announce(jobs)
    }

    func ledger() async throws -> Ledger { try await store.read().ledger }

    /// An empty ledger again.
    func forget() async throws {
        _ = try await store.change { ledger, _ in ledger = Ledger() }
        callbacks.forget()
    }

    var lastCallback: String {
        String(decoding: callbacks.requests.last?.body ?? [], as: UTF8.self)
    }
}

extension Endpoint.Parts {
    /// The one pool serves the agent pool `apool-1`, and whoever answers here says where a workspace
    /// runs.
    mutating func ask(
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        _ lookUp: @escaping WorkspaceMemory.LookUp
    ) {
        table = PoolTable(only: "agents", agentPoolID: "apool-1")
        workspaces = WorkspaceMemory(organization: "acme", lookUp: lookUp, now: now)
    }
}

extension Sweeper {
    /// Of one pool.
    init(
        store: any LedgerStore,
        service: any ServicePort,
        announcer: Announcer,
        isOver: PoolKeeper.IsOver? = nil,
        clock: @escaping @Sendable () -> WallTime
    ) {
        let keeper = PoolKeeper(
            store: store,
            service: service,
            announcer: announcer,
            patience: .seconds(3_600),
            isOver: isOver,
            clock: clock
        )
        self.init([SweepGroup([(0, keeper)], of: PoolTable(only: "agents"))])
    }
}

/// Of the one pool that is swept.
extension SweepReport {
    var repair: SweepOutcome.Repair? { pools.first?.outcome.repair }
    var search: SweepOutcome.Search? { pools.first?.outcome.search }
}

extension Announcer {
    func announce(
        _ job: Job,
        closing closed: [Job] = []
    ) async throws(AnnouncementFailure) -> Headcount {
        try await announce(Announcement([job], closing: closed))
    }

    func announce(_ jobs: [Job]) async throws(AnnouncementFailure) -> Headcount {
        try await announce(Announcement(jobs))
    }
}
