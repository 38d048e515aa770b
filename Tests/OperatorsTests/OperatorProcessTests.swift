import AWS
import Curl
import Decisions
import FoundationEssentials
import Glibc
import Operators
import Peers
import Ports
import Telemetry
import Testing

/// The built executable as a process, and moto as AWS.
@Suite("Operators' commands as processes, against moto")
struct OperatorProcessTests {
    /// What a command wrote, and how it ended.
    struct Outcome {
        let code: Int32
        let output: String
    }

    private func environment(_ service: String) async throws -> [String: String] {
        [
            "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:\(try await Moto.port)",
            "ECS_CLUSTER": "agents", "ECS_SERVICE": service, "LEDGER_TABLE": "ledger",
            "TFC_ADDRESS": "http://127.0.0.1:1",
        ]
    }

    private func command(
        _ words: [String],
        _ environment: [String: String],
        whileRunning act: (TestProcess, URL) async throws -> Void = { _, _ in }
    ) async throws -> Outcome {
        let file = URL(filePath: "/tmp/operators-\(UUID().uuidString).out")
        defer { try? FileManager.default.removeItem(at: file) }
        let process = try TestProcess(
            [TestProcess.built("agent-sidecar")] + words,
            environment: environment,
            output: .file(file.path)
        )
        try await act(process, file)
        let code = process.wait()
        return Outcome(code: code, output: try String(contentsOf: file, encoding: .utf8))
    }

    /// A service with a job that waits, in moto.
    private func stage(_ name: String) async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let aws = AWSClient(
            try AWSEnvironment(try await environment(name)),
            credentials: CredentialsProvider(
                try CredentialsSource(try await environment(name)),
                http: http
            ),
            http: http
        )
        try await Moto.createService(name, over: http)
        let store = DynamoDBLedgerStore(
            aws,
            table: "ledger",
            cluster: "agents",
            service: name,
            environment: try #require(Limits(desiredCount: 0, maxCount: 10, spareCount: 0)),
            adoption: { 0 }
        )
        let job = try #require(Job(key: "run-1/plan"))
        let now = WallTime.now()
        _ = try await store.change { ledger, limits in
            ledger.jobs[job] = Ledger.JobEntry(at: now)
            ledger.uphold(limits, at: now)
        }
    }

    @Test("status tells of the job that waits, without colours where there is no terminal")
    func status() async throws {
        try await stage("operators-status")
        let outcome = try await command(["status"], try await environment("operators-status"))
        #expect(outcome.code == 0, "\(outcome.output)")
        #expect(outcome.output.hasPrefix("agents/operators-status "))
        #expect(outcome.output.contains("size     1, and 1 wanted: 0 work, 1 wait"))
        #expect(outcome.output.contains("run-1/plan"))
        #expect(!outcome.output.contains("\u{1B}"))
    }

    @Test("options take the place of settings, and what is missing is named at once")
    func options() async throws {
        try await stage("operators-options")
        var settings = try await environment("nobody")
        settings["LEDGER_TABLE"] = nil
        let missing = try await command(["status"], settings)
        #expect(missing.code == EX_USAGE)
        #expect(missing.output.contains("LEDGER_TABLE is not set"))
        let words = ["status", "--json", "--service", "operators-options", "--table", "ledger"]
        let given = try await command(words, settings)
        #expect(given.code == 0)
        #expect(given.output.contains(#""service":"operators-options""#))
    }

    @Test("a service that is not there is told, and the exit code is 1")
    func missingService() async throws {
        let outcome = try await command(["status"], try await environment("nobody"))
        #expect(outcome.code == 1)
        #expect(
            outcome.output.contains("cannot tell: the service: ecs DescribeServices: not found")
        )
    }

    @Test("--watch looks again and again, and Ctrl-C ends it with 0")
    func watch() async throws {
        try await stage("operators-watch")
        let settings = try await environment("operators-watch")
        let words = ["status", "--watch", "--every", "1", "--json"]
        let outcome = try await command(words, settings) { process, file in
            let deadline = ContinuousClock.now.advanced(by: .seconds(30))
            while true {
                let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
                if text.split(separator: "\n").count >= 2 { break }
                try #require(ContinuousClock.now < deadline, "it does not look again")
                try await Task.sleep(for: .milliseconds(20))
            }
            process.signal(SIGINT)
        }
        #expect(outcome.code == 0)
        #expect(outcome.output.split(separator: "\n").allSatisfy { $0.hasPrefix("{") })
    }

    @Test(
        "audit reads log groups by their names, page after page, and no older lines than asked for"
    )
    func audit() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let group = "/ecs/operators-audit"
        let logs = "Logs_20140328."
        try await Moto.call(
            "logs",
            logs + "CreateLogGroup",
            #"{"logGroupName":"\#(group)"}"#,
            over: http
        )
        let now = WallTime.now().milliseconds
        for (stream, age) in [("new", 60_000), ("old", 3 * 3_600_000)] {
            let named = #""logGroupName":"\#(group)","logStreamName":"\#(stream)""#
            try await Moto.call("logs", logs + "CreateLogStream", "{\(named)}", over: http)
            // FilterLogEvents of moto gives ten thousand events to a page, as CloudWatch does.
            let count = stream == "new" ? 10_500 : 1
            let events = (0..<count).map { number in
                let line = LogRecord(.jobAnnounced, stream, [.job: "run-\(number % 2)/plan"])
                    .line(at: LogMoment(milliseconds: Int64(now - age)), by: "scale-up-lambda")
                return #"{"timestamp":\#(now - age + number / 100),"message":\#(quoted(line))}"#
            }
            for start in stride(from: 0, to: count, by: 5_000) {
                let some = events[start..<min(start + 5_000, count)].joined(separator: ",")
                let body = #"{\#(named),"logEvents":[\#(some)]}"#
                try await Moto.call("logs", logs + "PutLogEvents", body, over: http)
            }
        }
        let settings = try await environment("nobody").filter { !$0.key.hasPrefix("ECS") }
        let words = ["audit", "--group", group, "--since", "1"]
        let outcome = try await command(words, settings)
        #expect(outcome.code == 0, "\(outcome.output)")
        #expect(outcome.output.hasPrefix("10500 lines of 0 tasks, 2 jobs\n"))
        let all = try await command(["audit", "--group", group, "--json"], settings)
        #expect(all.output.contains(#""lines" : 10501"#), "\(all.output.prefix(200))")
        let missing = try await command(["audit", "--group", "/ecs/nobody"], settings)
        #expect(missing.code == EX_UNAVAILABLE)
        #expect(missing.output.contains("logs FilterLogEvents: not found"))
    }

    /// A JSON string.
    private func quoted(_ text: String) -> String {
        var json = ""
        json.appendJSONString(text)
        return json
    }

    @Test("the doctor finds what is wrong with a service that nobody made with the module")
    func doctor() async throws {
        try await stage("operators-doctor")
        let words = ["doctor", "--json"]
        let outcome = try await command(words, try await environment("operators-doctor"))
        #expect(outcome.code == 3, "\(outcome.output)")
        for name in ["definition.containers", "terraform.address", "table.protected"] {
            #expect(outcome.output.contains(#""name":"\#(name)""#), "\(name)")
        }
        #expect(outcome.output.contains(#""name":"table.keys","severity":"sound""#))
    }
}
