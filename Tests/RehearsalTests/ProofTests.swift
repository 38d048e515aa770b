import AWS
import Audit
import Curl
import Decisions
import FoundationEssentials
import Rules
import Synchronization
import Testing

@testable import Rehearsal

@Suite("Proof: whose is what")
struct TerritoryTests {
    @Test("what has no tag, or another proof's, is foreign; what is not there is nobody's")
    func foreign() {
        var territory = Territory()
        territory.note("cluster proof", tags: [:])
        territory.note("table proof-ledger", tags: [Territory.tag: "other"])
        territory.note("table proof-prove", tags: [Territory.tag: "mine", "team": "x"])
        territory.note("log group /ecs/proof-agents", tags: nil)
        #expect(territory.foreign(to: "mine") == ["cluster proof", "table proof-ledger"])
        #expect(territory.own(of: "mine") == ["table proof-prove"])
    }

    @Test("where something of others has the prefix nothing is deployed and nothing taken away")
    func refuses() async throws {
        let ground = Ground(cluster: #"{"status":"ACTIVE","tags":[{"key":"team","value":"x"}]}"#)
        let said = Mutex<[String]>([])
        let end = await proof(on: ground) { text in said.withLock { $0.append(text) } }.run()
        #expect(end == .failed)
        #expect(ground.calls == ["open", "close"])
        #expect(said.withLock { $0.last }?.contains("cluster proof") == true)
        #expect(said.withLock { $0.last }?.contains("nothing was touched") == true)
    }

    @Test("what was deployed without the proof's tag is not written to, and taken away")
    func writesToNothingElse() async throws {
        // Nothing was there before, and is not there afterwards either.
        let ground = Ground(cluster: nil)
        let end = await proof(on: ground) { _ in }.run()
        #expect(end == .failed)
        #expect(ground.calls == ["open", "deploy", "takeAway", "forget", "close"])
        #expect(ground.http.operations.allSatisfy { !$0.contains("Update") && !$0.contains("Put") })
    }

    @Test(
        "a prefix is one that the module takes",
        arguments: [
            ("proof", true), ("p-1", true), ("", false), ("Proof", false), ("1p", false),
            ("p-", false), ("a-prefix-that-is-too-long", false), ("p_1", false),
        ]
    )
    func prefixes(text: String, isOne: Bool) {
        #expect(ProofSettings.isPrefix(text) == isOne)
    }

    private func proof(
        on ground: Ground,
        say: @escaping @Sendable (String) -> Void
    ) -> Proof {
        Proof(
            settings: ProofSettings(
                prefix: "proof",
                region: "eu-central-1",
                acts: [],
                pace: .local,
                marker: "mine"
            ),
            ground: ground,
            http: ground.http,
            say: say
        )
    }
}

/// A place with nothing but a cluster, that only notes what is asked of it.
private final class Ground: ProofGround {
    let http: Readings
    private let noted = Mutex<[String]>([])

    init(cluster: String?) { http = Readings(cluster: cluster) }

    var calls: [String] { noted.withLock { $0 } }
    var removal: String { "rm" }

    func open() async throws -> AWSClient {
        note("open")
        let credentials = Credentials(accessKeyID: "AKID", secretAccessKey: "secret")
        return AWSClient(
            try AWSEnvironment(["AWS_REGION": "eu-central-1"]),
            credentials: CredentialsProvider(.fixed(credentials), http: http),
            http: http
        )
    }

    func deploy() async throws -> ProofTarget {
        note("deploy")
        return ProofTarget(webhook: "https://127.0.0.1/", hmacKey: "k", address: "https://x")
    }

    func refuseProtection(_ isRefused: Bool) async throws { note("refuse") }
    func takeAway() async throws { note("takeAway") }
    func forget() throws { note("forget") }
    func close() async { note("close") }

    private func note(_ call: String) { noted.withLock { $0.append(call) } }
}

/// Answers what is read, with nothing but perhaps a cluster.
private final class Readings: HTTPClient {
    private let cluster: String?
    private let asked = Mutex<[String]>([])

    init(cluster: String?) { self.cluster = cluster }

    var operations: [String] { asked.withLock { $0 } }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let target = HTTPHeaders(request.headers)["X-Amz-Target"] ?? ""
        asked.withLock { $0.append(target) }
        let operation = target.split(separator: ".").last.map(String.init) ?? ""
        let (status, body): (Int, String) =
            switch operation {
            case "DescribeClusters": (200, #"{"clusters":[\#(cluster ?? "")]}"#)
            case "DescribeTable": (400, #"{"__type":"ResourceNotFoundException"}"#)
            case "DescribeLogGroups": (200, #"{"logGroups":[]}"#)
            case "ListTaskDefinitions": (200, #"{"taskDefinitionArns":[]}"#)
            case "GetResources": (200, #"{"ResourceTagMappingList":[]}"#)
            default: (400, #"{"__type":"NotOfThisTest"}"#)
            }
        return HTTPResponse(status: status, body: Array(body.utf8))
    }
}

@Suite("Proof: how long it waits")
struct ProofPaceTests {
    @Test(
        "longer than a task may stay that ECS started in excess: two looks of a minute beside its spell",
        arguments: [ProofPace.account, .local]
    )
    func patience(_ pace: ProofPace) {
        let timing = Timing.shipped
        let stay = Ledger.strayAfter + timing.compareEvery + timing.reserveAgain
        #expect(.seconds(pace.patience) > stay)
    }
}

@Suite("Proof: which revision ECS starts")
struct ReplacementSeenTests {
    private static let rollout = ReplacementSeen.Rollout(
        old: "ecs-svc/1",
        new: "ecs-svc/2",
        began: .init(milliseconds: 1_000),
        ended: .init(milliseconds: 9_000)
    )

    private func task(
        _ deployment: Int,
        from start: Int,
        to end: Int? = nil,
        code: String = "UserInitiated"
    ) -> TaskDescription {
        TaskDescription(
            id: TaskID("\(deployment)-\(start)"),
            deployment: "ecs-svc/\(deployment)",
            createdAt: .init(milliseconds: start),
            stoppingAt: end.map { .init(milliseconds: $0) },
            stoppedAt: end.map { .init(milliseconds: $0 + 500) },
            stopCode: end == nil ? nil : code
        )
    }

    private func seen(_ tasks: [TaskDescription]) -> ReplacementSeen {
        ReplacementSeen(Self.rollout, tasks)
    }

    @Test("a start after an end is a replacement, of the revision that it has")
    func readings() {
        let ended = task(1, from: 0, to: 2_000)
        #expect(seen([ended, task(1, from: 2_100)]) == .same(1))
        #expect(seen([ended, task(2, from: 2_100)]) == .primary(1))
        let two = [ended, task(1, from: 100, to: 4_000)]
        #expect(
            seen(two + [task(1, from: 2_100), task(2, from: 4_100)]) == .both(same: 1, primary: 1)
        )
    }

    @Test("what starts more than ended is no replacement, nor what starts before an end")
    func starts() {
        #expect(seen([task(2, from: 2_000)]) == .nothing)
        let ended = task(1, from: 0, to: 3_000)
        #expect(seen([ended, task(2, from: 2_000)]) == .nothing)
        #expect(seen([ended, task(2, from: 3_000), task(1, from: 3_001)]) == .primary(1))
    }

    @Test("what the deployment itself stops, or ends outside of it, is answered by no replacement")
    func others() {
        let scaled = task(1, from: 0, to: 2_000, code: "ServiceSchedulerInitiated")
        #expect(seen([scaled, task(2, from: 2_100)]) == .nothing)
        let newer = task(2, from: 1_500, to: 2_000)
        #expect(seen([newer, task(2, from: 2_100)]) == .nothing)
        let before = task(1, from: 0, to: 900)
        #expect(seen([before, task(1, from: 2_100)]) == .nothing)
    }
}

@Suite("Proof: what the evidence comes to")
struct ProofEvidenceTests {
    private static let task = "825a3582825a3582825a3582825a3582"

    /// Lines of a sidecar, a second apart.
    private static func events(_ members: [String]) -> [LogGroupReader.Event] {
        members.enumerated().map { index, members in
            let line =
                #"{"time":"2026-11-01T10:00:0\#(index).000Z","level":"info","#
                + #""program":"agent-sidecar","task":"\#(task)",\#(members),"message":"m"}"#
            return event(line, at: index)
        }
    }

    private static func event(_ text: String, at second: Int) -> LogGroupReader.Event {
        LogGroupReader.Event(
            stream: "agent-sidecar/agent-sidecar/\(task)",
            at: moment(second),
            text: text
        )
    }

    /// 2026-11-01T10:00:00Z, and so many seconds.
    private static func moment(_ second: Int) -> WallTime {
        WallTime(milliseconds: 1_793_527_200_000 + second * 1_000)
    }

    private static let life = events([
        #""event":"sidecar_started","restarted":false"#,
        #""event":"protection_granted","seconds":172800"#,
        #""event":"agent_named""#,
        #""event":"job_started","job":"run-1/plan""#,
    ])

    private func verdict(_ evidence: ProofEvidence, _ rule: Rule) -> String? {
        evidence.audit().findings.first { $0.number == rule.number }?.verdict.rawValue
    }

    @Test("a task that ECS scales in while its agent works breaks rule 1")
    func scaledIn() {
        var evidence = ProofEvidence(agents: Self.life, endpoint: [], tasks: [])
        #expect(verdict(evidence, .protected) == "held")
        evidence.tasks = [
            TaskDescription(
                id: TaskID(Self.task),
                stoppingAt: Self.moment(5),
                stopCode: "ServiceSchedulerInitiated"
            )
        ]
        #expect(verdict(evidence, .protected) == "broken")
        evidence.tasks = [
            TaskDescription(
                id: TaskID(Self.task),
                stoppingAt: Self.moment(5),
                stopCode: "UserInitiated"
            )
        ]
        #expect(verdict(evidence, .protected) == "held")
    }

    @Test("a run that fails breaks rule 3, and one that ends holds it")
    func runs() {
        var evidence = ProofEvidence(agents: Self.life, endpoint: [], tasks: [])
        evidence.noted = [(Self.moment(6), .runEnded("run-1", .asMeant))]
        #expect(verdict(evidence, .runFirst) == "held")
        evidence.noted.append((Self.moment(7), .runEnded("run-2", .failed("no agent came"))))
        #expect(verdict(evidence, .runFirst) == "broken")
    }

    @Test("a secret in a line or an item breaks rule 8")
    func secrets() {
        var evidence = ProofEvidence(agents: Self.life, endpoint: [], tasks: [])
        #expect(verdict(evidence, .secrets) == "held")
        evidence.items = [#"{"sk":{"S":"ledger"},"x":{"S":"\#(SecretKind.hmacKey.random())"}}"#]
        #expect(verdict(evidence, .secrets) == "broken")
        evidence.items = []
        evidence.endpoint = [Self.event("token \(SecretKind.accessToken.random())", at: 7)]
        #expect(verdict(evidence, .secrets) == "broken")
    }

    @Test("a service that does not come to rest breaks rule 7")
    func rest() {
        var evidence = ProofEvidence(agents: [], endpoint: [], tasks: [])
        #expect(verdict(evidence, .rest) == "cannot tell")
        evidence.rest = Rest(floor: 0, desired: 0, running: 0, quiet: 9_000, watched: 4_000)
        #expect(verdict(evidence, .rest) == "held")
        evidence.rest = Rest(floor: 0, desired: 1, running: 1, quiet: 9_000, watched: 4_000)
        #expect(verdict(evidence, .rest) == "broken")
    }

    @Test("a stream's name tells task and container; a function's tells neither")
    func streams() {
        let origin = ProofEvidence.origin("tfc-agent/tfc-agent/abc")
        #expect(origin.task == TaskID("abc"))
        #expect(origin.program == "tfc-agent")
        let function = ProofEvidence.origin("2026/11/01/[$LATEST]0123")
        #expect(function.program == "2026/11/01/[$LATEST]0123")
    }
}

@Suite("Proof: what it cost")
struct ProofBillTests {
    private static let report =
        "REPORT RequestId: 3604209a-e9a3-11e6-939a-754dd98c7be3\tDuration: 12.34 ms\t"
        + "Billed Duration: 1000 ms\tMemory Size: 256 MB\tMax Memory Used: 18 MB\t\n"

    @Test("Lambda's report of an invocation is read, and no other line taken for one")
    func report() {
        #expect(ProofBill.report(Self.report) == 0.25)
        for line in [
            "START RequestId: 1", #"{"message":"REPORT RequestId: x"}"#, "REPORT RequestId:",
        ] {
            #expect(ProofBill.report(line) == nil)
        }
    }

    @Test("a task costs a minute at the least, and what it is given beyond")
    func tasks() {
        func bill(_ seconds: Int) -> ProofBill {
            let task = TaskDescription(
                id: TaskID("a"),
                pullStartedAt: .init(milliseconds: 1_000),
                stoppedAt: .init(milliseconds: 1_000 + seconds * 1_000)
            )
            let event = LogGroupReader.Event(
                stream: "s",
                at: .init(milliseconds: 0),
                text: Self.report
            )
            let write = LogGroupReader.Event(
                stream: "s",
                at: .init(milliseconds: 0),
                text: #"{"event":"departed","LedgerWriteUnits":2.5}"#
            )
            return ProofBill(tasks: [task], functionLog: [event], agentsLog: [write], jobs: 1)
        }
        #expect(bill(10).writeUnits == 2.5)
        #expect(bill(10).taskSeconds == 60)
        #expect(bill(3_600).taskSeconds == 3_600)
        #expect(bill(3_600).gigabyteSeconds == 0.25)
        #expect(bill(3_600).invocations == 1)
        #expect(bill(3_600).dollars > bill(60).dollars)
    }
}
