import Curl
import Decisions
import HCPTerraform
import Ports
import ProductVersion
import ScaleUp
import Testing

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

    @Test("a repeated call calls back again and changes nothing else")
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

    @Test(
        "a post stage ends what it comes after where no agent holds it, after its callback",
        arguments: [
            ("post_plan", ["run-1/apply", "run-1/policy", "run-2/plan"]),
            ("post_apply", ["run-2/plan"]),
        ]
    )
    func closes(_ stage: String, _ left: [String]) async throws {
        let world = try World()
        try await world.announce("run-1/plan", "run-1/policy", "run-1/apply", "run-2/plan")
        let before = try await world.ledger()
        #expect(await world.call(stage).status == 200)
        let after = try await world.ledger()
        #expect(after.jobs.keys.map(\.key).sorted() == left)
        #expect(after.size == before.size)
        #expect(after.version == before.version)
        #expect(world.service.written == [4])
        #expect(world.callbacks.requests.count == 1)
    }

    @Test(
        "a post stage leaves a job that an agent holds, and then writes nothing",
        arguments: ["post_plan", "post_apply"]
    )
    func held(_ stage: String) async throws {
        let world = try World()
        try await world.announce("run-1/plan", "run-1/apply")
        for key in ["run-1/plan", "run-1/apply"] {
            let job = try #require(Job(key: key))
            _ = try await world.store.change { ledger, limits in
                ledger.report(TaskID(key), job, at: WallTime(milliseconds: 1), limits)
            }
        }
        let before = try await world.ledger()
        #expect(await world.call(stage).status == 200)
        #expect(try await world.ledger() == before)
    }

    @Test("a pre_apply that announces nothing here ends its run's plan as well")
    func stageNotAnnounced() async throws {
        let world = try World { $0.policy.announceStages = [.prePlan] }
        try await world.announce("run-1/plan")
        #expect(await world.call("pre_apply").status == 200)
        #expect(try await world.ledger().jobs.isEmpty)
    }

    @Test("a ledger that fails does not fail a post stage: the run has been called back")
    func closingFails() async throws {
        let log = FakeLog()
        let world = try World(log: log) {
            $0.pools[0].announcer = Announcer(
                store: FailingStore(),
                service: FakeService(),
                clock: { WallTime(milliseconds: 1) },
                retry: FakeTime().retry
            )
        }
        #expect(await world.call("post_plan").status == 200)
        #expect(world.callbacks.requests.count == 1)
        #expect(log.lines.contains { $0.hasPrefix("warning jobs that are over may still") })
    }

    @Test(
        "a verification request is 200 with the version, nothing announced and nobody called",
        arguments: [
            ["access_token": "\"test-token\""],
            ["access_token": "\"test-token\"", "payload_version": nil],
            ["task_result_enforcement_level": "\"test\""],
            ["stage": "\"test\""], ["stage": "\"test\"", "payload_version": nil],
            ["access_token": "null", "task_result_callback_url": "null"],
            ["access_token": "null", "task_result_callback_url": "null", "run_id": "null"],
        ] as [[String: String?]]
    )
    func verification(_ changes: [String: String?]) async throws {
        let world = try World()
        try await world.announce("run-1/plan")
        let before = try await world.ledger()
        let version = [EndpointVersion.header: ProductVersion.current]
        #expect(
            await world.call(with: changes) == EndpointResponse(200, "", headers: version)
        )
        #expect(try await world.ledger() == before)
        #expect(world.callbacks.requests.isEmpty)
    }

    @Test(
        "what is not known is passed, so that its run goes on, and announces nothing",
        arguments: [
            (["stage": "\"pre_refresh\""], "stage is"), (["stage": nil], "stage is"),
            (["payload_version": "2"], "payload_version is"),
            (["payload_version": "2", "stage": "\"post_apply\""], "payload_version is"),
            (["run_id": nil], "run_id is"), (["run_id": "null"], "run_id is"),
        ] as [([String: String?], String)]
    )
    func unknown(_ changes: [String: String?], _ reason: String) async throws {
        let log = FakeLog()
        let world = try World(log: log)
        try await world.announce("run-1/plan")
        let before = try await world.ledger()
        #expect(await world.call(with: changes) == EndpointResponse(200, ""))
        #expect(try await world.ledger() == before)
        #expect(world.callbacks.requests.count == 1)
        #expect(world.lastCallback.contains(#""status":"passed""#))
        #expect(log.lines.count == 1)
        let prefix = "info passed: No agent is started for an unknown call: "
        #expect(log.lines.first?.hasPrefix(prefix + reason) ?? false, "\(log.lines)")
    }

    @Test("a call that nobody can be answered for is 200, with a line, and announces nothing")
    func unanswerable() async throws {
        let log = FakeLog()
        let world = try World(log: log)
        #expect(await world.call("pre_plan", token: "") == EndpointResponse(200, ""))
        #expect(try await world.ledger() == Ledger())
        #expect(world.callbacks.requests.isEmpty)
        #expect(
            log.lines == [
                "warning nobody can be answered for a call cause=access_token is missing or malformed "
                    + "status=200"
            ]
        )
    }

    @Test("when ECS cannot be reached the answer is 503, and a repeat brings it right")
    func serviceDown() async throws {
        let world = try World()
        world.service.fail(.unchanged(cause: "could not connect"))
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

/// What hangs here hangs for an hour; beside all other tests a short time can be long.
private let patience: Duration = .seconds(60)

@Suite("Endpoint, callback")
struct CallbackTests {
    @Test("structured outcomes are sent when the request takes them, and the page always")
    func outcomes() async throws {
        let page = ConsolePage.service(region: "eu-central-1", cluster: "c", service: "s")
        let world = try World { $0.pools[0].page = page }
        _ = await world.call("pre_plan", more: #","capabilities":{"outcomes":true}"#)
        let url =
            "https://eu-central-1.console.aws.amazon.com/ecs/v2/clusters/c/services/s/health"
            + "?region=eu-central-1"
        let expected = """
            {"data":{"attributes":{"message":"1 of 10 agents, 1 starting","status":"passed",\
            "url":"\(url)"},"relationships":{"outcomes":{"data":[{"attributes":{\
            "description":"1 of 10 agents, 1 starting","outcome-id":"agents",\
            "tags":{"Status":[{"label":"Announced","level":"info"}]},"url":"\(url)"},\
            "type":"task-result-outcomes"}]}},"type":"task-results"}}
            """
        #expect(world.lastCallback == expected)
        _ = await world.call("pre_plan", more: #","capabilities":{"outcomes":false}"#)
        #expect(!world.lastCallback.contains("outcome"))
    }

    @Test("a page whose address is longer than 500 bytes is left out")
    func longPage() async throws {
        let world = try World { $0.pools[0].page = "https://" + String(repeating: "x", count: 493) }
        _ = await world.call("pre_plan")
        #expect(!world.lastCallback.contains("url"))
    }

    @Test(
        "the console of a region's own partition is linked",
        arguments: [
            ("cn-north-1", "cn-north-1.console.amazonaws.cn/"),
            ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com/"),
            ("us-iso-east-1", nil), ("eusc-de-east-1", nil),
        ] as [(String, String?)]
    )
    func partitions(_ region: String, _ host: String?) {
        let page = ConsolePage.service(region: region, cluster: "c", service: "s")
        let path = "ecs/v2/clusters/c/services/s/health?region=" + region
        #expect(page == host.map { "https://" + $0 + path })
    }

    @Test("a callback that nobody answers is tried until the budget is used up, then 503")
    func unanswered() async throws {
        let world = try World(callbacks: [500], budget: .milliseconds(900))
        let start = ContinuousClock.now
        #expect(await world.call("pre_plan").status == 503)
        #expect(start.duration(to: .now) < patience)
    }

    @Test("pre_apply closes its run's plan, and the service keeps its size")
    func closes() async throws {
        let world = try World()
        _ = await world.call("pre_plan")
        #expect(await world.call("pre_apply").status == 200)
        #expect(try await world.ledger().jobs.keys.map(\.key) == ["run-1/apply"])
        #expect(world.service.written == [1])
    }
}

@Suite("Endpoint, budget")
struct BudgetTests {
    private func answer(_ change: (inout Endpoint.Parts) -> Void) async throws -> Int {
        let world = try World(budget: .milliseconds(300), change: change)
        let start = ContinuousClock.now
        let status = await world.call("pre_plan").status
        #expect(start.duration(to: .now) < patience)
        #expect(world.callbacks.requests.isEmpty)
        return status
    }

    @Test("a ledger that hangs is 503 within the budget")
    func ledgerHangs() async throws {
        let status = try await answer {
            $0.pools[0].announcer = Announcer(
                store: HangingStore(),
                service: FakeService(),
                clock: { WallTime(milliseconds: 1) }
            )
        }
        #expect(status == 503)
    }

    @Test("a service that hangs is 503 within the budget")
    func serviceHangs() async throws {
        let world = try World(budget: .milliseconds(300))
        world.service.close()
        #expect(await world.call("pre_plan").status == 503)
        world.service.open()
    }

    @Test("a key that cannot be read in time is 503 within the budget")
    func keyHangs() async throws {
        let status = try await answer {
            $0.keys = RunTaskKeys(
                of: "a parameter",
                read: {
                    await hang()
                    return "the key"
                }
            )
        }
        #expect(status == 503)
    }

    @Test("a key that cannot be read is 503")
    func keyFails() async throws {
        struct Failure: Error {}
        let status = try await answer {
            $0.keys = RunTaskKeys(of: "a parameter", read: { throw Failure() })
        }
        #expect(status == 503)
    }

    @Test("an agent pool that cannot be looked up in time counts as ours")
    func lookupHangs() async throws {
        let world = try World(budget: patience / 2) {
            $0.ask { _, _ in
                await hang()
                return Workspace(.pool(id: "apool-2"))
            }
        }
        #expect(await world.call("pre_plan").status == 200)
        #expect(try await world.ledger().jobs.count == 1)
    }
}

/// What anybody on the internet may send, and what it costs.
@Suite("Endpoint, strangers")
struct StrangerTests {
    private static let body = Array("{}".utf8)

    private func request(_ method: String = "POST", _ signatures: String...) -> EndpointRequest {
        EndpointRequest(
            method: method,
            headers: signatures.map { ("X-TFC-Task-Signature", $0) },
            body: Self.body
        )
    }

    @Test("nothing is read for what is no POST, carries no signature or is too large")
    func costsNothing() async throws {
        let parameter = FakeParameter(nil)
        let world = try World {
            $0.keys = RunTaskKeys(of: "a parameter", read: { try parameter.read() })
        }
        let signature = World.key.sign(Self.body)
        let large = [UInt8](repeating: 0x20, count: Verdict.maximumBodyBytes + 1)
        let requests: [(EndpointRequest, Int)] = [
            (request("GET"), 405), (request("POST"), 401), (request("POST", ""), 401),
            (request("POST", String(signature.dropLast())), 401),
            (request("POST", signature, signature), 401),
            (
                EndpointRequest(
                    method: "POST",
                    headers: [("X-TFC-Task-Signature", signature)],
                    body: large
                ), 413
            ),
        ]
        for (request, status) in requests {
            #expect(await world.endpoint.respond(to: request).status == status)
        }
        #expect(parameter.readings == 0)
        // And a call that may be one of HCP Terraform's does read.
        #expect(await world.endpoint.respond(to: request("POST", signature)).status == 503)
        #expect(parameter.readings == 1)
    }

    @Test("while the key cannot be read, calls are 503 without a reading for each")
    func unreadable() async throws {
        let parameter = FakeParameter(nil)
        let world = try World {
            $0.keys = RunTaskKeys(
                of: "a parameter",
                read: { try parameter.read() },
                retry: FakeTime().retry
            )
        }
        for _ in 0..<50 {
            let response = await world.call("pre_plan")
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] != nil)
        }
        #expect(parameter.readings == 1)
    }

    @Test("each kind is logged a few times a minute, then counted, and the count is said")
    func logged() async throws {
        let log = FakeLog()
        let clock = FakeClock()
        let refusals = RefusalLog(log.log, now: { clock.now })
        for _ in 0..<1_000 {
            refusals.note(.malformedSignature)
            refusals.note(.method)
        }
        #expect(log.lines.count == 10)
        #expect(log.lines.allSatisfy { $0.hasPrefix("warning refused a request") })
        clock.advance(.seconds(59))
        refusals.settle()
        #expect(log.lines.count == 10)
        clock.advance(.seconds(1))
        refusals.settle()
        #expect(log.lines.count == 12)
        #expect(log.lines.suffix(2).allSatisfy { $0.contains("995 more requests were refused") })
        refusals.note(.method)
        #expect(log.lines.count == 13)
        clock.advance(.seconds(60))
        refusals.settle()
        #expect(log.lines.count == 13)
    }

    @Test("the endpoint logs refusals of every kind by the same measure")
    func loggedByEndpoint() async throws {
        let log = FakeLog()
        let world = try World(log: log)
        for _ in 0..<50 {
            _ = await world.endpoint.respond(to: request("GET"))
            _ = await world.endpoint.respond(to: request("POST", "x"))
            _ = await world.endpoint.respond(to: request("POST", RunTaskKey("x").sign(Self.body)))
            _ = await world.endpoint.respond(to: World.signed(Array("[]".utf8)))
            _ = world.endpoint.refuse(.tooLarge)
        }
        #expect(log.lines.count == 25)
        for status in [405, 401, 400, 413] {
            #expect(log.lines.contains { $0.contains("status=\(status)") })
        }
    }
}
