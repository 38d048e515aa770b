import AWS
import Curl
import Decisions
import HCPTerraform
import Logging
import ScaleUp
import Testing

private let key = RunTaskKey("the key")
private let now = WallTime(milliseconds: 1_000)

/// An endpoint over a ledger in memory, a service that records and HCP Terraform's callback.
private struct World {
    let store: InMemoryLedgerStore
    let service = FakeService()
    let callbacks: FakeCallbacks
    let announcer: Announcer
    let endpoint: Endpoint

    init(maxCount: Int = 10, callbacks: [Int?] = [200]) throws {
        let limits = try #require(Limits(desiredCount: 0, maxCount: maxCount, spareCount: 0))
        store = InMemoryLedgerStore(Ledger(), limits)
        self.callbacks = FakeCallbacks(callbacks)
        announcer = Announcer(
            store: store,
            service: service,
            clock: { now }
        )
        endpoint = Endpoint(
            policy: {
                Verdict.Policy(
                    keys: [key],
                    origin: .hcpTerraform,
                    announceStages: [.prePlan, .preApply]
                )
            },
            announcer: announcer,
            callback: CallbackClient(self.callbacks),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func call(_ stage: String, run: String = "run-1", token: String = "a token") async
        -> EndpointResponse
    {
        let body = Array(
            """
            {"payload_version":1,"stage":"\(stage)","access_token":"\(token)","run_id":"\(run)",\
            "task_result_callback_url":"https://app.terraform.io/api/v2/task-results/x/callback"}
            """.utf8
        )
        return await endpoint.respond(
            to: EndpointRequest(
                method: "POST",
                headers: [("X-TFC-Task-Signature", key.sign(body))],
                body: body
            )
        )
    }

    func ledger() async throws -> Ledger { try await store.read().ledger }
}

@Suite("Endpoint")
struct EndpointTests {
    @Test("pre_plan announces the plan, raises the service and calls back with the numbers")
    func prePlan() async throws {
        let world = try World()
        #expect(await world.call("pre_plan").status == 200)
        #expect(try await world.ledger().jobs.keys.map(\.key) == ["run-1/plan"])
        #expect(world.service.written == [1])
        let callback = try #require(world.callbacks.requests.first)
        #expect(callback.method == .patch)
        let body = String(decoding: callback.body ?? [], as: UTF8.self)
        #expect(
            body == #"{"data":{"attributes":{"message":"1 of 10 agents, 1 starting","#
                + #""status":"passed"},"type":"task-results"}}"#
        )
    }

    @Test("F15: a repeated call calls back again and changes nothing else")
    func repeated() async throws {
        let world = try World()
        _ = await world.call("pre_plan")
        #expect(await world.call("pre_plan").status == 200)
        #expect(world.service.written == [1])
        #expect(world.callbacks.requests.count == 2)
    }

    @Test(
        "post stages pass without touching ledger or service",
        arguments: ["post_plan", "post_apply"]
    )
    func post(_ stage: String) async throws {
        let world = try World()
        #expect(await world.call(stage).status == 200)
        #expect(try await world.ledger() == Ledger())
        #expect(world.service.written.isEmpty)
        #expect(world.callbacks.requests.count == 1)
    }

    @Test("a verification request is 200, with nothing announced and nobody called")
    func verification() async throws {
        let world = try World()
        #expect(await world.call("pre_plan", token: "test-token") == EndpointResponse(200, ""))
        #expect(try await world.ledger() == Ledger())
        #expect(world.callbacks.requests.isEmpty)
    }

    @Test("F25: when ECS cannot be reached the answer is 503, and a repeat brings it right")
    func serviceDown() async throws {
        let world = try World()
        world.service.fail(
            AWSFailure(
                call: "UpdateService",
                cause: .transport(HTTPFailure(.couldNotConnect, mayHaveTakenEffect: false)),
                attempts: 1
            )
        )
        #expect(await world.call("pre_plan").status == 503)
        #expect(world.callbacks.requests.isEmpty)
        world.service.fail(nil)
        #expect(await world.call("pre_plan").status == 200)
        #expect(try await world.ledger().jobs.count == 1)
        #expect(world.service.desired == 1)
    }

    @Test("a callback without answer is tried again", arguments: [nil, 500, 429] as [Int?])
    func callbackRetried(_ first: Int?) async throws {
        let world = try World(callbacks: [first, 200])
        #expect(await world.call("pre_plan").status == 200)
        #expect(world.callbacks.requests.count == 2)
    }

    @Test(
        "a callback that HCP Terraform has closed or refused is not repeated",
        arguments: [409, 401, 404]
    )
    func callbackFinal(_ status: Int) async throws {
        let world = try World(callbacks: [status])
        #expect(await world.call("pre_plan").status == 200)
        #expect(world.callbacks.requests.count == 1)
    }
}

@Suite("Announcer")
struct AnnouncerTests {
    @Test("F8: announcements that arrive during a write share the next one")
    func batches() async throws {
        let world = try World(maxCount: 500)
        world.service.close()
        let jobs = try (0..<200).map { try #require(Job(id: "run-\($0)", type: "plan")) }
        let announcer = world.announcer
        let answers = try await withThrowingTaskGroup(of: Announcement.self) { group in
            group.addTask { try await announcer.announce(jobs[0]) }
            await world.service.arrival()
            for job in jobs.dropFirst() {
                group.addTask { try await announcer.announce(job) }
            }
            while await announcer.waitingCount < jobs.count - 1 { await Task.yield() }
            world.service.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 200)
        #expect(world.service.written == [1, 200])
        #expect(try await world.ledger().version == 2)
    }

    @Test("F9: what exceeds max_count is clamped and every call is answered")
    func clamped() async throws {
        let world = try World(maxCount: 3)
        for number in 0..<5 {
            #expect(await world.call("pre_plan", run: "run-\(number)").status == 200)
        }
        #expect(world.service.desired == 3)
        #expect(try await world.ledger().jobs.count == 5)
    }
}
