import EndpointFuzzing
import FoundationEssentials
import Seeded
import Testing

/// Nearly right requests by a seeded generator, and the proof that the oracle sees what is wrong.
/// `Tests/fuzz` puts the same oracle under libFuzzer, which is guided by the code it reaches.
///
/// `FUZZ_SEED` plays a seed again.
@Suite("Endpoint, mutated requests")
struct FuzzTests {
    private static let seed =
        ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 1...UInt64(UInt32.max))

    @Test("whatever is sent, every promise holds")
    func requests() async throws {
        var mutator = Mutator(seed: Self.seed)
        let oracle = Oracle(FuzzedEndpoint())
        let cases = 20_000
        var acted = 0
        for number in 0..<cases {
            // The other tests want their turn.
            await Task.yield()
            do {
                if try await oracle.judge(mutator.next()) == .acted { acted += 1 }
            } catch {
                Issue.record("seed \(Self.seed), case \(number): \(error)")
                return
            }
        }
        print("fuzz: seed \(Self.seed), \(cases) cases, \(acted) of them acted")
        #expect((cases / 20...cases / 2).contains(acted))
    }

    @Test("each planted fault is found", arguments: PlantedFault.allCases)
    func finds(_ fault: PlantedFault) async throws {
        var mutator = Mutator(seed: Self.seed)
        let oracle = Oracle(FuzzedEndpoint(fault))
        for number in 0..<5_000 {
            do {
                try await oracle.judge(mutator.next())
            } catch {
                print("fuzz: seed \(Self.seed), \(fault) found by case \(number): \(error)")
                return
            }
        }
        Issue.record("seed \(Self.seed): \(fault) was not found")
    }

    @Test("the documented calls that libFuzzer begins with are what they say")
    func corpus() async throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../EndpointFuzz/corpus")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let oracle = Oracle(FuzzedEndpoint())
        var acted: Set<String> = []
        for name in names {
            let bytes = Array(try Data(contentsOf: folder.appending(path: name)))
            if try await oracle.judge(try #require(FuzzCase(bytes))) == .acted {
                acted.insert(name)
            }
        }
        #expect(
            acted == [
                "pre_plan", "post_plan", "pre_apply", "post_apply", "small",
                "signature_upper_case", "signature_other_header_case", "notification_created",
                "pool", "pool_other",
            ]
        )
        #expect(names.count > acted.count)
    }
}

/// Makes requests that are nearly right.
private struct Mutator {
    private var generator: SeededRandom

    init(seed: UInt64) { generator = SeededRandom(seed: seed) }

    private static let values = [
        "null", "1", "-1", "1e999", "2", "\"\"", "\"test-token\"", "\"test\"", "[]", "{}", "true",
        "\"pre_plan\"", "\"pre_apply\"", "\"post_plan\"", "\"post_apply\"", "\"run-1/plan\"",
        "\"\\u0000\"", "\"\\ud800\"", "\"世界\"", "\"a\\nb\"", "\"https://evil.example/\"",
        "\"https://app.terraform.io@evil.example/\"", "\"https://app.terraform.io/x\"",
        "[[[[[[[[]]]]]]]]", "\"\(String(repeating: "x", count: 300))\"", "1.5",
        "18446744073709551616",
    ]

    private static let names = [
        "payload_version", "stage", "access_token", "capabilities", "organization_name", "run_id",
        "run_message", "is_speculative", "task_result_callback_url", "task_result_id",
        "task_result_enforcement_level", "workspace_name", "plan_json_api_url", "vcs_branch",
    ]

    private mutating func chance(_ one: Int) -> Bool {
        Int.random(in: 0..<one, using: &generator) == 0
    }
    private mutating func pick<T>(_ list: [T]) -> T {
        list[Int.random(in: 0..<list.count, using: &generator)]
    }

    mutating func next() -> FuzzCase {
        let kind: FuzzCase.Kind = chance(4) ? .notification : .runTask
        let isOfKind = !chance(50)
        let text = (kind == .notification) == isOfKind ? notification() : payload()
        var body = Array(text.utf8)
        if chance(3) { damage(&body) }
        return FuzzCase(
            chance(2) ? .right : pick(FuzzCase.Signing.allCases),
            kind,
            to: chance(4) ? pick(FuzzCase.Address.allCases) : .endpoint,
            method: chance(50) ? pick(["GET", "PUT", "", "post"]) : "POST",
            body: body
        )
    }

    private mutating func payload() -> String {
        let stage = pick(["pre_plan", "post_plan", "pre_apply", "post_apply"])
        let run = "run-\(Int.random(in: 0..<60, using: &generator))"
        var fields = [
            "payload_version": "1", "stage": "\"\(stage)\"", "access_token": "\"a-token\"",
            "capabilities": #"{"outcomes":\#(chance(2))}"#, "organization_name": "\"acme\"",
            "run_id": "\"\(run)\"", "run_message": "\"\\u00fc \"", "is_speculative": "false",
            "task_result_callback_url":
                "\"https://app.terraform.io/api/v2/task-results/x/callback\"",
            "task_result_id": "\"taskrs-1\"", "task_result_enforcement_level": "\"advisory\"",
            "workspace_name": "\"network\"", "vcs_branch": "null",
        ]
        while chance(2) { fields[pick(Self.names)] = chance(4) ? nil : pick(Self.values) }
        var members = fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
        if chance(10) { members.append("\"\(pick(Self.names))\":\(pick(Self.values))") }
        return "{" + members.joined(separator: ",") + "}"
    }

    private static let statuses = [
        "pending", "plan_queued", "planning", "planned", "planned_and_saved", "applying", "applied",
        "planned_and_finished", "errored", "canceled", "discarded", "x",
    ]

    private mutating func event() -> String {
        let triggers = [
            "run:created", "run:created", "run:completed", "run:errored", "verification",
        ]
        var fields = [
            "message": "\"m\"", "trigger": "\"\(pick(triggers))\"",
            "run_status": "\"\(pick(Self.statuses))\"", "run_updated_by": "null",
        ]
        if chance(8) { fields["trigger_type"] = "\"\(pick(triggers))\"" }
        if chance(8) { fields[pick(["trigger", "run_status"])] = pick(Self.values) }
        let members = fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
        return "{" + members.joined(separator: ",") + "}"
    }

    private mutating func notification() -> String {
        let run = "run-\(Int.random(in: 0..<10, using: &generator))"
        var events = [event()]
        while chance(4) { events.append(chance(4) ? pick(Self.values) : event()) }
        var fields = [
            "payload_version": "1", "run_id": "\"\(run)\"", "workspace_name": "\"network\"",
            "organization_name": "\"acme\"", "notifications": "[\(events.joined(separator: ","))]",
        ]
        while chance(4) {
            let names = ["payload_version", "run_id", "workspace_name", "notifications", "trigger"]
            fields[pick(names)] = chance(4) ? nil : pick(Self.values)
        }
        let members = fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
        return "{" + members.joined(separator: ",") + "}"
    }

    private mutating func damage(_ body: inout [UInt8]) {
        repeat {
            let at = Int.random(in: 0..<max(body.count, 1), using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0 where at < body.count:
                body[at] = UInt8.random(in: 0...255, using: &generator)
            case 1: body = Array(body.prefix(at))
            case 2: body.insert(contentsOf: body.suffix(at).prefix(20), at: 0)
            case 3:
                let nest = [UInt8](repeating: UInt8(ascii: "["), count: pick([1, 600, 5_000]))
                body.insert(contentsOf: nest, at: at)
            default: if at < body.count { body.remove(at: at) }
            }
        } while chance(2) && !body.isEmpty
    }
}
