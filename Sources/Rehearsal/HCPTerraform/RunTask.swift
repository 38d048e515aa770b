import Crypto

/// One call of the run task for one stage of one run: what is sent, and where it stands.
struct RunTask: Sendable {
    /// Task result states (run tasks integration API).
    enum State: String, Sendable {
        case pending
        case running
        case passed
        case failed
        case unreachable
        var isFinal: Bool { self == .passed || self == .failed || self == .unreachable }
    }

    let run: String
    let stage: Run.Stage
    let resultID: String
    let accessToken: String
    /// The capability in the callback URL: `/api/v2/task-results/<guid>/callback`.
    let guid: String
    private(set) var state = State.pending
    private(set) var message = ""

    init(
        run: String,
        stage: Run.Stage,
        resultID: String,
        accessToken: String,
        guid: String
    ) {
        self.run = run
        self.stage = stage
        self.resultID = resultID
        self.accessToken = accessToken
        self.guid = guid
    }

    /// Answers a `PATCH` of the callback URL: 401, 409 once final, 422, or 200.
    mutating func callback(_ request: WebRequest) -> WebResponse {
        guard request.bearer == accessToken else { return Self.error(401, "unauthorized") }
        guard !state.isFinal else { return Self.error(409, "the task result is final") }
        let data = JSON(parsing: request.body)?["data"]
        guard data?["type"]?.string == "task-results",
            let text = data?["attributes"]?["status"]?.string, let next = State(rawValue: text),
            next == .running || next == .passed || next == .failed
        else { return Self.error(422, "invalid attribute: status") }
        let note = data?["attributes"]?["message"]?.string ?? ""
        guard (1...1000).contains(note.count) else {
            return Self.error(422, "invalid attribute: message has 1 to 1000 characters")
        }
        state = next
        message = note
        let body: JSON = ["data": ["id": .string(resultID), "type": "task-results"]]
        return WebResponse(200, body, contentType: JSONAPI.type)
    }

    /// The endpoint never answered; the stage is over.
    mutating func giveUp() {
        guard !state.isFinal else { return }
        state = .unreachable
    }

    private static func error(_ status: Int, _ title: String) -> WebResponse {
        JSONAPI.error(status, title)
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
            "stage": .string(stage.rawValue),
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
        if stage != .prePlan {
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

/// JSON:API as HCP Terraform speaks it.
enum JSONAPI {
    static let type = "application/vnd.api+json"

    static func error(_ status: Int, _ title: String) -> WebResponse {
        WebResponse(
            status,
            ["errors": [["status": .string("\(status)"), "title": .string(title)]]],
            contentType: type
        )
    }

    /// A page of `all` with the documented pagination object.
    static func page(_ all: [JSON], query: [String: String], totals: Bool = true) -> WebResponse {
        let size = min(max(query["page[size]"].flatMap { Int($0) } ?? 20, 1), 100)
        let number = max(query["page[number]"].flatMap { Int($0) } ?? 1, 1)
        let pages = max((all.count + size - 1) / size, 1)
        var pagination: [String: JSON] = [
            "current-page": .int(number), "page-size": .int(size),
            "prev-page": number > 1 ? .int(number - 1) : nil,
            "next-page": number < pages ? .int(number + 1) : nil,
        ]
        if totals {
            pagination["total-pages"] = .int(pages)
            pagination["total-count"] = .int(all.count)
        }
        return WebResponse(
            200,
            [
                "data": .array(Array(all.dropFirst((number - 1) * size).prefix(size))),
                "meta": ["pagination": .object(pagination)],
            ],
            contentType: type
        )
    }

    /// A query string as names and values, percent-encoding undone.
    static func parameters(_ query: String) -> [String: String] {
        var result: [String: String] = [:]
        for part in query.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1).map { decoded(String($0)) }
            if let name = pair.first { result[name] = pair.count > 1 ? pair[1] : "" }
        }
        return result
    }

    private static func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
