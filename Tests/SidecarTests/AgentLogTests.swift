import AgentLink
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
    private static let texts: [(String, AgentEvent)] = [
        ("\(time) [INFO]  core: Waiting for next job", .waiting),
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
        (
            "\(time) [INFO]  core: Agent registered successfully with Terraform Cloud: "
                + "id=agent-1 pool-id=apool-1",
            .registered(id: "agent-1")
        ),
        (
            "\(time) [INFO] core: Agent registered successfully with Terraform Cloud: "
                + "agent.name=east-dc-1",
            .registered(id: nil)
        ),
        ("2026-11-23T20:31:53Z [INFO]  core: Waiting for next job", .waiting),
        ("2026-11-23T20:31:53.123+0100 [INFO]  core: Waiting for next job", .waiting),
        ("2026-11-23T20:31:53.123-07:00 [INFO]  core: Waiting for next job", .waiting),
    ]

    @Test(
        "the agent's text lines are understood, old attribute names included",
        arguments: texts
    )
    func text(_ line: String, _ event: AgentEvent) { #expect(AgentLog.read(line) == .event(event)) }

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
    func json(_ line: String, _ event: AgentEvent) { #expect(AgentLog.read(line) == .event(event)) }

    private static let decorated: [String] = [
        "\(time) [INFO]  core: Job received: job_type=plan job_id=run-abc\r",
        "\(time) [INFO]  core: Job received: job_type=plan job_id=run-abc \r",
        "\(time) \u{1b}[32m[INFO]\u{1b}[0m  core: Job received: job_type=plan job_id=run-abc",
        "\u{1b}[34m\(time) [INFO]  core: Job received: job_type=plan job_id=run-abc\u{1b}[0m",
        "\(time) \u{1b}[1;32m[INFO]\u{1b}[m  core: Job received: \u{1b}[2mjob_type=\u{1b}[0mplan "
            + "\u{1b}[2mjob_id=\u{1b}[0mrun-abc\r",
        #"{"@message":"Job received","@module":"core","job_id":"run-abc","job_type":"plan"}"#
            + "\r",
    ]

    @Test(
        "a line ends in one character or in two, and colours are no part of it",
        arguments: decorated
    )
    func endsAndColours(_ line: String) {
        #expect(AgentLog.read(line) == .event(.received(job("run-abc/plan"))))
    }

    @Test(
        "a line of another logger says nothing, even with the agent's words in it",
        arguments: [
            "\(time) [INFO]  terraform: Waiting for next job",
            "\(time) \u{1b}[32m[INFO]\u{1b}[0m  terraform: Waiting for next job",
            #"{"@message":"Waiting for next job","@module":"terraform"}"#,
        ]
    )
    func otherLogger(_ line: String) { #expect(AgentLog.read(line) == .otherLogger) }

    @Test(
        "a line that only resembles a status line is unreadable, never idle, and says why",
        arguments: [
            ("Waiting for next job", .form),
            ("module.x: core: Waiting for next job", .form),
            ("[INFO]  core: Waiting for next job", .form),
            ("2026-11-23 20:31:53 [INFO]  core: Waiting for next job", .form),
            ("2026-11-23T20:31:53. [INFO]  core: Waiting for next job", .form),
            (#"{"@message":"Waiting for next job"}"#, .form),
            (#"{"@message":"Waiting for next job","@module":"core""#, .form),
            ("\(time) [INFO]  core: Waiting for next job or not", .message),
            ("\(time) [INFO]  core: \u{1b}[2JWaiting for next job", .message),
            ("\(time) [INFO]  \u{1b}[2Kcore: Waiting for next job", .logger),
            ("\(time) [INFO]  core: Job received: job_type=plan", .job),
            ("\(time) [INFO]  core: Job received: job_type=plan job_id=a/b", .job),
            (
                #"{"@message":"Job received","@module":"core","job_id":7,"job_type":"plan"}"#,
                .job
            ),
        ] as [(String, AgentLog.Unreadable)]
    )
    func unreadable(_ line: String, _ cause: AgentLog.Unreadable) {
        #expect(AgentLog.read(line) == .unreadable(cause))
    }

    @Test(
        "what a hook wrote before the agent's line, a time included, never makes it idle",
        arguments: [
            "post-plan: done.", "\(time) uploading ", "\(time) ", "\(time) [INFO]  hook: done",
            "  | ", "\r", "\(time) [", #"{"hook":"done"}"#, "\u{1b}[2K",
        ]
    )
    func glued(_ before: String) {
        for line in [
            "\(time) [INFO]  core: Waiting for next job",
            #"{"@message":"Waiting for next job","@module":"core"}"#,
        ] {
            #expect(AgentLog.read(line) == .event(.waiting))
            #expect(AgentLog.read(before + line) != .event(.waiting))
        }
    }

    @Test("a line that the JSON decoder would trap on is unreadable, and unreadable is busy")
    func trap() {
        let line = #"{"m":"Waiting for next job","a":"# + String(repeating: "[", count: 512)
        #expect(AgentLog.read(line) == .unreadable(.form))
    }

    @Test(
        "every line of published agent logs is understood, or taken for busy",
        arguments: PublishedAgentLog.all
    )
    func published(_ log: PublishedAgentLog) {
        var found: [AgentLog.Reading] = []
        var filter = StatusLineFilter()
        let bytes = Array((log.text + "\n").utf8)
        bytes.withUnsafeBytes { bytes in
            filter.feed(bytes) { line in
                guard case .readable(let line) = line else { return }
                found.append(AgentLog.read(line))
            }
        }
        #expect(found == log.readings)
    }
}
