import Decisions
import Testing

@testable import Sidecar

private let time = "2026-11-23T20:31:53.123Z"

private func job(_ key: String) -> Job {
    guard let job = Job(key: key) else { preconditionFailure("no job key: \(key)") }
    return job
}

@Suite("Agent log")
struct AgentLogTests {
    @Test(
        "the agent's text lines are understood, old attribute names included",
        arguments: [
            ("\(time) [INFO]  core: Waiting for next job", AgentEvent.waiting),
            (
                "\(time) [INFO]  core: Job received: job_type=plan job_id=run-abc",
                .received(job("run-abc/plan"))
            ),
            (
                "\(time) [INFO]  core: Job received: job.type=apply job.id=run-abc",
                .received(job("run-abc/apply"))
            ),
            (
                "\(time) [INFO]  core: Agent registered successfully with HCP Terraform: "
                    + "agent_id=agent-1 agent_pool_id=apool-1",
                .registered(id: "agent-1")
            ),
            (
                "\(time) [INFO]  core: Agent registered successfully with Terraform Cloud: "
                    + "agent.id=agent-1 agent.pool.id=apool-1",
                .registered(id: "agent-1")
            ),
        ]
    )
    func text(_ line: String, _ event: AgentEvent) { #expect(AgentLog.event(line) == event) }

    @Test(
        "the agent's JSON lines are understood, whatever other fields they have",
        arguments: [
            (
                #"{"@level":"info","@message":"Waiting for next job","@module":"core","n":1}"#,
                AgentEvent.waiting
            ),
            (
                #"{"@message":"Job received","@module":"core","job_id":"run-1","job_type":"plan"}"#,
                .received(job("run-1/plan"))
            ),
            (
                #"{"@message":"Agent registered successfully with HCP Terraform","#
                    + #""@module":"core","agent_id":"agent-1","x":null,"y":{"z":[1]}}"#,
                .registered(id: "agent-1")
            ),
        ]
    )
    func json(_ line: String, _ event: AgentEvent) { #expect(AgentLog.event(line) == event) }

    @Test(
        "a line of another logger says nothing, even with the agent's words in it",
        arguments: [
            "\(time) [INFO]  terraform: Waiting for next job",
            #"{"@message":"Waiting for next job","@module":"terraform"}"#,
        ]
    )
    func otherLogger(_ line: String) { #expect(AgentLog.event(line) == nil) }

    @Test(
        "a line that only resembles a status line is unreadable, never idle",
        arguments: [
            "Waiting for next job",
            "module.x: core: Waiting for next job",
            "[INFO]  core: Waiting for next job",
            "\(time) [INFO]  core: Waiting for next job or not",
            "\(time) [INFO]  core: Job received: job_type=plan",
            "\(time) [INFO]  core: Job received: job_type=plan job_id=a/b",
            #"{"@message":"Waiting for next job"}"#,
            #"{"@message":"Job received","@module":"core","job_id":7,"job_type":"plan"}"#,
            #"{"@message":"Waiting for next job","@module":"core""#,
        ]
    )
    func unreadable(_ line: String) { #expect(AgentLog.event(line) == .unreadable) }

    @Test("a line that the JSON decoder would trap on is unreadable, and unreadable is busy")
    func trap() {
        let line = #"{"m":"Waiting for next job","a":"# + String(repeating: "[", count: 512)
        #expect(AgentLog.event(line) == .unreadable)
    }
}
