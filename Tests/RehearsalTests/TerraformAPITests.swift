import Curl
import Model
import Rules
import Seeded
import Testing

@testable import Rehearsal

@Suite("HCP Terraform's API")
struct TerraformAPITests {
    /// Nobody is called: the run task of a created run fails, which changes no answer here.
    private struct Unreachable: HTTPClient {
        func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
            throw HTTPFailure(.couldNotConnect, mayHaveTakenEffect: false)
        }
    }

    private func stage() -> TerraformStandIn {
        let time = Timebase()
        return TerraformStandIn(
            .init(
                poolID: "apool-1",
                agentToken: "agent-token",
                apiToken: "api-token",
                hmacKey: "key",
                approvalSeconds: 1
            ),
            client: Unreachable(),
            time: time,
            journal: PlayJournal(
                time: time,
                paint: Paint(isOn: false),
                directory: "/tmp",
                book: RuleBook()
            ),
            agents: AgentProcesses(rehearsal: "rehearsal"),
            random: SeededRandom(seed: 1)
        )
    }

    private func get(_ path: String, token: String = "api-token") -> WebRequest {
        WebRequest("GET", "/api/v2/" + path, headers: ["authorization": "Bearer \(token)"])
    }

    @Test("a run is shown with its status, an unknown one is 404")
    func run() async {
        let terraform = stage()
        let life = RunLife(id: "run-1", outcome: .applied, plan: 1_000, apply: 1_000)
        await terraform.create(RehearsedRun(life, workspace: "w"))
        let answer = await terraform.answer(get("runs/run-1"))
        #expect(answer.json?["data"]?["attributes"]?["status"] == "pre_plan_running")
        #expect(await terraform.answer(get("runs/run-2")).status == 404)
        let workspace = await terraform.answer(get("organizations/rehearsal/workspaces/w")).json
        let pool = workspace?["data"]?["relationships"]?["agent-pool"]?["data"]?["id"]
        #expect(pool == "apool-1")
    }

    @Test("an agent is shown idle, then unknown, then errored, as its pings stop")
    func agent() async {
        let terraform = stage()
        let id = await terraform.register(name: "agents-t", task: "t", pid: 1)
        func status() async -> JSON? {
            await terraform.answer(get("agents/\(id)")).json?["data"]?["attributes"]?["status"]
        }
        #expect(await status() == "idle")
        let unknown = TerraformStandIn.patience.unknown + 1_000
        await terraform.expire(at: unknown)
        #expect(await status() == "unknown")
        await terraform.expire(at: unknown + TerraformStandIn.patience.errored)
        #expect(await status() == "errored")
    }

    @Test("another token is refused, and too many requests are 429")
    func refusals() async {
        let terraform = stage()
        #expect(await terraform.answer(get("runs/run-1", token: "agent-token")).status == 401)
        var statuses: Set<Int> = []
        for _ in 0...(4 * TokenBucket.terraformAPI.burst) {
            statuses.insert(await terraform.answer(get("runs/run-1")).status)
        }
        #expect(statuses == [404, 429])
    }
}
