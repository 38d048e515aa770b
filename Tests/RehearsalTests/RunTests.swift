import enum Decisions.ServerStatus
import Testing

@testable import Rehearsal

@Suite("Runs, agents and run tasks")
struct RunTests {
    private func run(_ script: RunScript = .applies) -> Run {
        Run(id: "run-1", workspace: "w", script: script, planSeconds: 1, applySeconds: 2)
    }

    private func play(_ inputs: [Run.Input], _ script: RunScript = .applies) -> Run {
        var run = run(script)
        for (at, input) in inputs.enumerated() { _ = run.handle(input, at: at) }
        return run
    }

    private let toPlanned: [Run.Input] = [
        .created, .stageDone(.prePlan), .dispatched(.plan), .jobDone(.plan, .finished),
        .stageDone(.postPlan),
    ]

    @Test("a run passes the documented phases in order")
    func phases() {
        let run = play(
            toPlanned + [
                .confirmed, .stageDone(.preApply), .dispatched(.apply),
                .jobDone(.apply, .finished), .stageDone(.postApply),
            ]
        )
        #expect(
            run.history.map(\.phase) == [
                .prePlanRunning, .planQueued, .planning, .postPlanRunning, .planned,
                .preApplyRunning, .applyQueued, .applying, .postApplyRunning, .applied,
            ]
        )
    }

    @Test("the pre-plan and pre-apply tasks come before their jobs")
    func effects() {
        var run = run()
        #expect(run.handle(.created, at: 0) == [.callRunTask(.prePlan)])
        #expect(
            run.handle(.stageDone(.prePlan), at: 1)
                == [.enqueue(Job(run: "run-1", kind: .plan, seconds: 1))]
        )
        #expect(run.handle(.stageDone(.prePlan), at: 2) == [])
    }

    @Test(
        "each script has its end",
        arguments: [
            (RunScript.planOnly, RunPhase.plannedAndFinished), (.discarded, .discarded),
            (.planFails, .errored),
        ]
    )
    func scripts(script: RunScript, end: RunPhase) {
        #expect(play(toPlanned + [.confirmed], script).phase == end)
    }

    @Test("a run whose agent is gone is errored")
    func lost() {
        let run = play(
            [.created, .stageDone(.prePlan), .dispatched(.plan), .agentLost(.plan)])
        #expect(run.phase == .errored)
        #expect(!run.note.hasPrefix(Run.asScripted))
    }

    @Test("the longest waiting job goes to the agent that asks")
    func dispatch() {
        var pool = AgentPool()
        let jobs = (1...2).map { Job(run: "run-\($0)", kind: .plan, seconds: 1) }
        for job in jobs { pool.enqueue(job) }
        pool.register("a", name: "", task: "t", pid: 1, at: 0)
        #expect(pool.poll("a", at: 1) == .job(jobs[0]))
        #expect(pool.agents["a"]?.status == .busy)
        #expect(pool.finish("a", job: "run-2/plan", at: 2) == nil)
        #expect(pool.finish("a", job: "run-1/plan", at: 5) == jobs[0])
        #expect(pool.agents["a"]?.busyMilliseconds == 4)
        #expect(pool.deregister("a", at: 6) == [.status("a", .exited)])
        #expect(pool.poll("a", at: 7) == .gone)
        #expect(pool.queue == [jobs[1]])
    }

    @Test("a silent agent becomes unknown, then errored, and loses its job")
    func silence() {
        var pool = AgentPool()
        let job = Job(run: "run-1", kind: .apply, seconds: 1)
        pool.enqueue(job)
        pool.register("a", name: "", task: "t", pid: 1, at: 0)
        _ = pool.poll("a", at: 0)
        let unknown = AgentPool.unknownAfter + 1
        #expect(pool.expire(at: unknown) == [.status("a", .unknown)])
        #expect(
            pool.expire(at: unknown + AgentPool.erroredAfter)
                == [.status("a", .errored), .lost("a", job)]
        )
        #expect(pool.report("a", at: unknown).known == false)
    }

    @Test("a run task's signature is the HMAC-SHA512 that Python's hmac computes")
    func signature() {
        let headers = RunTask.headers(for: Array(#"{"payload_version":1}"#.utf8), key: "the key")
        #expect(
            headers.first { $0.name == "X-TFC-Task-Signature" }?.value
                == "9d9a878d8b370cc56070f00d38d12d1bd0691845719e428e7229cb4ee8c597fd"
                + "38b659685342d6f156095794e349a20402412331fe59d6c2e3c5c947a2815858"
        )
    }

    @Test("a callback needs the request's token, a known status and a task that is not final")
    func callback() {
        var task = RunTask(
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

    @Test("HCP Terraform answers 30 requests a second, then 429 until the second is over")
    func rateLimit() {
        var limit = RateLimit()
        let answers = (0..<RateLimit.perSecond).map { limit.take(at: 5_000 + $0) }
        #expect(answers.allSatisfy { $0 == nil })
        let refusal = limit.take(at: 5_400)
        #expect(refusal?.status == 429)
        #expect(refusal?.headers["x-ratelimit-reset"] == "0.6")
        #expect(limit.take(at: 6_000) == nil)
    }

    @Test("applies are counted by where they ran, and whether their planner was still there")
    func planners() {
        var pool = AgentPool()
        for name in ["a", "b"] { pool.register(name, name: "", task: name, pid: 1, at: 0) }
        func work(_ id: String, _ kind: Job.Kind, on agent: String, at now: Milliseconds) {
            pool.enqueue(Job(run: id, kind: kind, seconds: 1))
            #expect(pool.poll(agent, at: now) != .nothing)
            #expect(pool.finish(agent, job: "\(id)/\(kind.rawValue)", at: now) != nil)
        }
        func run(_ id: String, appliedAt: Milliseconds) -> Run {
            var run = Run(id: id, workspace: "w", script: .applies, planSeconds: 1, applySeconds: 1)
            for input in toPlanned + [.confirmed, .stageDone(.preApply), .dispatched(.apply)] {
                _ = run.handle(input, at: appliedAt)
            }
            return run
        }
        for id in ["same", "other", "gone"] { work(id, .plan, on: "a", at: 1) }
        work("same", .apply, on: "a", at: 2)
        work("other", .apply, on: "b", at: 2)
        _ = pool.deregister("a", at: 3)
        work("gone", .apply, on: "b", at: 4)
        let counts = Planners(
            runs: [
                run("same", appliedAt: 2), run("other", appliedAt: 2), run("gone", appliedAt: 4),
            ],
            agents: Array(pool.agents.values)
        )
        #expect(counts.same == 1)
        #expect(counts.otherWhileThere == 1)
        #expect(counts.gone == 1)
    }
}
