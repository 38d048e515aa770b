import Decisions
import FoundationEssentials
import HCPTerraform
import Testing

private func field(_ name: String) throws -> [UInt8] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "field")
    return Array(try Data(contentsOf: folder.appending(path: name)))
}

/// Calls that others have recorded or documented; `field/SOURCES.md` says who.
@Suite("Run task calls as they are seen")
struct FieldTests {
    @Test(
        "a documented call is read, whatever is null in it",
        arguments: [
            ("pre_plan-current", "run-Op7qRs1tUv4wXy7z/plan", []),
            ("cli-run-nulls", "run-Op7qRs1tUv4wXy7z/plan", []),
            ("post_plan-current", "run-Op7qRs1tUv4wXy7z/policy", ["plan"]),
            ("pre_apply-current", "run-Op7qRs1tUv4wXy7z/apply", ["plan", "policy"]),
            ("post_apply-current", nil, ["plan", "policy", "apply"]),
        ] as [(String, String?, [String])]
    )
    func documented(_ name: String, _ job: String?, _ closed: [String]) throws {
        guard case .request(let request) = try RunTaskCall(body: field(name + ".json")) else {
            Issue.record("not a request")
            return
        }
        #expect(request.job?.key == job)
        #expect(request.closedJobs.map(\.type) == closed)
        #expect(request.organizationName == "example-org")
        #expect(request.workspaceName == "example-ws")
        #expect(request.acceptsOutcomes)
    }

    @Test(
        "each form of verification that is seen is one, by any of its marks",
        arguments: [
            "verification-2021", "platform-test-advisory", "clone-chushi", "stage-test-1",
            "stage-test-2",
        ]
    )
    func verifications(_ name: String) throws {
        guard case .verification = try RunTaskCall(body: field(name + ".json")) else {
            Issue.record("not a verification")
            return
        }
    }

    @Test("signatures that others computed verify")
    func signatures() throws {
        let lines = String(decoding: try field("hmac-oracle.tsv"), as: UTF8.self)
            .split(separator: "\n").dropFirst()
        #expect(lines.count == 2)
        for line in lines {
            let columns = line.split(separator: "\t").map(String.init)
            let name = try #require(columns.first?.split(separator: "runtask-").last)
            let signature = try #require(RunTaskSignature(columns[2]))
            #expect(RunTaskKey(columns[1]).signed(try field(String(name)), signature))
        }
    }

    @Test(
        "what a call can do without refuses no run, whatever is there",
        arguments: [
            "capabilities", "organization_name", "workspace_name", "task_result_enforcement_level",
            "outcomes", "payload_version", "stage", "run_id",
        ],
        ["null", "\"x\"", "7", "1.5", "true", "[]", "{}", "[{}]", "{\"outcomes\":\"yes\"}"]
    )
    func foreignTypes(_ name: String, _ value: String) throws {
        let text = String(decoding: try field("pre_plan-current.json"), as: UTF8.self)
        let start = try #require(text.firstRange(of: "\"\(name)\": ")).upperBound
        let rest = text[start...]
        let end =
            name == "capabilities"
            ? try #require(rest.firstRange(of: "}")).upperBound
            : rest.firstIndex { ",\n".contains($0) } ?? rest.endIndex
        let body = text[..<start] + value + text[end...]
        guard case .request(let request) = try RunTaskCall(body: Array(body.utf8)) else {
            Issue.record("not a request")
            return
        }
        // It can do without all but these, and without a version.
        let isNeeded = ["payload_version", "stage", "run_id"].contains(name)
        let isKnown =
            !isNeeded || (name == "payload_version" && value == "null")
            || (name == "run_id" && value == "\"x\"")
        #expect((request.job != nil) == isKnown)
        if name == "capabilities" || name == "outcomes" {
            #expect(request.acceptsOutcomes == (name == "outcomes" && value == "true"))
        }
    }

    @Test("a call without what it can do without is read")
    func missing() throws {
        let body = """
            {"stage":"pre_plan","access_token":"t","run_id":"run-1",\
            "task_result_callback_url":"https://app.terraform.io/x"}
            """
        guard case .request(let request) = try RunTaskCall(body: Array(body.utf8)) else {
            Issue.record("not a request")
            return
        }
        #expect(request.job?.key == "run-1/plan")
        #expect(!request.acceptsOutcomes)
        #expect(request.workspaceName.isEmpty && request.organizationName.isEmpty)
    }
}
