import Decisions
import FoundationEssentials
import HCPTerraform
import Testing

private func field(_ name: String) throws -> [UInt8] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "field")
    return Array(try Data(contentsOf: folder.appending(path: "notification-\(name).json")))
}

private func body(_ events: String, _ more: String = #""payload_version":1"#) -> [UInt8] {
    Array(#"{\#(more),"run_id":"run-1","notifications":[\#(events)]}"#.utf8)
}

private func run(_ body: [UInt8]) throws -> RunNotification? {
    if case .run(let run) = try NotificationCall(body: body) { run } else { nil }
}

@Suite("Notifications")
struct NotificationTests {
    @Test(
        "a notification of a run is read as it is seen, under old trigger names and new ones",
        arguments: [
            ("created", [], true), ("planning", [], false), ("needs_attention", ["plan"], false),
            ("planned_and_finished", ["apply", "plan", "policy"], false),
            ("errored", ["apply", "plan", "policy"], false),
            ("canceled", ["apply", "plan", "policy"], false),
            ("granular-in-trigger_type", ["apply", "plan", "policy"], false),
            ("granular-in-trigger", ["apply", "plan", "policy"], false),
        ] as [(String, [String], Bool)]
    )
    func documented(_ name: String, _ closed: [String], _ isComing: Bool) throws {
        let run = try #require(try run(field(name)))
        #expect(run.closedJobs.map(\.type).sorted() == closed)
        #expect(run.coming?.key == (isComing ? "run-Op7qRs1tUv4wXy7z/plan" : nil))
        #expect(run.closedJobs.allSatisfy { $0.id == "run-Op7qRs1tUv4wXy7z" })
        #expect(run.workspaceName == "example-ws")
        #expect(run.organizationName == "example-org")
    }

    @Test("a configuration that is tried sends a verification, with every field of a run null")
    func verification() throws {
        #expect(try NotificationCall(body: field("verification")) == .verification)
    }

    @Test(
        "what is about no run is of no use, and nothing is wrong with it",
        arguments: ["assessment", "workspace", "change_request"]
    )
    func other(_ name: String) throws {
        #expect(try NotificationCall(body: field(name)) == .other)
    }

    @Test(
        "the status decides what is over; one that may come back ends nothing that would",
        arguments: [
            ("applied", ["apply", "plan", "policy"]), ("discarded", ["apply", "plan", "policy"]),
            ("force_canceled", ["apply", "plan", "policy"]),
            ("policy_soft_failed", ["apply", "plan", "policy"]),
            ("planned_and_saved", ["plan", "policy"]), ("confirmed", ["plan", "policy"]),
            ("apply_queued", ["plan", "policy"]), ("applying", ["plan", "policy"]),
            ("policy_override", ["plan"]), ("cost_estimated", ["plan"]), ("pending", []),
            ("plan_queued", []), ("planning", []), ("a status of tomorrow", []),
        ]
    )
    func statuses(_ status: String, _ closed: [String]) throws {
        let event = #"{"trigger":"run:completed","run_status":"\#(status)"}"#
        let run = try #require(try run(body(event)))
        #expect(run.closedJobs.map(\.type).sorted() == closed)
        #expect(run.coming == nil)
    }

    @Test(
        "a created run's plan is coming, in either field, unless the status says that it was",
        arguments: [
            (#"{"trigger":"run:created","run_status":"pending"}"#, true),
            (#"{"trigger":"x","trigger_type":"run:created","run_status":"pending"}"#, true),
            (#"{"trigger":"run:created","run_status":"plan_queued"}"#, true),
            (#"{"trigger":"run:created"}"#, true),
            (#"{"trigger":"run:created","run_status":"planning"}"#, false),
            (#"{"trigger":"run:created","run_status":"planned"}"#, false),
            (#"{"trigger":"run:created","run_status":"canceled"}"#, false),
            (#"{"trigger":"run:planning","run_status":"pending"}"#, false),
        ]
    )
    func created(_ event: String, _ isComing: Bool) throws {
        #expect((try run(body(event))?.coming?.key == "run-1/plan") == isComing)
    }

    @Test("of several events in a body all count, and an end among them outweighs a beginning")
    func several() throws {
        let created = #"{"trigger":"run:created","run_status":"pending"}"#
        let planned = #"{"trigger":"run:needs_attention","run_status":"planned"}"#
        let errored = #"{"trigger":"run:errored","run_status":"errored"}"#
        #expect(try run(body("\(created),\(planned)"))?.closedJobs.map(\.type) == ["plan"])
        let all = try #require(try run(body("\(errored),\(created),7,null")))
        #expect(all.closedJobs.count == 3)
        #expect(all.coming == nil)
    }

    @Test(
        "no field of another type or version makes a notification unreadable",
        arguments: [
            #"{"payload_version":2,"run_id":"run-1","notifications":[{"run_status":"errored"}]}"#,
            #"{"payload_version":1,"run_id":7,"notifications":[{"run_status":"errored"}]}"#,
            #"{"payload_version":1,"run_id":"a/b","notifications":[{"run_status":"errored"}]}"#,
            #"{"payload_version":1,"run_id":"run-1","notifications":{}}"#,
            #"{"payload_version":1,"run_id":"run-1","notifications":[]}"#,
            #"{"payload_version":1,"run_id":"run-1","notifications":null}"#,
            #"{"run_id":"run-1"}"#, "{}",
        ]
    )
    func lenient(_ text: String) throws {
        #expect(try NotificationCall(body: Array(text.utf8)) == .other)
    }

    @Test("a body without a version, or with one that is a text, is read")
    func versions() throws {
        let event = #"{"run_status":"errored"}"#
        for version in [#""x":1"#, #""payload_version":"1""#, #""payload_version":null"#] {
            #expect(try run(body(event, version))?.closedJobs.count == 3)
        }
    }

    @Test("what is no JSON object is no notification", arguments: ["", "{", "[]", "null", "\u{0}"])
    func shapes(_ text: String) {
        #expect(throws: NotificationFault.self) { try NotificationCall(body: Array(text.utf8)) }
    }

    @Test("the kind of a call is told by its header, in letters of any case")
    func kinds() {
        #expect(CallKind(header: "X-TFE-Notification-Signature") == .notification)
        #expect(CallKind(header: "X-Tfc-Task-Signature") == .runTask)
        #expect(CallKind(header: "X-Signature") == nil)
    }
}
