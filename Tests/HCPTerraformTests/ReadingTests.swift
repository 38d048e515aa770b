import Curl
import Decisions
import HCPTerraform
import Synchronization
import Testing

/// Answers each request with the next of the responses it was given.
private actor Script: HTTPClient {
    private var responses: [HTTPResponse]
    private(set) var urls: [String] = []
    private(set) var authorizations: Set<String> = []

    init(_ responses: HTTPResponse...) { self.responses = responses }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        urls.append(request.url)
        for (name, value) in request.headers where name == "Authorization" {
            authorizations.insert(value)
        }
        guard !responses.isEmpty else {
            throw HTTPFailure(.couldNotConnect, mayHaveTakenEffect: false)
        }
        return responses.removeFirst()
    }

    static func json(
        _ text: String,
        status: Int = 200,
        headers: HTTPHeaders = []
    ) -> HTTPResponse {
        HTTPResponse(status: status, headers: headers, body: Array(text.utf8))
    }

    /// As the agents API documents it.
    static func agent(_ status: String) -> HTTPResponse {
        json(
            #"{"data":{"id":"agent-1","type":"agents","attributes":{"name":null,"#
                + #""status":"\#(status)","ip-address":"10.0.0.1","#
                + #""last-ping-at":"2026-11-23T20:31:53Z"},"#
                + #""links":{"self":"/api/v2/agents/agent-1"}}}"#
        )
    }

    static func run(_ status: String) -> HTTPResponse {
        json(#"{"data":{"id":"run-1","type":"runs","attributes":{"status":"\#(status)"}}}"#)
    }
}

private func api(_ http: Script) -> TerraformAPI {
    TerraformAPI(http, address: "https://tfe.example", token: "the token")
}

@Suite("Reading HCP Terraform's API")
struct ReadingTests {
    @Test("the token is read for each call, and hears that it was refused")
    func tokenSource() async throws {
        let http = Script(Script.agent("idle"), Script.json("{}", status: 401))
        let refused = Mutex<[String]>([])
        let tokens = Mutex(["second", "first"])
        let source = TokenSource(
            current: { try #require(tokens.withLock { $0.popLast() }) },
            wasRefused: { token in refused.withLock { $0.append(token) } }
        )
        let agents = AgentsAPI(TerraformAPI(http, address: "https://tfe.example", token: source))
        #expect(try await agents.status(of: "agent-1") == .idle)
        #expect(refused.withLock { $0 } == [])
        await #expect(throws: TerraformFailure.unauthorized) {
            try await agents.status(of: "agent-1")
        }
        #expect(refused.withLock { $0 } == ["second"])
        #expect(await http.authorizations == ["Bearer first", "Bearer second"])
    }

    @Test("without a token nothing is sent, and the cause is said")
    func noToken() async {
        struct Away: Error, CustomStringConvertible { let description = "SSM is away" }
        let http = Script()
        let source = TokenSource(current: { throw Away() }, wasRefused: { _ in })
        let agents = AgentsAPI(TerraformAPI(http, address: "https://tfe.example", token: source))
        await #expect(throws: TerraformFailure.noToken(cause: "SSM is away")) {
            try await agents.status(of: "agent-1")
        }
        #expect(await http.urls == [])
    }

    @Test(
        "each documented status of an agent is read",
        arguments: ["idle", "busy", "unknown", "errored", "exited"]
    )
    func statuses(_ status: String) async throws {
        let http = Script(Script.agent(status))
        let found = try await AgentsAPI(api(http)).status(of: "agent-1")
        #expect(found.rawValue == status)
        #expect(await http.urls == ["https://tfe.example/api/v2/agents/agent-1"])
        #expect(await http.authorizations == ["Bearer the token"])
    }

    @Test("a status that nobody knows, and an answer that is none, are malformed")
    func malformed() async {
        for answer in [Script.agent("dreaming"), Script.json("[]"), Script.json("")] {
            let http = Script(answer)
            await #expect(throws: TerraformFailure.malformedAnswer) {
                try await AgentsAPI(api(http)).status(of: "agent-1")
            }
        }
    }

    @Test("429 says how long to wait, by x-ratelimit-reset")
    func throttled() async {
        let http = Script(
            Script.json("{}", status: 429, headers: [("X-RateLimit-Reset", "12.5")])
        )
        await #expect(throws: TerraformFailure.throttled(.seconds(12.5))) {
            try await AgentsAPI(api(http)).status(of: "agent-1")
        }
    }

    @Test("an id cannot leave its place in the path")
    func encoded() async throws {
        let http = Script(Script.agent("idle"))
        _ = try await AgentsAPI(api(http)).status(of: "../runs?a=b")
        #expect(await http.urls == ["https://tfe.example/api/v2/agents/..%2Fruns%3Fa%3Db"])
    }

    @Test(
        "a run says whether its jobs can still come to an agent",
        arguments: [
            ("plan", "pending", true), ("plan", "pre_plan_running", true),
            ("plan", "plan_queued", true), ("plan", "planning", true), ("plan", "planned", false),
            ("plan", "apply_queued", false), ("plan", "errored", false),
            ("plan", "canceled", false), ("plan", "a_new_one", nil),
            ("apply", "planned", true), ("apply", "confirmed", true),
            ("apply", "apply_queued", true), ("apply", "applying", true),
            ("apply", "applied", false), ("apply", "discarded", false),
            ("apply", "planned_and_finished", false), ("policy", "planning", nil),
            ("policy", "post_plan_running", nil), ("policy", "post_plan_completed", false),
            ("policy", "apply_queued", false),
            ("policy", "errored", false), ("plan", "policy_soft_failed", false),
            ("apply", "policy_soft_failed", false), ("apply", "force_canceled", false),
        ] as [(String, String, Bool?)]
    )
    func needs(type: String, status: String, expected: Bool?) async throws {
        let http = Script(Script.run(status))
        let run = try await RunsAPI(api(http)).run("run-1")
        let job = try #require(Job(id: "run-1", type: type))
        #expect(run.needsAgent(for: job) == expected)
        #expect(
            await http.urls == ["https://tfe.example/api/v2/runs/run-1?include=plan%2Capply"]
        )
    }

    private static let task = String(repeating: "a1", count: 16)

    @Test(
        "a job that somebody else has needs no agent here; who does not say so has it not",
        arguments: [
            (#"{"mode":"remote"}"#, true), (#"{"mode":"local"}"#, true),
            (#"{"mode":"agent"}"#, false), ("null", false), ("7", false), (#"{"mode":7}"#, false),
            (#"{"mode":"agent","agent-pool-id":"apool-1"}"#, false),
            (#"{"mode":"agent","agent-pool-id":"apool-2"}"#, true),
            (#"{"mode":"agent","agent-name":"ours-\#(task)"}"#, false),
            (#"{"mode":"agent","agent-name":"ours-apply-\#(task)"}"#, true),
            (#"{"mode":"agent","agent-name":"ours-apply-\#(task)-12"}"#, true),
            (#"{"mode":"agent","agent-name":"ours-apply-\#(task)-x"}"#, false),
            (#"{"mode":"agent","agent-name":"ours-apply"}"#, false),
            (#"{"mode":"agent","agent-name":"a name of one's own"}"#, false),
        ]
    )
    func executors(_ details: String, _ isOver: Bool) async throws {
        let http = Script(
            Script.json(
                #"{"data":{"attributes":{"status":"planning"}},"included":[{"type":"plans","#
                    + #""attributes":{"execution-details":\#(details)}},{"type":"users"},7]}"#
            )
        )
        let job = try #require(Job(id: "run-1", type: "plan"))
        let ours = Executor.Place(agentPoolID: "apool-1", otherServices: ["ours-apply"])
        #expect(try await RunsAPI(api(http)).isOver(job, aged: false, ours: ours) == isOver)
    }
}
