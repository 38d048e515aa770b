import Testing

@testable import Rehearsal

@Suite("Log lines")
struct LogLineTests {
    @Test("a line of the sidecar shows its message and what it adds")
    func program() {
        let line = LogLine(
            program: #"{"time":"t","level":"warning","message":"kept","reason":"busy","job":"r"}"#
        )
        #expect(line.level == .warning)
        #expect(line.text == "kept (job r, reason busy)")
    }

    @Test("a line that is no JSON object is shown as a warning")
    func other() {
        #expect(LogLine(program: "Fatal error").level == .warning)
    }

    @Test(
        "both of tfc-agent's formats are read",
        arguments: [
            "2026-01-31T12:00:00.000Z [INFO]  core: Job received: job_type=plan job_id=run-1",
            #"{"@level":"info","@message":"Job received","@module":"core","@timestamp":"t","#
                + #""job_id":"run-1","job_type":"plan"}"#,
        ]
    )
    func agent(text: String) {
        let line = LogLine(agent: text)
        #expect(line?.message == "Job received")
        #expect(line?.level == .info)
        #expect(line?.value("job_id") == "run-1")
    }

    @Test("a launcher's line is not taken for the agent's")
    func launcher() {
        let text = #"{"level":"warning","program":"agent-launcher","message":"no sidecar"}"#
        #expect(LogLine(agent: text) == nil)
        #expect(LogLine(launcher: text)?.message == "no sidecar")
    }

    @Test(
        "the endpoint's port is found in its listening line",
        arguments: [
            #"{"message":"listening","port":"4711"}"#,
            #"{"message":"listening","address":"127.0.0.1:4711"}"#,
            #"{"message":"listening on 127.0.0.1:4711"}"#,
        ]
    )
    func port(text: String) {
        #expect(EndpointProcess.port(in: LogLine(program: text)) == 4711)
    }
}
