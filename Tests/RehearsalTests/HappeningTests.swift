import AgentLink
import Decisions
import Model
import Rules
import Testing

@testable import Rehearsal

/// What the rule book is told of a rehearsal. That the book finds what breaks a rule is tested with
/// the book.
@Suite("Happenings as facts")
struct HappeningTests {
    private func broken(_ events: [Happening], mode: AgentMode = .shared) -> [Rule] {
        var verdict = verdict(mode)
        return events.flatMap { verdict.see($0, at: 0) }.map(\.rule)
    }

    private func verdict(_ mode: AgentMode = .shared) -> PlayVerdict {
        PlayVerdict(RuleBook(floor: 0, isShared: mode == .shared))
    }

    private func ledger(
        _ size: Int,
        _ departed: Set<TaskID> = [],
        from: Int? = nil,
        exposed: Set<TaskID> = [],
        living: Set<TaskID> = [],
        caller: TaskID? = "t"
    ) -> Happening {
        var old = LedgerRecord()
        old.size = from ?? size
        old.version = 1
        var new = LedgerRecord()
        new.version = 2
        new.size = size
        new.departed = departed
        new.exposed = exposed
        return .ledger(.init(old: old, new: new), caller: caller, living: living)
    }

    private let registered = Happening.agentRegistered("t", agent: "a", pid: 1, name: "n")
    private let protected = Happening.protected("t", minutes: 120)

    @Test("a fair life breaks nothing")
    func fair() {
        let life: [Happening] = [
            .taskStarted("t"), protected, registered, .agentStatus("t", agent: "a", .idle),
            .jobStarted("r/plan", "t", agent: "a"),
            .jobEnded("r/plan", "t", agent: "a", .finished), .stopSignal("t", count: 1),
            .agentStatus("t", agent: "a", .exited), ledger(1, ["t"], from: 2),
            .desiredCount(from: 2, to: 1, dead: ["t"]),
            .unprotected("t", agentAlive: false, expired: false), .scaledIn("t", .scaleIn),
            .taskStopped("t"), .runStatus("r", .applied, .asMeant),
        ]
        #expect(broken(life, mode: .single).isEmpty)
    }

    @Test(
        "protection that runs out, a busy task that is stopped, and an exposed one beside a lowering"
    )
    func protection() {
        #expect(broken([registered]) == [.protected])
        let alive = Happening.unprotected("t", agentAlive: true, expired: true)
        #expect(broken([protected, registered, alive]) == [.protected])
        #expect(
            broken([
                protected, registered, .jobStarted("r/plan", "t", agent: "a"),
                .scaledIn("t", .personsScaleIn),
            ]) == [.protected]
        )
        #expect(
            broken([
                ledger(2, exposed: ["t"]), registered, .desiredCount(from: 2, to: 1, dead: []),
            ]) == [.exposed]
        )
    }

    @Test("what the kernel says of an agent's end counts before anybody told of it")
    func kernel() {
        let killed: [Happening] = [protected, registered]
        #expect(broken(killed + [ledger(1, ["t"], from: 2)]).isEmpty)
        #expect(broken(killed + [ledger(1, ["t"], from: 2, living: ["t"])]) == [.lowering])
        #expect(
            broken(killed + [.unprotected("t", agentAlive: false, expired: true)]).isEmpty
        )
        let bare: [Happening] = [ledger(2, exposed: ["t"]), registered]
        #expect(broken(bare + [.desiredCount(from: 2, to: 1, dead: ["t"])]).isEmpty)
    }

    @Test("the endpoint is told from the tasks by who called")
    func caller() {
        let write = ledger(1, ["u"], from: 2, caller: nil)
        #expect(broken([write]) == [.lowering])
    }

    private let lost: [Happening] = [
        .jobLost("r/plan", "t"), .runStatus("r", .errored, .agentLost),
    ]

    @Test("a run that ends as meant passes, a failed or lost one is a violation")
    func losses() {
        #expect(broken([.runStatus("r", .errored, .asMeant)]).isEmpty)
        #expect(broken([.runStatus("r", .errored, .job(.errored))]) == [.runFirst])
        #expect(broken(lost) == [.runFirst, .runFirst])
        // A killed sidecar or endpoint dooms nobody.
        #expect(broken([.fault(1, "kill -9 of the sidecar")] + lost).count == 2)
    }

    @Test("a job that the seed itself took is named, and breaks nothing")
    func seedLosses() {
        var verdict = verdict()
        for event in [.doomed("t", cause: "fault 3 took its host")] + lost {
            #expect(verdict.see(event, at: 0).isEmpty)
        }
        #expect(verdict.losses == ["r/plan on t: fault 3 took its host"])
        #expect(verdict.holds)
    }

    @Test("a second stop signal, a second job of a single agent, and a count without a ledger")
    func others() {
        #expect(broken([.stopSignal("t", count: 2)]) == [.oneSignal])
        let jobs: [Happening] = [
            .jobStarted("r/plan", "t", agent: "a"),
            .jobEnded("r/plan", "t", agent: "a", .finished),
            .jobStarted("r/apply", "t", agent: "a"),
        ]
        #expect(broken(jobs, mode: .single) == [.nothingLeft])
        #expect(broken(jobs).isEmpty)
        #expect(broken([.desiredCount(from: 1, to: 0, dead: [])]) == [.noWrongZero])
        #expect(broken([.desiredCountEdited(from: 3, to: 0)]).isEmpty)
    }

    @Test("a renewed container is as a new one, and what a job finds there is told by its agent")
    func renewed() throws {
        let jobs: [Happening] = [
            .jobStarted("r/plan", "t", agent: "a"),
            .jobEnded("r/plan", "t", agent: "a", .finished),
        ]
        let told = try #require(
            Happening(of: "t", told: Self.launcher("container_renewed", "in 21 ms"))
        )
        let next = Happening.jobStarted("r/apply", "t", agent: "b")
        #expect(broken(jobs + [told, next], mode: .renewed).isEmpty)
        #expect(broken(jobs + [next], mode: .renewed) == [.nothingLeft])
        let found = try #require(
            Happening(
                of: "t",
                told: #"{"@level":"warn","@message":"Found what an earlier job left","#
                    + #""@module":"terraform","@timestamp":"t","job_id":"r","job_type":"apply","#
                    + #""left":"/tmp/left-t-r-plan"}"#
            )
        )
        #expect(broken(jobs + [told, next, found], mode: .renewed) == [.nothingLeft])
        #expect(broken(jobs + [next, found]).isEmpty)
    }

    private static func launcher(_ event: String, _ message: String) -> String {
        #"{"level":"info","program":"agent-launcher","event":"\#(event)","message":"\#(message)"}"#
    }

    @Test("what the launcher says of renewals is told from the rest of its container's lines")
    func lines() {
        func tally(_ lines: String...) -> PlayTally {
            var tally = PlayTally()
            for event in lines.compactMap({ Happening(of: "t", told: $0) }) {
                tally.see(event, at: 0)
            }
            return tally
        }
        #expect(tally(Self.launcher("container_renewed", "in 9 ms")).renewals == 1)
        #expect(tally(Self.launcher("container_spoiled", "spoiled time: 10 s")).spoiled == 1)
        let never = Self.launcher("renewal_impossible", "the launcher does not run as root")
        #expect(tally(never).obstacle == "the launcher does not run as root")
        let others = tally(
            #"{"event":"container_renewed","message":"a job's own","program":"x"}"#,
            Self.launcher("started_alone", "no sidecar"),
            #"{"@level":"info","@message":"an earlier job","@timestamp":"t"}"#
        )
        #expect(others.renewals == 0 && others.finds == 0 && others.obstacle == nil)
    }

    @Test("a task's start counts from its first container to its first agent, and once")
    func starts() {
        var tally = PlayTally()
        func container(_ name: String, restart: Bool = false) -> Happening {
            .containerStarted("t", container: name, pid: 1, restart: restart)
        }
        let agent = Happening.agentRegistered("t", agent: "agent-1", pid: 1, name: "a")
        tally.see(container("first"), at: 1_000)
        tally.see(container("second"), at: 1_200)
        tally.see(agent, at: 1_700)
        tally.see(container("second", restart: true), at: 1_800)
        tally.see(agent, at: 9_000)
        #expect(tally.starts == [700])
    }

    @Test("modes stand side by side in one table")
    func table() {
        let figures = PlayFigures(
            mode: .renewed,
            boots: 3,
            planWaits: [1_000, 3_000, 2_000],
            applyWaits: [],
            alive: 8_000,
            busy: 2_000,
            renewals: 2,
            spoiled: 0,
            finds: 0,
            holds: true
        )
        let lines = PlayFigures.table([figures], Paint(isOn: false)).split(separator: "\n")
        #expect(
            lines[1].split(separator: " ", omittingEmptySubsequences: true) == [
                "renewed", "3", "2.0", "s,", "3.0", "s", "-", "8.0", "s", "25", "%", "2", "0", "0",
                "hold",
            ]
        )
    }

    @Test("nobody writes the count of a service that is deleted, nor raises one whose limits are 0")
    func ends() {
        let adopted = ledger(1)
        let again = Happening.desiredCount(from: 0, to: 1, dead: [])
        #expect(broken([adopted, .serviceDeleted(from: 1), again]) == [.noWrongZero])
        #expect(broken([adopted, .serviceDeleted(from: 1)]).isEmpty)
        let busy: [Happening] = [adopted, protected, registered, .serviceDeleted(from: 1)]
        #expect(broken(busy + [.scaledIn("t", .deletion)]) == [.protected])
        var verdict = verdict()
        #expect(!verdict.hasEnded)
        for event in [adopted, .limitsEnded] { _ = verdict.see(event, at: 0) }
        #expect(verdict.hasEnded && !verdict.isDeleted)
        #expect(verdict.see(again, at: 60_000).map(\.rule) == [.noWrongZero])
    }

    @Test("the ledger's picture is put together from its items, and the limits are none of them")
    func picture() throws {
        let limits: TableItem = ["max_count": ["N": "4"]]
        #expect(LedgerRecord(["limits": limits, "limits/ending": limits]) == nil)
        let counted: TableItem = [
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
        let put = Happening.ledger(.init(old: nil, new: announced), caller: nil, living: [])
        #expect(TimelineEntry(put)?.what == "+ run-1/plan")
        var raised = announced
        (raised.version, raised.size) = (1, 1)
        let raise = Happening.ledger(
            .init(old: announced, new: raised),
            caller: nil,
            living: []
        )
        #expect(TimelineEntry(raise)?.what == "size 0 -> 1")
    }

    @Test("a job's item and a raise leave the version, and nothing else may")
    func versions() {
        var old = LedgerRecord()
        old.version = 3
        old.size = 2
        func broken(_ change: (inout LedgerRecord) -> Void) -> [Rule] {
            var new = old
            change(&new)
            return self.broken([.ledger(.init(old: old, new: new), caller: "t", living: [])])
        }
        #expect(broken { $0.jobs = ["r/plan"] }.isEmpty)
        #expect(broken { $0.size = 3 }.isEmpty)
        #expect(broken { $0.leaving = ["t"] } == [.lowering])
        #expect(
            broken {
                $0.size = 1; $0.departed = ["t"]
            } == [.lowering]
        )
        #expect(
            broken {
                $0.version = 4; $0.size = 1; $0.departed = ["t"]
            }.isEmpty
        )
    }

    @Test("a line with a secret is found, and not shown", arguments: SecretKind.allCases)
    func secrets(kind: SecretKind) {
        let secret = kind.mark + "0123456789abcdef"
        #expect(broken([.line(.container("t", "agent-sidecar"), "x=\(secret)")]) == [.secrets])
        #expect(broken([.line(.endpoint, "x=\(secret)")]) == [.secrets])
        #expect(broken([.itemWritten(#"{"pk":"\#(secret)"}"#)]) == [.secrets])
        #expect(TimelineEntry(.line(.endpoint, "token=\(secret)"))?.what.contains(secret) == false)
    }
}
