import Decisions
import HCPTerraform
import Ports
import ProductVersion
import ScaleUp
import Telemetry
import Testing

private func body(_ status: String, trigger: String = "run:completed") -> [UInt8] {
    Array(
        """
        {"payload_version":1,"run_id":"run-1","workspace_name":"network",\
        "organization_name":"acme","notifications":[{"message":"m","trigger":"\(trigger)",\
        "run_status":"\(status)"}]}
        """.utf8
    )
}

private func signed(_ body: [UInt8], _ key: RunTaskKey = World.key) -> EndpointRequest {
    EndpointRequest(
        method: "POST",
        headers: [("X-TFE-Notification-Signature", key.sign(body))],
        body: body
    )
}

private let created = body("pending", trigger: "run:created")

@Suite("Endpoint, notifications")
struct EndpointNotificationTests {
    @Test(
        "a run's end ends its jobs that no agent holds, and lowers nothing",
        arguments: [
            ("applied", ["run-2/plan"]), ("errored", ["run-2/plan"]),
            ("canceled", ["run-2/plan"]), ("force_canceled", ["run-2/plan"]),
            ("discarded", ["run-2/plan"]), ("planned_and_finished", ["run-2/plan"]),
            ("policy_soft_failed", ["run-2/plan"]),
            ("planned_and_saved", ["run-1/apply", "run-2/plan"]),
            ("planned", ["run-1/apply", "run-1/policy", "run-2/plan"]),
        ]
    )
    func ends(_ status: String, _ left: [String]) async throws {
        let world = try World()
        try await world.announce("run-1/plan", "run-1/policy", "run-1/apply", "run-2/plan")
        let before = try await world.ledger()
        #expect(await world.endpoint.respond(to: signed(body(status))) == EndpointResponse(200, ""))
        let after = try await world.ledger()
        #expect(after.jobs.keys.map(\.key).sorted() == left)
        #expect(after.size == before.size)
        #expect(after.version == before.version)
        #expect(world.service.written == [4])
        #expect(world.callbacks.requests.isEmpty)
    }

    @Test("a job that an agent holds is left to that agent, whatever the run's end is")
    func held() async throws {
        let world = try World()
        try await world.announce("run-1/plan", "run-1/apply")
        let apply = try #require(Job(key: "run-1/apply"))
        _ = try await world.store.change { ledger, limits in
            ledger.report(TaskID("a"), apply, at: WallTime(milliseconds: 1), limits)
        }
        #expect(await world.endpoint.respond(to: signed(body("canceled"))).status == 200)
        #expect(try await world.ledger().jobs.keys.map(\.key) == ["run-1/apply"])
    }

    @Test("a created run announces nothing unless that is switched on")
    func createdIsOff() async throws {
        let world = try World()
        #expect(await world.endpoint.respond(to: signed(created)).status == 200)
        #expect(try await world.ledger() == Ledger())
        #expect(world.service.written.isEmpty)
    }

    @Test("switched on, it announces the plan, once for it and the run task after it")
    func createdIsOn() async throws {
        let log = FakeLog()
        let world = try World(log: log) { $0.policy.announceRunCreated = true }
        #expect(await world.endpoint.respond(to: signed(created)).status == 200)
        #expect(try await world.ledger().jobs.keys.map(\.key) == ["run-1/plan"])
        #expect(world.service.written == [1])
        #expect(world.callbacks.requests.isEmpty)
        #expect(log.records.map(\.event) == [.jobAnnounced])
        #expect(log.records[0].message == "announced run-1/plan: 1 of 10 agents, 1 starting")
        #expect(log.records[0].fields[.job] == "run-1/plan")
        #expect(log.records[0].fields[.run] == "run-1")
        #expect(await world.call("pre_plan").status == 200)
        #expect(try await world.ledger().jobs.count == 1)
        #expect(world.service.written == [1])
    }

    @Test("it heeds the filters of workspaces and pools, as a run task does")
    func createdFilters() async throws {
        let other = try World {
            $0.policy.announceRunCreated = true
            $0.policy.announceWorkspaces = WorkspacePatterns("apps-*") ?? .all
        }
        #expect(await other.endpoint.respond(to: signed(created)).status == 200)
        #expect(try await other.ledger() == Ledger())
        let pool = try World {
            $0.policy.announceRunCreated = true
            $0.ask { _, _ in Workspace(.pool(id: "apool-2")) }
        }
        #expect(await pool.endpoint.respond(to: signed(created)).status == 200)
        #expect(try await pool.ledger() == Ledger())
    }

    @Test("a creation that is heard after the end announces a job that goes with age")
    func late() async throws {
        let world = try World { $0.policy.announceRunCreated = true }
        _ = await world.endpoint.respond(to: signed(body("canceled")))
        _ = await world.endpoint.respond(to: signed(created))
        #expect(try await world.ledger().jobs.count == 1)
        world.time.advance(.seconds(3_601))
        let sweeper = Sweeper(
            store: world.store,
            service: world.service,
            announcer: world.announcer,
            isOver: { _ in true },
            clock: world.time.clock
        )
        _ = await sweeper.sweep()
        #expect(try await world.ledger().jobs.isEmpty)
    }

    @Test(
        "a verification, and what is about no run, is 200 and writes nothing",
        arguments: [
            #"{"run_id":null,"notifications":[{"trigger":"verification","run_status":null}]}"#,
            #"{"payload_version":"2","trigger":"assessment:drifted","details":{}}"#, "{}",
        ]
    )
    func nothing(_ text: String) async throws {
        let world = try World { $0.policy.announceRunCreated = true }
        try await world.announce("run-1/plan")
        let before = try await world.ledger()
        let answer = await world.endpoint.respond(to: signed(Array(text.utf8)))
        let version = [EndpointVersion.header: ProductVersion.current]
        let isVerification = text.contains("verification")
        #expect(answer == EndpointResponse(200, "", headers: isVerification ? version : [:]))
        #expect(try await world.ledger() == before)
    }

    @Test("unsigned, with an empty signature, or under both headers it is 401; no JSON is 400")
    func refused() async throws {
        let world = try World()
        let end = body("canceled")
        let name = "X-TFE-Notification-Signature"
        let signature = World.key.sign(end)
        for headers in [
            [], [(name, "")], [(name, RunTaskKey("other").sign(end))],
            [(name, signature), ("X-TFC-Task-Signature", signature)],
            [(name, signature), ("X-TFC-Task-Signature", "")],
        ] as [[(name: String, value: String)]] {
            let request = EndpointRequest(method: "POST", headers: headers, body: end)
            #expect(await world.endpoint.respond(to: request).status == 401)
        }
        #expect(await world.endpoint.respond(to: signed(Array("[]".utf8))).status == 400)
    }

    @Test("with a token of their own, neither kind of call passes by the other's key")
    func ownKey() async throws {
        let token = RunTaskKey("the token")
        let world = try World { $0.notificationKeys = RunTaskKeys("the token") }
        let end = body("canceled")
        #expect(await world.endpoint.respond(to: signed(end, token)).status == 200)
        #expect(await world.endpoint.respond(to: signed(end)).status == 401)
        #expect(await world.call("pre_plan").status == 200)
        #expect(await world.endpoint.respond(to: World.signed(end, token)).status == 401)
    }

    @Test("an unknown signature of a notification has the notifications' key read, and no other")
    func readsItsOwn() async throws {
        let (key, token, time) = (FakeParameter("the key"), FakeParameter("old"), FakeTime())
        let world = try World {
            $0.keys = RunTaskKeys(of: "a", read: { try key.read() }, retry: time.retry)
            $0.notificationKeys = RunTaskKeys(
                of: "b",
                read: { try token.read() },
                retry: time.retry
            )
        }
        let end = body("canceled")
        #expect(await world.endpoint.respond(to: signed(end, RunTaskKey("old"))).status == 200)
        #expect(token.readings == 1)
        token.set("new")
        #expect(await world.endpoint.respond(to: signed(end, RunTaskKey("new"))).status == 200)
        #expect(token.readings == 2)
        #expect(key.readings == 0)
    }

    @Test("a body that was signed as one kind does nothing as the other")
    func crossed() async throws {
        let world = try World { $0.policy.announceRunCreated = true }
        for body in [created, body("canceled")] {
            #expect(await world.endpoint.respond(to: World.signed(body)).status == 200)
        }
        let task = Array(
            """
            {"payload_version":1,"stage":"pre_plan","access_token":"t","run_id":"run-1",\
            "task_result_callback_url":"https://app.terraform.io/x"}
            """.utf8
        )
        #expect(await world.endpoint.respond(to: signed(task)).status == 200)
        #expect(try await world.ledger() == Ledger())
        #expect(world.callbacks.requests.isEmpty)
    }

    @Test("a ledger that fails is 503, so that HCP Terraform may call again")
    func ledgerFails() async throws {
        let log = FakeLog()
        let world = try World(log: log) { parts in
            parts.pools[0].announcer = Announcer(
                store: FailingStore(),
                service: FakeService(),
                clock: { WallTime(milliseconds: 0) }
            )
        }
        #expect(await world.endpoint.respond(to: signed(body("canceled"))).status == 503)
        #expect(log.lines.contains { $0.hasPrefix("warning jobs that are over may still") })
    }
}
