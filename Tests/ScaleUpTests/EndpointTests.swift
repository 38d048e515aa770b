import AWS
import Curl
import Decisions
import HCPTerraform
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

/// What hangs here hangs for an hour; beside all other tests a short time can be long.
private let patience: Duration = .seconds(60)

@Suite("Endpoint, callback")
struct CallbackTests {
    @Test("structured outcomes are sent when the request takes them, and the page always")
    func outcomes() async throws {
        let page = ConsolePage.service(region: "eu-central-1", cluster: "c", service: "s")
        let world = try World { $0.page = page }
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
        let world = try World { $0.page = "https://" + String(repeating: "x", count: 493) }
        _ = await world.call("pre_plan")
        #expect(!world.lastCallback.contains("url"))
    }

    @Test(
        "the console of a region's own partition is linked",
        arguments: [
            ("cn-north-1", "cn-north-1.console.amazonaws.cn/"),
            ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com/"),
        ]
    )
    func partitions(_ region: String, _ host: String) {
        let page = ConsolePage.service(region: region, cluster: "c", service: "s")
        #expect(page.hasPrefix("https://" + host))
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

    @Test("F25: a ledger that hangs is 503 within the budget")
    func ledgerHangs() async throws {
        let status = try await answer {
            $0.announcer = Announcer(
                store: HangingStore(),
                service: FakeService(),
                clock: { WallTime(milliseconds: 1) }
            )
        }
        #expect(status == 503)
    }

    @Test("F25: a service that hangs is 503 within the budget")
    func serviceHangs() async throws {
        let world = try World(budget: .milliseconds(300))
        world.service.close()
        #expect(await world.call("pre_plan").status == 503)
        world.service.open()
    }

    @Test("a key that cannot be read in time is 503 within the budget")
    func keyHangs() async throws {
        let status = try await answer {
            $0.keys = RunTaskKeys(read: {
                await hang()
                return "the key"
            })
        }
        #expect(status == 503)
    }

    @Test("a key that cannot be read is 503")
    func keyFails() async throws {
        struct Failure: Error {}
        let status = try await answer { $0.keys = RunTaskKeys(read: { throw Failure() }) }
        #expect(status == 503)
    }

    @Test("an agent pool that cannot be looked up in time counts as ours")
    func lookupHangs() async throws {
        let world = try World(budget: patience / 2) {
            $0.pools = WorkspacePools(pool: "apool-1", organization: "acme") { _, _ in
                await hang()
                return .pool(id: "apool-2")
            }
        }
        #expect(await world.call("pre_plan").status == 200)
        #expect(try await world.ledger().jobs.count == 1)
    }
}
