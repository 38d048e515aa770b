import Curl
import Decisions
import HCPTerraform
import InMemoryPorts
import Ports
import ScaleUp
import Synchronization
import Testing

private func job(_ key: String) throws -> Job { try #require(Job(key: key)) }

/// A page of runs as the API documents it.
private func page(_ runs: [(String, String)], next: Int? = nil) -> HTTPResponse {
    let items = runs.map { #"{"id":"\#($0.0)","type":"runs","attributes":{"status":"\#($0.1)"}}"# }
    return HTTPResponse(
        200,
        #"{"data":[\#(items.joined(separator: ","))],"meta":{"pagination":{"current-page":1,"#
            + #""next-page":\#(next.map(String.init) ?? "null")}}}"#
    )
}

private func search(_ api: FakeAPI, _ clock: FakeClock = FakeClock()) -> RunSearch {
    RunSearch(
        PoolRunsAPI(
            TerraformAPI(api, address: "https://tfe.example", token: "the token"),
            organization: "acme",
            pool: "my pool"
        ),
        now: { clock.now }
    )
}

@Suite("Sweep")
struct SweepTests {
    @Test("only runs that wait for an agent, and that nobody announced, are announced")
    func decides() throws {
        let statuses = [
            "plan_queued", "queuing", "apply_queued", "queuing_apply", "pending", "planning",
            "planned", "applying", "policy_checking", "cost_estimated", "a status of tomorrow",
        ]
        let runs = statuses.enumerated().map { Run(id: "run-\($0.offset)", status: $0.element) }
        var ledger = Ledger()
        #expect(
            UnannouncedJobs(runs, unknownTo: ledger).jobs.map(\.key)
                == ["run-0/plan", "run-1/plan", "run-2/apply", "run-3/apply"]
        )
        ledger.jobs[try job("run-1/plan")] = Ledger.JobEntry(at: WallTime(milliseconds: 0))
        ledger.jobs[try job("run-2/plan")] = Ledger.JobEntry(at: WallTime(milliseconds: 0))
        #expect(
            UnannouncedJobs(runs + runs, unknownTo: ledger).jobs.map(\.key)
                == ["run-0/plan", "run-2/apply", "run-3/apply"]
        )
    }

    @Test("the sweep leaves room in the ledger's item for webhooks")
    func room() throws {
        let runs = (0..<5_000).map { Run(id: "run-\($0)", status: "plan_queued") }
        #expect(UnannouncedJobs(runs, unknownTo: Ledger()).jobs.count == UnannouncedJobs.room)
        var ledger = Ledger()
        for number in 0..<UnannouncedJobs.room - 1 {
            ledger.jobs[try job("old-\(number)/plan")] = .init(at: WallTime(milliseconds: 0))
        }
        #expect(UnannouncedJobs(runs, unknownTo: ledger).jobs.count == 1)
    }

    @Test("a token that cannot be read is a failure of the sweep, and of nothing else")
    func unreadableToken() async throws {
        let api = FakeAPI { _ in page([]) }
        let token = TokenSource(
            current: { throw FakeParameter.Unreadable() },
            wasRefused: { _ in }
        )
        let runs = PoolRunsAPI(
            TerraformAPI(api, address: "https://tfe.example", token: token),
            organization: "acme",
            pool: "my pool"
        )
        let workspaces = WorkspacesAPI(TerraformAPI(api, address: "https://x", token: token))
        let world = try World(search: RunSearch(runs)) {
            $0.ask {
                try await workspaces.workspace(organization: $0, name: $1, deadline: .seconds(1))
            }
        }
        #expect(await world.call("pre_plan").status == 200)
        #expect(try await world.ledger().jobs.count == 1)
        let outcome = await world.endpoint.sweep()
        #expect(outcome.hasFailed)
        #expect("\(outcome)".contains("there is no API token: Unreadable"))
        #expect(api.urls.isEmpty)
    }

    @Test("runs that no webhook announced get their agents with one write and one update")
    func announces() async throws {
        let api = FakeAPI { _ in page([("run-1", "plan_queued"), ("run-2", "apply_queued")]) }
        let world = try World(search: search(api))
        let outcome = await world.endpoint.sweep()
        #expect(try await world.ledger().jobs.count == 2)
        #expect(world.service.written == [2])
        #expect(
            "\(outcome)" == "the service follows the ledger (size 2); 2 jobs of 2 runs were "
                + "announced"
        )
        #expect(
            api.urls == [
                "https://tfe.example/api/v2/organizations/acme/runs?filter%5Bagent_pool_names%5D="
                    + "my%20pool&filter%5Bstatus_group%5D=non_final&page%5Bsize%5D=100"
                    + "&filter%5Boperation%5D=plan_only%2Cplan_and_apply%2Csave_plan"
                    + "%2Crefresh_only%2Cdestroy%2Cempty_apply%2Caction_only&page%5Bnumber%5D=1"
            ]
        )
        let again = await world.endpoint.sweep()
        #expect(!again.hasActed && !again.hasFailed)
        #expect(world.service.written == [2])
    }

    @Test(
        "policies that wait are announced where agents evaluate them, those under way are not",
        arguments: [
            ("queued", 1), ("pending", 1), ("running", 0), ("passed", 0), ("errored", 0),
        ]
    )
    func policies(_ status: String, _ announced: Int) async throws {
        let api = FakeAPI { url in
            if url.hasSuffix("/runs/run-1/task-stages") {
                return HTTPResponse(
                    200,
                    #"{"data":[{"id":"ts-0","attributes":{"stage":"pre_plan"}},"#
                        + #"{"id":"ts-1","attributes":{"stage":"post_plan","status":"running"}}]}"#
                )
            }
            if url.hasSuffix("/task-stages/ts-1/policy-evaluations") {
                return HTTPResponse(
                    200,
                    #"{"data":[{"id":"poleval-1","attributes":{"status":"\#(status)"}}]}"#
                )
            }
            return page([("run-1", "post_plan_running"), ("run-2", "planning")])
        }
        let world = try World(search: search(api)) { parts in
            parts.sweeper = Sweeper([
                SweepGroup(
                    [(0, parts.pools[0].keeper)],
                    of: parts.table,
                    search: search(api),
                    policies: PolicyEvaluationsAPI(
                        TerraformAPI(api, address: "https://tfe.example", token: "the token")
                    )
                )
            ])
        }
        for _ in 0..<2 { #expect(!(await world.endpoint.sweep()).hasFailed) }
        let jobs = try await world.ledger().jobs.keys.map(\.key)
        #expect(jobs == (announced == 1 ? ["run-1/policy"] : []))
        // One that is known is not asked for again.
        #expect(api.urls.count == (announced == 1 ? 4 : 6))
    }

    @Test("someone's edit of desiredCount is taken back to the ledger's size")
    func repairs() async throws {
        let world = try World()
        _ = await world.call("pre_plan")
        for edited in [0, 7] {
            _ = try await world.service.setDesiredCount(edited)
            let outcome = await world.endpoint.sweep()
            #expect(outcome.repair == .repaired(from: edited, to: 1))
            #expect(world.service.desired == 1)
        }
        #expect(try await world.ledger().size == 1)
    }

    @Test("whatever it finds, the sweep never lowers the ledger's size, and drops no young job")
    func neverLowers() async throws {
        let world = try World(search: search(FakeAPI { _ in page([]) }))
        let now = world.time.clock()
        _ = try await world.store.change { [plan = try job("run-1/plan")] ledger, limits in
            ledger.jobs[plan] = .init(at: now)
            ledger.uphold(limits, at: now)
            ledger.size = 5
        }
        for _ in 0..<3 { #expect(!(await world.endpoint.sweep()).hasFailed) }
        let ledger = try await world.ledger()
        #expect(ledger.size == 5 && ledger.jobs.count == 1)
        #expect(world.service.desired == 5)
    }

    @Test("the service is not lowered while an agent runs without protection")
    func holds() async throws {
        let world = try World()
        let now = world.time.clock()
        _ = try await world.store.change { ledger, limits in
            ledger.expose(TaskID("a"), at: now, limits)
        }
        _ = try await world.service.setDesiredCount(3)
        let outcome = await world.endpoint.sweep()
        #expect(outcome.repair == .held(.exposed(TaskID("a")), desired: 3, size: 0))
        #expect(world.service.desired == 3)
    }

    @Test("without an API token the sweep drops no announced job: perhaps no agent can start")
    func keepsWithoutToken() async throws {
        let world = try World()
        let now = world.time.clock()
        _ = try await world.store.change { [plan = try job("run-1/plan")] ledger, limits in
            ledger.jobs[plan] = .init(at: now)
            ledger.uphold(limits, at: now)
        }
        world.time.advance(.seconds(90_000))
        #expect(!(await world.endpoint.sweep()).hasFailed)
        #expect(try await world.ledger().jobs.count == 1)
    }

    /// Three applies of 40 minutes where one agent may run: the third waits for more than an hour.
    @Test(
        "a job that waits in the queue of a busy pool is dropped by nobody, however long it waits"
    )
    func queueIsKept() async throws {
        let world = try World(maxCount: 1)
        let jobs = try ["run-1/apply", "run-2/apply", "run-3/apply"].map(job)
        let start = world.time.clock()
        _ = try await world.store.change { ledger, limits in
            for job in jobs {
                ledger.jobs[job] = .init(at: start)
                ledger.uphold(limits, at: start)
            }
        }
        for (number, job) in jobs.enumerated() {
            let task = TaskID("t\(number)")
            let received = world.time.clock()
            _ = try await world.store.change { ledger, limits in
                ledger.report(task, job, at: received, limits)
            }
            for _ in 0..<40 {
                world.time.advance(.seconds(60))
                _ = await world.endpoint.sweep()
            }
            let ended = world.time.clock()
            _ = try await world.store.change { ledger, limits in
                ledger.depart(task, at: ended, limits)
            }
            // The next agent boots meanwhile, and nobody is busy.
            world.time.advance(.seconds(120))
            _ = await world.endpoint.sweep()
            #expect(try await world.ledger().jobs.count == jobs.count - number - 1)
        }
    }

    @Test(
        "with an API token HCP Terraform decides whether such a job is over, and away it drops none",
        arguments: [(true, 0), (false, 1), (nil, 1)] as [(Bool?, Int)]
    )
    func agesWithToken(_ isOver: Bool?, _ left: Int) async throws {
        struct Away: Error {}
        let world = try World()
        let now = world.time.clock()
        _ = try await world.store.change { [plan = try job("run-1/plan")] ledger, limits in
            ledger.jobs[plan] = .init(at: now)
            ledger.uphold(limits, at: now)
        }
        let sweeper = Sweeper(
            store: world.store,
            service: world.service,
            announcer: world.announcer,
            isOver: { _ in
                guard let isOver else { throw Away() }
                return isOver
            },
            clock: world.time.clock
        )
        world.time.advance(.seconds(3_601))
        _ = await sweeper.sweep()
        #expect(try await world.ledger().jobs.count == left)
    }

    @Test(
        "the sweep takes back reservations and exposures of tasks that are gone, and asks ECS only then"
    )
    func tidiesTheDead() async throws {
        let world = try World()
        let now = world.time.clock()
        world.service.list([TaskID("b")])
        _ = try await world.store.change { ledger, limits in
            ledger.size = 2
            for task in ["a", "b"] {
                ledger.leaving[TaskID(task)] = .init(since: now, kind: .stray)
                ledger.expose(TaskID(task), at: now, limits)
            }
        }
        _ = await world.endpoint.sweep()
        #expect(world.service.lists == 0)
        world.time.advance(.seconds(601))
        _ = await world.endpoint.sweep()
        #expect(world.service.lists == 1)
        let ledger = try await world.ledger()
        #expect(ledger.leaving.keys.map(\.text) == ["b"])
        #expect(ledger.exposed.keys.map(\.text) == ["b"])
    }

    @Test("a ledger that no task has written lowers nothing, whoever owns the service")
    func firstLedger() async throws {
        let service = FakeService()
        let limits = try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0))
        let time = FakeTime()
        let store = InMemoryLedgerStore(Ledger(), limits, desired: nil)
        let sweeper = Sweeper(
            store: store,
            service: service,
            announcer: Announcer(
                store: store,
                service: service,
                clock: time.clock,
                retry: time.retry
            ),
            clock: time.clock
        )
        for desired in [6, 9, 3] {
            _ = try await service.setDesiredCount(desired)
            #expect(await sweeper.sweep().repair == .still(.notAdopted))
            #expect(service.desired == desired)
        }
    }

    @Test("a service that is being deleted is not grown again")
    func serviceEnds() async throws {
        let world = try World()
        _ = await world.call("pre_plan")
        _ = try await world.service.setDesiredCount(0)
        world.service.end()
        let outcome = await world.endpoint.sweep()
        #expect(outcome.repair == .still(.serviceEnds) && !outcome.hasFailed)
        #expect(await world.call("pre_plan", run: "run-2").status == 200)
        #expect(world.service.desired == 0)
    }

    @Test("a service that cannot be reached is said, and the runs are looked at all the same")
    func serviceDown() async throws {
        let api = FakeAPI { _ in page([]) }
        let world = try World(search: search(api))
        world.service.fail(.unchanged(cause: "throttled"))
        _ = try await world.store.change { ledger, _ in ledger.size = 2 }
        let outcome = await world.endpoint.sweep()
        #expect(outcome.hasFailed)
        #expect(outcome.search == .made(runs: 0, announced: [], missing: nil))
        #expect(try await world.ledger().size == 2)
    }

    @Test("an HCP Terraform that refuses the token does not keep the projection from repair")
    func unauthorized() async throws {
        let api = FakeAPI { _ in HTTPResponse(401, "") }
        let world = try World(search: search(api))
        _ = try await world.store.change { ledger, _ in ledger.size = 2 }
        let outcome = await world.endpoint.sweep()
        #expect(outcome.repair == .repaired(from: 0, to: 2))
        #expect(outcome.search == .failed("HCP Terraform refuses TFE_TOKEN (status 401)"))
    }

    @Test("sweeps that overlap are one")
    func overlap() async throws {
        let world = try World()
        _ = try await world.store.change { ledger, _ in ledger.size = 1 }
        world.service.close()
        let endpoint = world.endpoint
        async let first = endpoint.sweep()
        await world.service.arrival()
        async let second = endpoint.sweep()
        world.service.open()
        _ = await (first, second)
        #expect(world.service.written == [1])
    }
}

@Suite("Run search")
struct RunSearchTests {
    @Test("every page is read")
    func pages() async throws {
        let api = FakeAPI { url in
            let number = url.hasSuffix("=1") ? 1 : url.hasSuffix("=2") ? 2 : 3
            return page([("run-\(number)", "plan_queued")], next: number < 3 ? number + 1 : nil)
        }
        let findings = await search(api).search()
        #expect(findings.runs.map(\.id) == ["run-1", "run-2", "run-3"])
        #expect(findings.missing == nil)
    }

    @Test("at most 30 requests a minute; the next search goes on where this one stopped")
    func budget() async throws {
        let api = FakeAPI { url in
            let number = Int(url.split(separator: "=").last ?? "") ?? 0
            return page([("run-\(number)", "plan_queued")], next: number < 40 ? number + 1 : nil)
        }
        let clock = FakeClock()
        let search = search(api, clock)
        let first = await search.search()
        #expect(first.runs.count == 30)
        #expect(first.missing != nil && first.failure == nil)
        #expect(await search.search().runs.isEmpty)
        #expect(api.urls.count == 30)
        clock.advance(.seconds(61))
        let second = await search.search()
        #expect(second.runs.map(\.id) == (31...40).map { "run-\($0)" })
        #expect(second.missing == nil)
    }

    @Test("after a 429 nothing is asked until the time of x-ratelimit-reset has passed")
    func throttled() async throws {
        let api = FakeAPI { _ in HTTPResponse(429, "", [("X-RateLimit-Reset", "12.5")]) }
        let clock = FakeClock()
        let search = search(api, clock)
        #expect(await search.search().failure == .throttled(.milliseconds(12_500)))
        clock.advance(.seconds(12))
        #expect(await search.search().missing?.contains("30 requests") == true)
        #expect(api.urls.count == 1)
        clock.advance(.seconds(1))
        _ = await search.search()
        #expect(api.urls.count == 2)
    }

    @Test("a 429 in the middle of the list leaves its page for the next search")
    func throttledLater() async throws {
        let clock = FakeClock()
        let isOver = Mutex(false)
        let api = FakeAPI { url in
            if url.hasSuffix("=1") { return page([("run-1", "plan_queued")], next: 2) }
            return isOver.withLock { $0 }
                ? page([("run-2", "plan_queued")])
                : HTTPResponse(429, "", [("x-ratelimit-reset", "3")])
        }
        let search = search(api, clock)
        let first = await search.search()
        #expect(first.runs.map(\.id) == ["run-1"])
        #expect(first.failure == .throttled(.seconds(3)))
        isOver.withLock { $0 = true }
        clock.advance(.seconds(4))
        #expect(await search.search().runs.map(\.id) == ["run-2"])
    }

    @Test(
        "whatever x-ratelimit-reset says, the wait is between a second and five minutes",
        arguments: ["0.0", "", "x", "-5", "nan", "inf", "1e300"]
    )
    func oddReset(_ text: String) async throws {
        let api = FakeAPI { _ in HTTPResponse(429, "", [("x-ratelimit-reset", text)]) }
        guard case .throttled(let wait) = await search(api).search().failure else {
            Issue.record("not throttled")
            return
        }
        #expect((.seconds(1)...Duration.seconds(300)).contains(wait))
    }

    @Test(
        "an answer that is no list of runs is a failure with a name",
        arguments: ["", "[]", "{}", #"{"data":7}"#, #"{"data":[{"id":7}]}"#]
    )
    func malformed(_ text: String) async throws {
        let api = FakeAPI { _ in HTTPResponse(200, text) }
        #expect(await search(api).search().failure == .malformedAnswer)
    }

    @Test("where the names of operations are refused, the list is asked for without them")
    func operations() async throws {
        for status in [400, 422] {
            let api = FakeAPI { url in
                url.contains("action_only")
                    ? HTTPResponse(status, "") : page([("run-1", "plan_queued")])
            }
            let search = search(api)
            for _ in 0..<2 {
                let findings = await search.search()
                #expect(findings.runs.map(\.id) == ["run-1"] && findings.failure == nil)
            }
            #expect(api.urls.count == 3)
        }
    }

    @Test("a list that names an earlier page as the next one ends")
    func circle() async throws {
        let api = FakeAPI { _ in page([("run-1", "pending")], next: 1) }
        #expect(await search(api).search().runs.count == 1)
        #expect(api.urls.count == 1)
    }
}
