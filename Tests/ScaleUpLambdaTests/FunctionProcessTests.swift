import AWS
import Decisions
import FoundationEssentials
import Glibc
import HCPTerraform
import Peers
import Ports
import ProductVersion
import Testing

/// The built executable as a process, a Runtime API that follows the published description, and
/// moto as ECS, DynamoDB and SSM.
@Suite("Lambda process, against moto")
struct FunctionProcessTests {
    @Test(
        "a signed run task announces, raises the service and calls back",
        arguments: [false, true]
    )
    func announces(base64: Bool) async throws {
        let stage = try await FunctionStage(service: "lambda-announces-\(base64)")
        let event = try FunctionStage.signed(stage.payload(run: "run-1"), base64: base64)
        let outcome = try await stage.invoke(event)
        #expect(outcome.kind == "response")
        #expect(outcome.statusCode == 200)
        #expect(outcome.echoed)
        #expect(try await stage.ledger.read().ledger.jobs.keys.map(\.key) == ["run-1/plan"])
        #expect(try await stage.service.counts().desired == 1)
        let callbacks = try await stage.callbacks()
        #expect(callbacks.map(\.path) == ["/api/v2/task-results/guid-1/callback"])
        #expect(callbacks.map(\.authorization) == ["Bearer a token"])
    }

    @Test("a bad signature is 401 in the function's answer, and nothing happens")
    func badSignature() async throws {
        let stage = try await FunctionStage(service: "lambda-bad-signature")
        let body = stage.payload(run: "run-1")
        let wrong = String(repeating: "0", count: 128)
        let outcome = try await stage.invoke(
            try FunctionStage.event(body: body, signature: wrong)
        )
        #expect(outcome.statusCode == 401)
        #expect(try await stage.callbacks().isEmpty)
        #expect(try await stage.ledger.read().ledger == Ledger())
    }

    @Test("a stranger costs no call of AWS, not even the first request of a cold function")
    func strangers() async throws {
        // Nobody is there: whatever needed the key would be 503.
        let stage = try await FunctionStage(
            service: "lambda-strangers",
            ["AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:1"]
        )
        let get = #"{"version":"2.0","headers":{},"requestContext":{"http":{"method":"GET"}}}"#
        #expect(try await stage.invoke(get).statusCode == 405)
        let body = stage.payload(run: "run-1")
        for signature in ["", "00", String(repeating: "x", count: 128)] {
            let event = try FunctionStage.event(body: body, signature: signature)
            #expect(try await stage.invoke(event).statusCode == 401)
        }
        let signed = try await stage.invoke(try FunctionStage.signed(body))
        #expect(signed.statusCode == 503)
        #expect(signed.body.contains(#""retry-after":"2""#))
    }

    @Test("incomplete settings are reported as an init error that names them, and it ends")
    func initError() async throws {
        let missing = ["LEDGER_TABLE", "ECS_SERVICE"]
        let stage = try await FunctionStage(service: "lambda-init", missing: missing)
        let error = try await stage.initError()
        #expect(error.type == "Settings.Incomplete")
        for name in missing { #expect(error.body.errorMessage.contains(name)) }
        #expect(try await stage.end().code == 1)
    }

    @Test("an unknown event is an error with the invocation id, and the next one is answered")
    func unknownEvent() async throws {
        let stage = try await FunctionStage(service: "lambda-unknown")
        let outcome = try await stage.invoke(#"{"Records":[]}"#)
        #expect(outcome.kind == "error")
        #expect(outcome.errorType == "Event.Unknown")
        #expect(outcome.echoed)
        #expect(try await stage.invoke(#"{"action":"sweep"}"#).kind == "response")
    }

    @Test("one function serves several pools, and a schedule's event sweeps all")
    func pools() async throws {
        let stage = try await FunctionStage(
            service: "lambda-pool-a",
            others: ["lambda-pool-b"],
            [
                "ECS_SERVICE": "", "ALLOWED_ADDRESSES": "192.0.2.1",
                "POOLS": #"[{"name":"a","ecs_service":"lambda-pool-a","default":true},"#
                    + #"{"name":"b","ecs_service":"lambda-pool-b"}]"#,
            ]
        )
        let body = stage.payload(run: "run-1")
        for (path, address, status) in [
            ("/pools/b", "192.0.2.1", 200), ("/", "192.0.2.1", 200), ("/", "192.0.2.2", 403),
        ] {
            let event = try FunctionStage.signed(body, path: path, from: address)
            #expect(try await stage.invoke(event).statusCode == status)
        }
        let b = stage.service("lambda-pool-b")
        #expect(try await b.counts().desired == 1)
        for service in [stage.service, b] { _ = try await service.setDesiredCount(0) }
        let outcome = try await stage.invoke(#"{"source":"aws.scheduler"}"#)
        #expect(outcome.body.contains("a: the service was at 0 and is now at 1"))
        #expect(outcome.body.contains("b: the service was at 0 and is now at 1"))
        for service in [stage.service, b] { #expect(try await service.counts().desired == 1) }
    }

    @Test("a schedule's event makes the service follow the ledger again")
    func sweep() async throws {
        let stage = try await FunctionStage(service: "lambda-sweep")
        _ = try await stage.invoke(try FunctionStage.signed(stage.payload(run: "run-1")))
        _ = try await stage.service.setDesiredCount(0)
        let outcome = try await stage.invoke(#"{"source":"aws.scheduler"}"#)
        #expect(outcome.kind == "response")
        #expect(try await stage.service.counts().desired == 1)
    }

    @Test("asked for a doctor it looks with its own rights, and says what it could not see")
    func doctor() async throws {
        let stage = try await FunctionStage(service: "lambda-doctor")
        let checkup = try await stage.invoke(#"{"ask":"doctor"}"#)
        #expect(checkup.kind == "response")
        struct Checkup: Decodable {
            let service: String
            let checks: [Check]
            struct Check: Decodable {
                let name: String
                let severity: String
                let found: String
            }
        }
        let told = try JSONDecoder().decode(Checkup.self, from: Data(checkup.body.utf8))
        #expect(told.service == "lambda-doctor")
        let found = Dictionary(told.checks.map { ($0.name, $0) }) { first, _ in first }
        // The key in moto has white space in it.
        #expect(found["endpoint.key"]?.severity == "doubtful")
        #expect(found["endpoint.signature"]?.severity == "cannot tell")
        #expect(found["table.keys"]?.severity == "sound")
        // Moto denies nobody: a function that may do so much is told of.
        #expect(found["permissions.write_limits"]?.severity == "faulty")
        #expect(found["operation.libraries"]?.found.hasPrefix("curl ") == true)
        let text = try await stage.invoke(#"{"ask":"doctor","as":"text"}"#)
        #expect(text.body.hasPrefix(#""agents/lambda-doctor "#))
    }

    @Test("a version is told to those who sign, and to nobody else")
    func version() async throws {
        let stage = try await FunctionStage(service: "lambda-version")
        let header = #""x-scale-up-version":"\#(ProductVersion.current)""#
        let body = """
            {"payload_version":1,"access_token":"test-token","task_result_id":"taskrs-1",\
            "task_result_enforcement_level":"test","run_id":"run-1","organization_name":"o",\
            "workspace_name":"w"}
            """
        let stranger = try await stage.invoke(
            FunctionStage.event(body: body, signature: RunTaskKey("another").sign(Array(body.utf8)))
        )
        #expect(stranger.statusCode == 401)
        #expect(!stranger.body.contains(ProductVersion.current))
        let signed = try await stage.invoke(FunctionStage.signed(body))
        #expect(signed.statusCode == 200)
        #expect(signed.body.contains(header), "\(signed.body)")
    }

    @Test(
        "asked for its status it tells of the job that waits, to those who invoke it and to nobody else"
    )
    func status() async throws {
        let stage = try await FunctionStage(service: "lambda-status")
        _ = try await stage.invoke(try FunctionStage.signed(stage.payload(run: "run-1")))
        let status = try await stage.invoke(#"{"ask":"status"}"#)
        #expect(status.kind == "response")
        #expect(status.body.contains(#""service":"lambda-status""#))
        #expect(status.body.contains(#""job":"run-1/plan""#))
        #expect(status.body.contains(#""size":1"#))
        let widget = try await stage.invoke(#"{"ask":"status","widgetContext":{}}"#)
        #expect(widget.body.hasPrefix(#""<p><strong>agents/lambda-status"#))
        let body = #"{"ask":"status"}"#
        let wrong = String(repeating: "0", count: 128)
        for signature in ["", wrong] {
            let event = try FunctionStage.event(body: body, signature: signature)
            #expect(try await stage.invoke(event).statusCode == 401)
        }
        // Signed, so that HCP Terraform could have sent it: still no question.
        let signed = try await stage.invoke(try FunctionStage.signed(body))
        #expect(!signed.body.contains("lambda-status"))
    }

    @Test("a callback without answer ends in a 503 before Lambda's deadline")
    func deadline() async throws {
        let stage = try await FunctionStage(service: "lambda-deadline")
        let body = stage.payload(run: "run-1", callback: "silent")
        let outcome = try await stage.invoke(try FunctionStage.signed(body), seconds: 2)
        #expect(outcome.statusCode == 503)
        #expect(outcome.millisecondsLeft > 0)
    }

    @Test("SIGTERM ends it with 0")
    func stop() async throws {
        let stage = try await FunctionStage(service: "lambda-stop")
        _ = try await stage.invoke(#"{"action":"sweep"}"#)
        stage.process.signal(SIGTERM)
        #expect(try await stage.end().code == 0)
    }

    @Test("500 from the Runtime API ends it, and no secret is in its log")
    func containerError() async throws {
        let stage = try await FunctionStage(service: "lambda-broken")
        _ = try await stage.invoke(try FunctionStage.signed(stage.payload(run: "run-1")))
        try await stage.breakAPI()
        let (code, log) = try await stage.end()
        #expect(code == 1)
        #expect(log.contains("status 500"))
        for secret in ["a secret value", "a token", "/callback"] { #expect(!log.contains(secret)) }
    }

    @Test("no server library and no ICU is linked", arguments: ["NIOPosix", "Hummingbird", "ICU"])
    func links(name: String) throws {
        let content = try Data(
            contentsOf: URL(filePath: try TestProcess.built("scale-up-lambda"))
        )
        let mark = name == "ICU" ? "lib_FoundationICU" : name
        #expect(content.contains("AWS_LAMBDA_RUNTIME_API".utf8), "the search finds nothing")
        #expect(!content.contains(mark.utf8))
    }
}
