import Crypto
import Model

/// One call of the run task for one stage of one run: what is sent, and where it stands.
struct RunTaskMessage: Sendable {
    let run: String
    let resultID: String
    let accessToken: String
    /// The capability in the callback URL: `/api/v2/task-results/<guid>/callback`.
    let guid: String
    var call: TaskCall
    private(set) var message = ""

    init(run: String, stage: TaskStage, resultID: String, accessToken: String, guid: String) {
        self.run = run
        call = TaskCall(stage)
        self.resultID = resultID
        self.accessToken = accessToken
        self.guid = guid
    }

    /// Answers a `PATCH` of the callback URL: 401, 409 once final, 422, or 200.
    mutating func callback(_ request: WebRequest) -> WebResponse {
        guard request.bearer == accessToken else { return JSONAPI.error(401, "unauthorized") }
        guard !call.result.isFinal else { return JSONAPI.error(409, "the task result is final") }
        let data = JSON(parsing: request.body)?["data"]
        let text = data?["attributes"]?["status"]?.string ?? ""
        guard data?["type"]?.string == "task-results", let next = TaskCall.Result(rawValue: text),
            next == .running || next == .passed || next == .failed
        else { return JSONAPI.error(422, "invalid attribute: status") }
        let note = data?["attributes"]?["message"]?.string ?? ""
        guard (1...1000).contains(note.count) else {
            return JSONAPI.error(422, "invalid attribute: message has 1 to 1000 characters")
        }
        _ = call.told(next)
        message = note
        let body: JSON = ["data": ["id": .string(resultID), "type": "task-results"]]
        return WebResponse(200, body, contentType: JSONAPI.type)
    }

    /// The body of the run task request (run tasks integration, payload version 1).
    func payload(
        workspace: String,
        organization: String,
        planOnly: Bool,
        base: String,
        createdAt: String
    ) -> [UInt8] {
        var body: [String: JSON] = [
            "payload_version": 1,
            "stage": .string(call.stage.rawValue),
            "access_token": .string(accessToken),
            "capabilities": ["outcomes": true],
            "configuration_version_download_url": nil,
            "configuration_version_id": "cv-1",
            "is_speculative": .bool(planOnly),
            "organization_name": .string(organization),
            "run_app_url": .string("\(base)/app/\(organization)/\(workspace)/runs/\(run)"),
            "run_created_at": .string(createdAt),
            "run_created_by": "rehearsal",
            "run_id": .string(run),
            "run_message": "Rehearsed run",
            "task_result_callback_url": .string("\(base)/api/v2/task-results/\(guid)/callback"),
            "task_result_enforcement_level": "advisory",
            "task_result_id": .string(resultID),
            "vcs_branch": nil,
            "vcs_commit_url": nil,
            "vcs_pull_request_url": nil,
            "vcs_repo_url": nil,
            "workspace_app_url": .string("\(base)/app/\(organization)/\(workspace)"),
            "workspace_id": .string("ws-\(workspace)"),
            "workspace_name": .string(workspace),
            "workspace_working_directory": "",
        ]
        if call.stage != .prePlan {
            body["plan_json_api_url"] = .string("\(base)/api/v2/plans/plan-1/json-output")
        }
        return Array(JSON.object(body).text.utf8)
    }

    /// The request that HCP Terraform sends when a run task is created: it must be answered with
    /// 200 and must do nothing.
    static func verificationPayload(base: String) -> [UInt8] {
        let body: JSON = [
            "payload_version": 1,
            "access_token": "test-token",
            "task_result_id": "taskrs-xxxxxxxxxxxxxxxx",
            "task_result_enforcement_level": "test",
            "task_result_callback_url": .string(
                "\(base)/api/v2/task-results/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx/callback"
            ),
            "run_app_url": .string("\(base)/app/test-org/test-workspace/runs/run-xxxxxxxxxxxxxxxx"),
            "run_id": "run-xxxxxxxxxxxxxxxx",
            "run_message": "Test run message",
            "run_created_at": "2021-01-01T00:00:00.000Z",
            "run_created_by": "test-user",
            "workspace_id": "ws-xxxxxxxxxxxxxxxx",
            "workspace_name": "test-workspace",
            "workspace_app_url": .string("\(base)/app/test-org/test-workspace"),
            "organization_name": "test-org",
            "is_speculative": false,
        ]
        return Array(body.text.utf8)
    }

    /// Headers of a run task request: the signature is HMAC-SHA512 of the raw body in lower-case
    /// hexadecimal.
    static func headers(for body: [UInt8], key: String) -> [(name: String, value: String)] {
        let code = HMAC<SHA512>.authenticationCode(
            for: body,
            using: SymmetricKey(data: Array(key.utf8))
        )
        return [
            ("Content-Type", "application/json"),
            ("User-Agent", "TFC/1.0 (+https://app.terraform.io; TFC)"),
            ("X-TFC-Task-Signature", hex(code)),
        ]
    }
}
