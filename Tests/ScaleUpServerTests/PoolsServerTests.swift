import Curl
import Decisions
import Peers
import Testing

@Suite("scale-up-server with three pools, against moto")
struct PoolsServerTests {
    private static let pools = """
        [{"name":"spot","ecs_service":"pools-spot",
          "when":{"stages":["pre_plan"],"workspaces":["net*"]}},
         {"name":"steady","ecs_service":"pools-steady","max_count":3,
          "when":{"stages":["pre_apply"],"workspaces":["net*"]}},
         {"name":"others","ecs_service":"pools-others","default":true}]
        """

    private func jobs(_ stage: ServerStage) async throws -> [[String]] {
        var jobs: [[String]] = []
        for service in ["pools-spot", "pools-steady", "pools-others"] {
            jobs.append(try await stage.ledger(of: service).jobs.keys.map(\.key).sorted())
        }
        return jobs
    }

    @Test("plan, apply and the rest each start an agent of their own service")
    func threePools() async throws {
        let names = ["pools-spot", "pools-steady", "pools-others"]
        let stage = try await ServerStage(
            service: names[0],
            others: Array(names.dropFirst()),
            ["POOLS": Self.pools, "ECS_SERVICE": ""]
        )
        #expect(try await stage.post(stage.payload("run-1")).status == 200)
        #expect(try await stage.post(stage.payload("run-2", workspace: "app")).status == 200)
        #expect(try await jobs(stage) == [["run-1/plan"], [], ["run-2/plan"]])
        #expect(try await stage.post(stage.payload("run-1", stage: "pre_apply")).status == 200)
        #expect(try await jobs(stage) == [[], ["run-1/apply"], ["run-2/plan"]])
        #expect(
            try await stage.post(stage.payload("run-3"), path: "/x/pools/steady?y").status == 200
        )
        #expect(try await jobs(stage)[1] == ["run-1/apply", "run-3/plan"])
        #expect(
            try await stage.post(stage.payload("run-4"), path: "/pools/%2e%2e/none").status == 200
        )
        #expect(try await stage.post(stage.payload("run-5"), path: "/pools/no.ne").status == 200)
        #expect(try await jobs(stage).joined().allSatisfy { !$0.hasPrefix("run-5") })
        for service in names { #expect(try await stage.desiredCount(of: service) >= 1) }

        let canceled =
            #"{"payload_version":1,"run_id":"run-1","workspace_name":"network","#
            + #""notifications":[{"trigger":"run:errored","run_status":"canceled"}]}"#
        let header = "X-TFE-Notification-Signature"
        #expect(try await stage.post(Array(canceled.utf8), header: header).status == 200)
        #expect(try await jobs(stage)[1] == ["run-3/plan"])

        // The first sweep comes within ten seconds.
        for service in names {
            try await stage.change(of: service) { ledger, _ in ledger.size += 1 }
        }
        try await stage.until("every pool is swept") {
            try await stage.get("/pools").text == "spot: ok\nsteady: ok\nothers: ok\n"
        }
        for service in names {
            let size = try await stage.ledger(of: service).size
            #expect(try await stage.desiredCount(of: service) == size)
        }
    }

    @Test("who is not allowed gets 403, whoever he says that he is")
    func allowed() async throws {
        let stage = try await ServerStage(
            service: "allowed",
            ["ALLOWED_ADDRESSES": "192.0.2.0/24", "TRUSTED_PROXIES": "127.0.0.0/8,::1"]
        )
        let body = stage.payload("run-1")
        func status(_ forwarded: String...) async throws -> Int {
            let headers = forwarded.map { (name: "X-Forwarded-For", value: $0) }
            return try await stage.post(body, headers).status
        }
        #expect(try await status() == 403)
        #expect(try await status("203.0.113.9") == 403)
        #expect(try await status("192.0.2.1, 203.0.113.9") == 403)
        #expect(try await stage.ledger().jobs.isEmpty)
        #expect(try await status("203.0.113.9", "192.0.2.1") == 200)
        #expect(try await stage.ledger().jobs.count == 1)
        #expect(try await stage.get("/healthz").status == 200)
        #expect(try await stage.get("/pools").status == 403)
        #expect(stage.logged.contains("Calls are not taken from this address."))
    }
}

extension HTTPResponse {
    fileprivate var text: String { String(decoding: body, as: UTF8.self) }
}
