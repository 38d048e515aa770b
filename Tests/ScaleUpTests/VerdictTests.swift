import Decisions
import HCPTerraform
import ScaleUp
import Testing

private let key = RunTaskKey("the key")
private let policy = Verdict.Policy(
    origin: .hcpTerraform,
    announceStages: [.prePlan, .preApply]
)

private func body(
    stage: String = "pre_plan",
    token: String = "a token",
    callback: String = "https://app.terraform.io/api/v2/task-results/x/callback",
    workspace: String = "network-prod"
) -> [UInt8] {
    Array(
        """
        {"payload_version":1,"stage":"\(stage)","access_token":"\(token)","run_id":"run-1",\
        "workspace_name":"\(workspace)",\
        "task_result_callback_url":"\(callback)","task_result_enforcement_level":"advisory"}
        """.utf8
    )
}

private func request(
    _ body: [UInt8],
    method: String = "POST",
    header: String = "X-TFC-Task-Signature",
    signature: String? = nil
) -> EndpointRequest {
    EndpointRequest(
        method: method,
        headers: [(header, signature ?? key.sign(body))],
        body: body
    )
}

private func status(_ request: EndpointRequest, keys: [RunTaskKey] = [key]) -> Int? {
    switch Verdict(request, keys: keys, policy) {
    case .refuse(let refusal): refusal.response.status
    case .unknownSignature: 401
    case .verification, .unanswerable, .act, .heed, .nothingFollows: nil
    }
}

private func need(_ body: [UInt8], _ policy: Verdict.Policy = policy) -> Verdict.Need? {
    if case .act(_, let need) = Verdict(request(body), keys: [key], policy) { need } else { nil }
}

@Suite("Verdict")
struct VerdictTests {
    @Test(
        "pre_plan and pre_apply announce their job, post stages change nothing",
        arguments: [
            ("pre_plan", "run-1/plan"), ("pre_apply", "run-1/apply"), ("post_plan", nil),
            ("post_apply", nil),
        ] as [(String, String?)]
    )
    func stages(_ stage: String, _ job: String?) {
        let expected = job.flatMap(Job.init(key:)).map(Verdict.Need.agent) ?? .nothing(.stage)
        #expect(need(body(stage: stage)) == expected)
    }

    @Test("a verification request is answered and nothing else happens")
    func verification() {
        let request = request(body(token: "test-token"))
        guard case .verification = Verdict(request, keys: [key], policy) else {
            Issue.record("not recognised")
            return
        }
    }

    @Test("a wrong, an empty or a missing signature is 401, whatever the body is")
    func unsigned() {
        #expect(status(request(body(), signature: RunTaskKey("other").sign(body()))) == 401)
        #expect(status(request(body(), signature: "")) == 401)
        #expect(status(request(body(), header: "X-Other")) == 401)
        #expect(status(request(body(token: "test-token"), signature: "")) == 401)
        #expect(status(request(Array("no json".utf8), signature: "")) == 401)
    }

    @Test("two signature headers are 401, even if one of them is right")
    func twoSignatures() {
        let good = key.sign(body())
        let twice = EndpointRequest(
            method: "POST",
            headers: [("X-TFC-Task-Signature", good), ("x-tfc-task-signature", good)],
            body: body()
        )
        #expect(status(twice) == 401)
    }

    @Test(
        "the signature header is found in any case",
        arguments: ["X-TFC-Task-Signature", "X-Tfc-Task-Signature", "x-tfc-task-signature"]
    )
    func headerCase(_ name: String) { #expect(status(request(body(), header: name)) == nil) }

    @Test("while a key is replaced, both the old and the new one are accepted")
    func twoKeys() {
        let new = RunTaskKey("new")
        #expect(status(request(body()), keys: [new, key]) == nil)
        #expect(status(request(body(), signature: new.sign(body())), keys: [new, key]) == nil)
    }

    @Test("a signed body that is no JSON object is 400")
    func noRunTask() { #expect(status(request(Array("[]".utf8))) == 400) }

    @Test("a callback to another host is 400, whoever signed it")
    func otherHost() {
        let evil = "https://evil.example/callback"
        #expect(status(request(body(callback: evil))) == 400)
        #expect(status(request(body(stage: "before", callback: evil))) == 400)
        #expect(status(request(body(token: "", callback: evil))) == 400)
    }

    @Test("anything but POST is 405")
    func method() { #expect(status(request(body(), method: "GET")) == 405) }

    @Test("a body over 1 MiB is 413 before it is hashed")
    func oversize() {
        let large = [UInt8](repeating: 0x20, count: Verdict.maximumBodyBytes + 1)
        #expect(status(request(large, signature: key.sign(body()))) == 413)
    }

    @Test("what is no signature is 401 whatever else is wrong, before any key is looked at")
    func malformed() {
        let large = [UInt8](repeating: 0x20, count: Verdict.maximumBodyBytes + 1)
        for signature in ["", "00", String(repeating: "x", count: 128)] {
            #expect(Refusal(request(large, signature: signature)) == .malformedSignature)
        }
        #expect(Refusal(request(body())) == nil)
    }

    @Test("JSON of 100,000 levels is 400, whatever it is nested in")
    func deeplyNested() {
        let levels = 100_000
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text =
                String(repeating: open, count: levels) + "1"
                + String(repeating: close, count: levels)
            #expect(status(request(Array(text.utf8))) == 400)
            let field = #"{"payload_version":1,"stage":\#(text)}"#
            #expect(status(request(Array(field.utf8))) == 400)
            #expect(status(request(Array(text.utf8.prefix(levels)))) == 400)
        }
    }

    @Test(
        "workspaces outside ANNOUNCE_WORKSPACES need no agent here",
        arguments: [
            ("network-prod", true), ("network-", true), ("apps-prod", true), ("apps-dev", false),
            ("Network-dev", false), ("", true),
        ]
    )
    func workspaces(_ name: String, _ isOurs: Bool) throws {
        var some = policy
        some.announceWorkspaces = try #require(WorkspacePatterns("network-*, *-prod"))
        let plan = try #require(Job(key: "run-1/plan"))
        let expected: Verdict.Need = isOurs ? .agent(plan) : .nothing(.workspace)
        #expect(need(body(workspace: name), some) == expected)
    }
}
