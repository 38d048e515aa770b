import Decisions
import Glibc
import HCPTerraform
import ScaleUp
import Seeded
import Testing

/// Mutations of the documented calls, through the whole request path. `FUZZ_SECONDS` makes it
/// longer than the default, and `FUZZ_SEED` plays one again.
@Suite("Endpoint, mutated requests")
struct FuzzTests {
    private static func setting(_ name: String) -> Int? {
        getenv(name).flatMap { Int(String(cString: $0)) }
    }

    @Test("nothing crashes, nothing acts unsigned, and what is signed ends in a callback or 503")
    func requests() async throws {
        let seed = UInt64(Self.setting("FUZZ_SEED") ?? Int.random(in: 1...Int(Int32.max)))
        let seconds = Self.setting("FUZZ_SECONDS") ?? 60
        var mutator = Mutator(seed: seed)
        let world = try World(maxCount: 3)
        let policy = Verdict.Policy(
            origin: .hcpTerraform,
            announceStages: [.prePlan, .preApply]
        )
        let end = ContinuousClock.now + .seconds(seconds)
        var cases = 0
        var acted = 0
        while ContinuousClock.now < end || cases < 2_000 {
            cases += 1
            // The other tests want their turn.
            await Task.yield()
            let (request, isSigned) = mutator.request()
            let verdict = Verdict(request, keys: [World.key], policy)
            let callbacks = world.callbacks.count
            let before = try await world.ledger()
            // The endpoint is slower by far, so it gets a share of what is refused.
            if case .refuse = verdict, cases % 8 != 0 { continue }
            let status = await world.endpoint.respond(to: request).status
            let called = world.callbacks.count - callbacks
            let after = try await world.ledger()
            switch verdict {
            case .act(let call, let need):
                acted += 1
                #expect(isSigned, "acted without a signature, seed \(seed), case \(cases)")
                #expect(status == 503 || called == 1, "seed \(seed), case \(cases)")
                #expect(Origin(call.callbackURL) == .hcpTerraform)
                if case .agent(let job) = need { #expect(after.jobs[job] != nil) }
            case .verification:
                #expect(isSigned && status == 200 && called == 0 && after == before)
            case .refuse, .unknownSignature:
                #expect([400, 401, 405, 413].contains(status), "seed \(seed), case \(cases)")
                #expect(called == 0 && after == before, "seed \(seed), case \(cases)")
            }
            if after.jobs.count > 50 { try await world.forget() }
        }
        print("fuzz: seed \(seed), \(cases) cases in \(seconds) s, \(acted) of them acted")
        #expect(acted > 0 && acted < cases)
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

    mutating func request() -> (EndpointRequest, isSigned: Bool) {
        var body = Array(payload().utf8)
        if chance(3) { damage(&body) }
        var signature = World.key.sign(body)
        var headers = [(name: "X-TFC-Task-Signature", value: signature)]
        var isSigned = true
        switch Int.random(in: 0..<12, using: &generator) {
        case 0:
            signature = RunTaskKey("another key").sign(body)
            (headers, isSigned) = ([("X-TFC-Task-Signature", signature)], false)
        case 1:
            (headers, isSigned) = ([], false)
        case 2:
            (headers, isSigned) = ([headers[0], ("x-tfc-task-signature", signature)], false)
        case 3:
            headers = [("x-TFC-task-SIGNATURE", signature.uppercased()), ("Host", "\u{e9}")]
        case 4:
            let cut = String(signature.dropLast(Int.random(in: 1...128, using: &generator)))
            (headers, isSigned) = ([("X-TFC-Task-Signature", cut)], false)
        case 5:
            // Signed, and changed on the way.
            body.append(UInt8(ascii: " "))
            isSigned = false
        default: break
        }
        let method = chance(50) ? pick(["GET", "PUT", "", "post"]) : "POST"
        return (EndpointRequest(method: method, headers: headers, body: body), isSigned)
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
