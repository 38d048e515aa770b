import Testing
import Seeded

@testable import Rehearsal

@Suite("Rules")
struct RuleTests {
    private func violations(_ rule: any Rule, _ facts: [Fact]) -> Int {
        var rule = rule
        for fact in facts { rule.see(fact) }
        return rule.violations.count
    }

    private func ledger(
        _ size: Int,
        _ departed: [TaskID] = [],
        from: Int? = nil,
        before: [TaskID] = [],
        exposed: Set<TaskID> = [],
        living: Set<TaskID> = []
    ) -> Fact {
        var old = LedgerRecord()
        old.size = from ?? size
        old.departed = Set(before)
        var new = LedgerRecord()
        new.size = size
        new.departed = Set(departed)
        new.exposed = exposed
        return .ledger(LedgerRecord.Write(old: old, new: new), living: living)
    }

    private let registered = Fact.agentRegistered("t", agent: "a", pid: 1, name: "n")

    @Test("protection before the agent and until its end passes")
    func protected() {
        #expect(
            violations(
                ProtectionRule(),
                [
                    .protected("t", minutes: 120), registered,
                    .jobStarted("r/plan", "t", agent: "a"),
                    .jobEnded("r/plan", "t", agent: "a", result: "finished"), .agentGone("t"),
                    .unprotected("t", agentAlive: false, expired: false), .scaledIn("t"),
                ]
            ) == 0
        )
    }

    @Test("a task whose agent was killed at work may be scaled in")
    func killed() {
        #expect(
            violations(
                ProtectionRule(),
                [
                    .protected("t", minutes: 120), registered,
                    .jobStarted("r/plan", "t", agent: "a"),
                    .unprotected("t", agentAlive: false, expired: false), .scaledIn("t"),
                ]
            ) == 0
        )
    }

    @Test("an exposed task needs no protection")
    func exposed() {
        #expect(violations(ProtectionRule(), [ledger(1, exposed: ["t"]), registered]) == 0)
    }

    @Test(
        "an unprotected agent, a protection that ends early and a stopped job are violations",
        arguments: [
            [Fact.agentRegistered("t", agent: "a", pid: 1, name: "n")],
            [
                .protected("t", minutes: 1), .agentRegistered("t", agent: "a", pid: 1, name: "n"),
                .unprotected("t", agentAlive: true, expired: true),
            ],
            [
                .protected("t", minutes: 1), .agentRegistered("t", agent: "a", pid: 1, name: "n"),
                .jobStarted("r/plan", "t", agent: "a"), .scaledIn("t"),
            ],
        ]
    )
    func unprotected(facts: [Fact]) {
        #expect(violations(ProtectionRule(), facts) == 1)
    }

    @Test("one stop signal passes, a second is a violation")
    func signals() {
        #expect(violations(OneSignalRule(), [.stopSignal("t", count: 1)]) == 0)
        #expect(violations(OneSignalRule(), [.stopSignal("t", count: 2)]) == 1)
    }

    @Test("a run that ends as scripted passes, a failed or lost one is a violation")
    func losses() {
        #expect(
            violations(
                NoLossRule(),
                [.runPhase("r", .errored, note: "as scripted, its plan fails")]
            ) == 0
        )
        #expect(violations(NoLossRule(), [.runPhase("r", .errored, note: "gone")]) == 1)
        #expect(violations(NoLossRule(), [.jobLost("r/plan", "t", agent: "a")]) == 1)
    }

    private let lost: [Fact] = [
        .jobLost("r/plan", "t", agent: "a"), .runPhase("r", .errored, note: Run.agentGone),
    ]

    @Test("a job that the seed itself took is counted, and breaks nothing")
    func seedLosses() {
        let doomed = Fact.doomed("t", cause: "fault 3 took its host")
        #expect(violations(NoLossRule(), [doomed] + lost) == 0)
        var book = RuleBook()
        for fact in [doomed] + lost { _ = book.see(fact) }
        #expect(book.losses.sentences == ["r/plan on t: fault 3 took its host"])
    }

    @Test("the seed excuses no other task, no other run, and no failure that an agent reports")
    func seedExcusesNothingElse() {
        let other = Fact.doomed("u", cause: "fault 3 took its host")
        #expect(violations(NoLossRule(), [other] + lost) == 2)
        let doomed = Fact.doomed("t", cause: "fault 3 took its host")
        #expect(
            violations(
                NoLossRule(),
                [doomed] + lost + [.runPhase("s", .errored, note: Run.agentGone)]
            ) == 1
        )
        #expect(
            violations(
                NoLossRule(),
                [doomed] + lost + [.runPhase("r", .errored, note: "the agent reported errored")]
            ) == 1
        )
        // A killed sidecar or endpoint dooms nobody.
        #expect(violations(NoLossRule(), [.fault(1, "kill -9 of the sidecar")] + lost) == 2)
    }

    @Test("a count that someone edits is not this system's lowering")
    func edits() {
        #expect(violations(LoweringRule(), [.desiredCountEdited(from: 3, to: 0)]) == 0)
    }

    @Test("size falls by one with one departure of a dead agent")
    func sizeFalls() {
        #expect(violations(SizeRule(), [ledger(1, ["t"], from: 2)]) == 0)
        #expect(violations(SizeRule(), [ledger(5, from: 2)]) == 0)
    }

    @Test("a bigger fall, one without a departure, a living or a repeated one are violations")
    func sizeViolations() {
        #expect(violations(SizeRule(), [ledger(0, ["t"], from: 2)]) == 1)
        #expect(violations(SizeRule(), [ledger(1, from: 2)]) == 1)
        #expect(violations(SizeRule(), [ledger(1, ["t"], from: 2, living: ["t"])]) == 1)
        #expect(
            violations(SizeRule(), [ledger(1, ["t"], from: 2), ledger(0, ["t"], from: 1)]) == 1
        )
    }

    @Test("the ledger's picture is put together from its items, and the limits are none of them")
    func picture() throws {
        let limits: Item = ["max_count": ["N": "4"]]
        #expect(LedgerRecord(["limits": limits, "limits/ending": limits]) == nil)
        let counted: Item = [
            "version": ["N": "7"], "size": ["N": "2"],
            "leaving": ["M": ["u": ["M": [:]]]], "exposed": ["M": ["v": ["M": [:]]]],
        ]
        let record = try #require(
            LedgerRecord([
                "ledger": counted, "limits": limits, "job/run-1/plan": [:], "task/t": [:],
            ])
        )
        #expect(record.version == 7 && record.size == 2)
        #expect(record.jobs == ["run-1/plan"] && record.departed == ["t"])
        #expect(record.leaving == ["u"] && record.exposed == ["v"])
        let announced = try #require(LedgerRecord(["job/run-1/plan": [:]]))
        #expect(announced.version == 0 && announced.jobs == ["run-1/plan"])
    }

    @Test("a job that is announced before there is a ledger does not show as a size")
    func firstJob() throws {
        let announced = try #require(LedgerRecord(["job/run-1/plan": [:]]))
        let put = Fact.ledger(.init(old: nil, new: announced), living: [])
        #expect(Entry(put)?.what == "+ run-1/plan")
        var raised = announced
        (raised.version, raised.size) = (1, 1)
        let raise = Fact.ledger(.init(old: announced, new: raised), living: [])
        #expect(Entry(raise)?.what == "size 0 -> 1")
    }

    @Test("lowering passes when every living agent is protected, and not otherwise")
    func lowering() {
        #expect(violations(LoweringRule(), [.desiredCount(from: 2, to: 1, exposed: [])]) == 0)
        #expect(violations(LoweringRule(), [.desiredCount(from: 1, to: 2, exposed: ["t"])]) == 0)
        #expect(violations(LoweringRule(), [.desiredCount(from: 2, to: 1, exposed: ["t"])]) == 1)
    }

    @Test(
        "only an agent last seen idle or exited is made to depart",
        arguments: [
            (AgentPool.Status.idle, 0), (.exited, 0), (.busy, 1), (.unknown, 1), (.errored, 1),
        ]
    )
    func status(status: AgentPool.Status, expected: Int) {
        #expect(
            violations(
                KnownStatusRule(),
                [
                    .agentStatus("t", agent: "a", status), .stopSignal("t", count: 1),
                    ledger(1, ["t"], from: 2),
                ]
            ) == expected
        )
        #expect(
            violations(
                KnownStatusRule(),
                [.agentStatus("t", agent: "a", status), ledger(1, ["t"], from: 2)]
            ) == 0
        )
    }

    @Test("rest is desired_count, quiet and an empty ledger")
    func rest() {
        var ledger = LedgerRecord()
        ledger.size = 1
        var rest = Fact.Rest(
            floor: 1,
            desired: 1,
            running: 1,
            pending: 0,
            quietSeconds: 3,
            ledger: ledger
        )
        #expect(violations(RestRule(), [.rest(rest)]) == 0)
        rest.desired = 2
        rest.pending = 1
        rest.outdated = 1
        rest.quietSeconds = 1
        rest.ledger?.jobs = ["r/plan"]
        rest.ledger?.leaving = ["t"]
        rest.ledger?.size = 2
        #expect(violations(RestRule(), [.rest(rest)]) == 7)
    }

    @Test("a secret is found in lines and items, whole or in part", arguments: SecretKind.allCases)
    func secrets(kind: SecretKind) {
        var random = SeededRandom(seed: 1)
        let secret = kind.make(from: &random)
        let rule = SecretsRule()
        #expect(violations(rule, [.line(.endpoint, "all is well")]) == 0)
        #expect(violations(rule, [.line(.endpoint, "token=\(secret.prefix(12))...")]) == 1)
        #expect(violations(rule, [.itemWritten(#"{"pk":"\#(secret)"}"#)]) == 1)
        #expect(
            Entry(.line(.endpoint, "token=\(secret)"))?.what.contains(secret) == false
        )
    }
}
