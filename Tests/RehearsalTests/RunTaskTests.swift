import Decisions
import Model
import Testing

@testable import Rehearsal

@Suite("Run tasks, and where applies ran")
struct RunTaskTests {
    @Test("a run task's signature is the HMAC-SHA512 that Python's hmac computes")
    func signature() {
        let headers = RunTaskMessage.headers(
            for: Array(#"{"payload_version":1}"#.utf8),
            key: "the key"
        )
        #expect(
            headers.first { $0.name == "X-TFC-Task-Signature" }?.value
                == "9d9a878d8b370cc56070f00d38d12d1bd0691845719e428e7229cb4ee8c597fd"
                + "38b659685342d6f156095794e349a20402412331fe59d6c2e3c5c947a2815858"
        )
    }

    @Test("a callback needs the request's token, a known status and a task that is not final")
    func callback() {
        var task = RunTaskMessage(
            run: "r",
            stage: .prePlan,
            resultID: "taskrs-1",
            accessToken: "t",
            guid: "g"
        )
        func patch(_ token: String, _ status: String) -> Int {
            let body =
                #"{"data":{"type":"task-results","attributes":{"status":"\#(status)","message":"m"}}}"#
            return task.callback(
                WebRequest(
                    "PATCH",
                    "/",
                    headers: ["authorization": "Bearer \(token)"],
                    body: Array(body.utf8)
                )
            ).status
        }
        #expect(patch("x", "passed") == 401)
        #expect(patch("t", "done") == 422)
        #expect(patch("t", "running") == 200)
        #expect(patch("t", "passed") == 200)
        #expect(patch("t", "passed") == 409)
    }

    @Test("applies are counted by where they ran, and whether their planner was still there")
    func planners() throws {
        var agents = ["a", "b"].enumerated().map { number, name in
            RegisteredAgent(
                id: name,
                name: "",
                task: TaskID(name),
                number: number,
                registeredAt: 0
            )
        }
        func work(_ run: String, _ type: String, on agent: Int, at now: Int) throws {
            agents[agent].begins(try #require(Job(id: run, type: type)), at: now)
            agents[agent].ends(at: now + 1)
        }
        func run(_ id: String, appliedAt: Int) -> RehearsedRun {
            let life = RunLife(id: id, outcome: .applied, plan: 1, apply: 1)
            var run = RehearsedRun(life, workspace: "w")
            let inputs: [RunLife.Input] = [
                .created, .taskEnded(.prePlan), .received(.plan), .jobEnded(.plan, .finished),
                .taskEnded(.postPlan), .decided, .taskEnded(.preApply), .received(.apply),
            ]
            for input in inputs { _ = run.handle(input, at: appliedAt) }
            return run
        }
        for id in ["same", "other", "gone"] { try work(id, "plan", on: 0, at: 1) }
        try work("same", "apply", on: 0, at: 2)
        try work("other", "apply", on: 1, at: 2)
        agents[0].endedAt = 3
        try work("gone", "apply", on: 1, at: 4)
        let counts = Planners(
            runs: [
                run("same", appliedAt: 2), run("other", appliedAt: 2), run("gone", appliedAt: 4),
            ],
            agents: agents
        )
        #expect(counts.same == 1)
        #expect(counts.otherWhileThere == 1)
        #expect(counts.gone == 1)
        #expect(agents[0].busyTime(until: 9) == 4)
    }
}
