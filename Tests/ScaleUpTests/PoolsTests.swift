import Curl
import Decisions
import HCPTerraform
import InMemoryPorts
import Ports
import ScaleUp
import Testing

/// One endpoint with three pools: plans of the agent pool go to `spot`, its applies to `steady`, and
/// what belongs to `apps` by its workspace's name goes there.
private struct PoolsWorld {
    let stores: [InMemoryLedgerStore]
    let services = [FakeService(), FakeService(), FakeService()]
    let callbacks = FakeCallbacks([200])
    let time = FakeTime()
    let log = FakeLog()
    let endpoint: Endpoint

    static let names = ["apps", "spot", "steady"]

    static let table: PoolTable = {
        var apps = PoolTable.Rule()
        apps.workspaces = WorkspacePatterns("app-*")
        var spot = PoolTable.Rule()
        spot.stages = [.prePlan]
        spot.workspaces = WorkspacePatterns("net*")
        var steady = PoolTable.Rule()
        steady.stages = [.preApply]
        steady.workspaces = WorkspacePatterns("net*")
        return PoolTable([
            PoolTable.Entry("apps", rule: apps), PoolTable.Entry("spot", rule: spot),
            PoolTable.Entry("steady", rule: steady),
        ])
    }()

    init(search: RunSearch? = nil, lookUp: SweepGroup.LookUp? = nil) throws {
        let limits = try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
        stores = Self.names.map { _ in InMemoryLedgerStore(Ledger(), limits) }
        var pools: [Endpoint.Pool] = []
        for (place, name) in Self.names.enumerated() {
            let announcer = Announcer(
                store: stores[place],
                service: services[place],
                clock: time.clock,
                retry: time.retry
            )
            let keeper = PoolKeeper(
                name,
                store: stores[place],
                service: services[place],
                announcer: announcer,
                patience: .seconds(3_600),
                clock: time.clock
            )
            pools.append(Endpoint.Pool(name, announcer: announcer, keeper: keeper, page: name))
        }
        let shared = SweepGroup(
            [(1, pools[1].keeper), (2, pools[2].keeper)],
            of: Self.table,
            organization: "acme",
            search: search,
            lookUp: lookUp
        )
        endpoint = Endpoint(
            Endpoint.Parts(
                keys: RunTaskKeys("the key"),
                policy: Verdict.Policy(
                    origin: .hcpTerraform,
                    announceStages: [.prePlan, .preApply],
                    announceRunCreated: true
                ),
                pools: pools,
                table: Self.table,
                sweeper: Sweeper([shared, SweepGroup([(0, pools[0].keeper)], of: Self.table)]),
                callback: CallbackClient(callbacks)
            ),
            budget: .seconds(600),
            log: log.log
        )
    }

    func call(
        _ stage: String,
        _ workspace: String,
        run: String = "run-1",
        path: String = "/"
    ) async -> EndpointResponse {
        let body = Array(
            """
            {"payload_version":1,"stage":"\(stage)","access_token":"a-token","run_id":"\(run)",\
            "organization_name":"acme","workspace_name":"\(workspace)","is_speculative":false,\
            "task_result_callback_url":"https://app.terraform.io/api/v2/task-results/x/callback"}
            """.utf8
        )
        return await endpoint.respond(to: request("X-TFC-Task-Signature", body, path))
    }

    func notify(
        _ status: String,
        _ workspace: String,
        trigger: String = "run:errored",
        path: String = "/"
    ) async -> EndpointResponse {
        let body = Array(
            """
            {"payload_version":1,"run_id":"run-1","workspace_name":"\(workspace)",\
            "organization_name":"acme","notifications":[{"trigger":"\(trigger)",\
            "run_status":"\(status)"}]}
            """.utf8
        )
        return await endpoint.respond(to: request("X-TFE-Notification-Signature", body, path))
    }

    private func request(_ header: String, _ body: [UInt8], _ path: String) -> EndpointRequest {
        EndpointRequest(
            method: "POST",
            path: path,
            headers: [(header, World.key.sign(body))],
            body: body
        )
    }

    /// The jobs in each ledger, by their pools.
    func jobs() async throws -> [String: [String]] {
        var jobs: [String: [String]] = [:]
        for (name, store) in zip(Self.names, stores) {
            let keys = try await store.read().ledger.jobs.keys.map(\.key).sorted()
            if !keys.isEmpty { jobs[name] = keys }
        }
        return jobs
    }

    var lastCallback: String {
        String(decoding: callbacks.requests.last?.body ?? [], as: UTF8.self)
    }
}

@Suite("Endpoint, several pools")
struct PoolsTests {
    @Test("each call raises the service that it is for, and no other")
    func routes() async throws {
        let world = try PoolsWorld()
        #expect(await world.call("pre_plan", "app-1", run: "run-1").status == 200)
        #expect(await world.call("pre_plan", "network", run: "run-2").status == 200)
        #expect(
            try await world.jobs() == ["apps": ["run-1/plan"], "spot": ["run-2/plan"]]
        )
        #expect(world.services.map(\.written) == [[1], [1], []])
        #expect(world.lastCallback.contains("1 of 10 agents"))
        #expect(world.lastCallback.contains(#""url":"spot""#))
    }

    @Test("the apply goes to another service than the plan, whose job ends with it")
    func planAndApply() async throws {
        let world = try PoolsWorld()
        _ = await world.call("pre_plan", "network")
        #expect(try await world.jobs() == ["spot": ["run-1/plan"]])
        _ = await world.call("pre_apply", "network")
        #expect(try await world.jobs() == ["steady": ["run-1/apply"]])
        _ = await world.call("post_apply", "network")
        #expect(try await world.jobs().isEmpty)
        #expect(world.services.map(\.written) == [[], [1], [1]])
    }

    @Test("what no pool takes is passed with a line in the log, and announces nothing")
    func nobody() async throws {
        let world = try PoolsWorld()
        #expect(await world.call("pre_plan", "other").status == 200)
        #expect(try await world.jobs().isEmpty)
        #expect(world.lastCallback.contains("No pool here takes this call"))
        #expect(world.lastCallback.contains(#""status":"passed""#))
        #expect(world.log.lines.contains { $0.contains("passed: No pool here takes this call") })
    }

    @Test("an address with a pool's name is for that pool; with another name it is passed")
    func paths() async throws {
        let world = try PoolsWorld()
        _ = await world.call("pre_plan", "other", path: "/pools/steady")
        #expect(try await world.jobs() == ["steady": ["run-1/plan"]])
        #expect(await world.call("pre_plan", "network", path: "/pools/none").status == 200)
        #expect(try await world.jobs() == ["steady": ["run-1/plan"]])
        #expect(world.lastCallback.contains("names no pool that is here"))
        #expect(world.log.lines.contains { $0.contains("no pool has the name") })
    }

    @Test("a run's end ends its jobs in whichever ledger holds them")
    func ends() async throws {
        let world = try PoolsWorld()
        _ = await world.call("pre_plan", "network")
        _ = await world.call("pre_apply", "network", run: "run-2")
        #expect(await world.notify("canceled", "app-1").status == 200)
        #expect(try await world.jobs().count == 2)
        #expect(await world.notify("canceled", "network").status == 200)
        #expect(try await world.jobs() == ["steady": ["run-2/apply"]])
    }

    @Test("a run that was created is announced to the pool of its plan")
    func created() async throws {
        let world = try PoolsWorld()
        for workspace in ["network", "other"] {
            let answer = await world.notify("pending", workspace, trigger: "run:created")
            #expect(answer.status == 200)
        }
        #expect(try await world.jobs() == ["spot": ["run-1/plan"]])
    }

    @Test("the sweep repairs every service, and one that fails keeps no other from it")
    func repairs() async throws {
        let world = try PoolsWorld()
        for store in world.stores { _ = try await store.change { ledger, _ in ledger.size = 2 } }
        #expect(
            world.endpoint.health()
                == EndpointResponse(
                    200,
                    "apps: not swept yet\nspot: not swept yet\nsteady: not swept yet\n"
                )
        )
        world.services[1].fail(.unchanged(cause: "throttled"))
        let report = await world.endpoint.sweep()
        #expect(report.hasFailed)
        #expect(report.pools.map(\.name) == PoolsWorld.names)
        #expect(report.pools.map(\.outcome.hasFailed) == [false, true, false])
        #expect(world.services.map(\.desired) == [2, 0, 2])
        #expect("\(report)".contains("apps: the service was at 0 and is now at 2"))
        #expect(
            world.endpoint.health() == EndpointResponse(503, "apps: ok\nspot: failed\nsteady: ok\n")
        )
    }

    @Test("a list of runs that two pools share is read once, and each job goes to one of them")
    func shared() async throws {
        let api = FakeAPI { _ in
            let runs = [("run-1", "plan_queued", "ws-1"), ("run-2", "apply_queued", "ws-1")]
            let items = runs.map {
                #"{"id":"\#($0.0)","attributes":{"status":"\#($0.1)","plan-only":false},"#
                    + #""relationships":{"workspace":{"data":{"id":"\#($0.2)"}}}}"#
            }
            return HTTPResponse(200, #"{"data":[\#(items.joined(separator: ","))]}"#)
        }
        let runs = PoolRunsAPI(
            TerraformAPI(api, address: "https://tfe.example", token: "the token"),
            organization: "acme",
            pool: "my pool"
        )
        let world = try PoolsWorld(search: RunSearch(runs)) { id in
            id == "ws-1" ? Workspace(nil, name: "network") : nil
        }
        let report = await world.endpoint.sweep()
        #expect(!report.hasFailed)
        #expect(
            try await world.jobs() == ["spot": ["run-1/plan"], "steady": ["run-2/apply"]]
        )
        #expect(api.urls.count == 1)
        _ = await world.endpoint.sweep()
        #expect(world.services.map(\.written) == [[], [1], [1]])
    }

    @Test("where nobody knows a workspace's name, its job goes to a pool that could be meant")
    func sharedUnnamed() async throws {
        let api = FakeAPI { _ in
            HTTPResponse(200, #"{"data":[{"id":"run-1","attributes":{"status":"apply_queued"}}]}"#)
        }
        let runs = PoolRunsAPI(
            TerraformAPI(api, address: "https://tfe.example", token: "the token"),
            organization: "acme",
            pool: "my pool"
        )
        let world = try PoolsWorld(search: RunSearch(runs))
        _ = await world.endpoint.sweep()
        #expect(try await world.jobs() == ["steady": ["run-1/apply"]])
    }
}
