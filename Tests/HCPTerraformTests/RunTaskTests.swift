import Decisions
import HCPTerraform
import Testing

@Suite("Run task signature")
struct RunTaskSignatureTests {
    // RFC 4231, test case 2.
    private let key = RunTaskKey("Jefe")
    private let body = Array("what do ya want for nothing?".utf8)
    private let signature =
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"

    @Test("the published HMAC-SHA512 vector verifies, in either case of its digits")
    func vector() throws {
        #expect(key.sign(body) == signature)
        for text in [signature, signature.uppercased()] {
            #expect(key.signed(body, try #require(RunTaskSignature(text))))
        }
    }

    @Test("another signature, another body and another key do not verify")
    func wrong() throws {
        let right = try #require(RunTaskSignature(signature))
        let other = try #require(RunTaskSignature(String(repeating: "0", count: 128)))
        #expect(!key.signed(body, other))
        #expect(!key.signed(body + [0], right))
        #expect(!RunTaskKey("Jeff").signed(body, right))
    }

    @Test(
        "anything but 128 hex digits is no signature",
        arguments: [
            "", "0", "xyz", String(repeating: "0", count: 127), String(repeating: "0", count: 130),
            String(repeating: "g", count: 128), String(repeating: "0", count: 127) + " ",
            String(repeating: "\u{ff10}", count: 128),
        ]
    )
    func malformed(_ text: String) { #expect(RunTaskSignature(text) == nil) }
}

@Suite("Run task request")
struct RunTaskRequestTests {
    private func body(_ changes: [String: String?] = [:]) -> [UInt8] {
        var fields: [String: String?] = [
            "payload_version": "1", "stage": "\"pre_plan\"", "access_token": "\"token\"",
            "run_id": "\"run-1\"", "task_result_callback_url": "\"https://app.terraform.io/x\"",
            "task_result_enforcement_level": "\"advisory\"", "workspace_name": "\"w\"",
            "organization_name": "\"o\"", "vcs_branch": "null", "is_speculative": "false",
        ]
        for (name, value) in changes { fields[name] = value }
        let members = fields.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }
        return Array("{\(members.sorted().joined(separator: ","))}".utf8)
    }

    @Test(
        "a stage announces the job that follows it",
        arguments: [
            ("pre_plan", "run-1/plan"), ("pre_apply", "run-1/apply"), ("post_plan", "run-1/policy"),
            ("post_apply", nil),
        ] as [(String, String?)]
    )
    func jobs(_ stage: String, _ key: String?) throws {
        let call = try RunTaskCall(body: body(["stage": "\"\(stage)\""]))
        guard case .request(let request) = call else {
            Issue.record("not a request")
            return
        }
        #expect(request.job?.key == key)
    }

    @Test(
        "a verification request is recognised by any of its marks",
        arguments: [
            ["access_token": "\"test-token\"", "stage": nil],
            ["task_result_enforcement_level": "\"test\"", "stage": nil],
            ["stage": "\"test\""], ["stage": "\"test\"", "payload_version": nil],
            ["access_token": "null", "task_result_callback_url": "null"],
            ["access_token": nil, "task_result_callback_url": nil, "run_id": "null"],
        ] as [[String: String?]]
    )
    func verification(_ changes: [String: String?]) throws {
        guard case .verification = try RunTaskCall(body: body(changes)) else {
            Issue.record("not a verification")
            return
        }
    }

    @Test(
        "a call that is not known can be answered, and announces and ends nothing",
        arguments: [
            ["stage": "\"before\""], ["stage": nil], ["stage": "7"], ["run_id": nil],
            ["run_id": "null"], ["run_id": "\"a/b\""], ["run_id": "7"], ["payload_version": "2"],
            ["payload_version": "\"2\""], ["payload_version": "1.5"], ["payload_version": "[]"],
            ["payload_version": "2", "stage": "\"post_apply\""],
        ] as [[String: String?]]
    )
    func unknown(_ changes: [String: String?]) throws {
        guard case .request(let request) = try RunTaskCall(body: body(changes)) else {
            Issue.record("not a request")
            return
        }
        #expect(request.job == nil && request.closedJobs.isEmpty && request.stage == nil)
        #expect(request.accessToken == "token")
        #expect(request.callbackURL == "https://app.terraform.io/x")
    }

    @Test(
        "a call without a token or a callback URL that can be used is none that can be answered",
        arguments: [
            ["access_token": nil], ["access_token": "null"], ["access_token": "\"\""],
            ["access_token": "\"a\\r\\nb\""], ["access_token": "7"],
            ["task_result_callback_url": nil], ["task_result_callback_url": "null"],
            ["task_result_callback_url": "\"\""], ["task_result_callback_url": "[]"],
        ] as [[String: String?]]
    )
    func unanswerable(_ changes: [String: String?]) throws {
        guard case .unanswerable = try RunTaskCall(body: body(changes)) else {
            Issue.record("it can be answered")
            return
        }
    }

    @Test(
        "a version that is missing, null or a text is version 1 where it says nothing else",
        arguments: [nil, "null", "\"1\"", "1"] as [String?]
    )
    func version(_ version: String?) throws {
        let call = try RunTaskCall(body: body(["payload_version": version]))
        guard case .request(let request) = call else {
            Issue.record("not a request")
            return
        }
        #expect(request.job?.key == "run-1/plan")
    }

    @Test(
        "no body of another shape gets past the parser",
        arguments: ["", "{", "[]", "null", "1", "\"x\"", "\u{0}"]
    )
    func shapes(_ text: String) {
        #expect(throws: RunTaskFault.self) { try RunTaskCall(body: Array(text.utf8)) }
    }
}

@Suite("Origin")
struct OriginTests {
    private let hcp = Origin("https://app.terraform.io")

    @Test(
        "a callback of the same scheme, host and port is accepted",
        arguments: [
            "https://app.terraform.io/api/v2/task-results/x/callback",
            "https://APP.terraform.io:443/x", "HTTPS://app.terraform.io",
            "https://app.terraform.io?x",
        ]
    )
    func same(_ url: String) { #expect(Origin(url) == hcp) }

    @Test(
        "a callback of any other origin is refused",
        arguments: [
            "http://app.terraform.io/x", "https://app.terraform.io:8443/x",
            "https://app.terraform.io.example.com/x", "https://evil.example/app.terraform.io",
            "https://app.terraform.io@evil.example/", "https://evil.example#@app.terraform.io",
            "https://evil.example\\@app.terraform.io/", "https://app.terraform.io\\.evil.example/",
            "//app.terraform.io/x", "app.terraform.io", "file:///etc/passwd", "",
            "https://", "https://app.terraform.io:x/", "https://app.terraform.io\n/",
            "https://app.terraform.io:0443x/",
        ]
    )
    func other(_ url: String) { #expect(Origin(url) != hcp) }
}
