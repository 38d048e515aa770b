import Decisions
import Rules
import Testing

/// The rules about ledger, rest, secrets and jobs: 4, and 7 to 10.
extension RuleBookTests {
    // MARK: 4

    @Test("4: size falls by one with one departure of a dead agent")
    func departs() {
        let ended = protectedAgent + [.agentEnded(task)]
        #expect(broken(ended + [write((2, 1), by: task, departures: [task])]).isEmpty)
        #expect(broken([write((2, 5), by: nil)]).isEmpty)
    }

    @Test("4: a bigger fall, one without departure, a living or repeated one, and the endpoint's")
    func fallsWrongly() {
        let ended = protectedAgent + [.agentEnded(task)]
        let once = write((2, 1), by: task, departures: [task])
        let again = write((1, 0), by: task, departures: [task], versions: (2, 3))
        #expect(broken(ended + [write((2, 0), by: task, departures: [task])]) == [4])
        #expect(broken(ended + [write((2, 1), by: task)]) == [4])
        #expect(broken(protectedAgent + [once]) == [4])
        #expect(broken(ended + [once, again]) == [4])
        #expect(broken(ended + [once, .taskStopped(task), again]) == [4])
        #expect(broken([write((2, 1), by: nil, departures: [other])]) == [4])
    }

    @Test("4: a departure that the ledger lost may be booked again, and lowers once all the same")
    func departsAgain() {
        let strayed = write((1, 1), by: task, departures: [task])
        let retired = write((2, 1), by: task, departures: [task])
        #expect(broken([.taskStarted(task), strayed, strayed]) == [4])
        #expect(broken([.taskStarted(task), strayed, .noLedger, retired]).isEmpty)
        let followed = Fact.desiredCount(from: 2, to: 1, by: .system)
        #expect(broken([.taskStarted(task), retired, followed, .noLedger, retired]) == [4])
        #expect(
            broken([.taskStarted(task), retired, followed, .taskStopped(task), .noLedger, retired])
                == [4]
        )
    }

    @Test("4: what the service had not followed when the ledger was lost is lowered again")
    func departsUnfollowed() {
        let retired = write((2, 1), by: task, departures: [task])
        let adopted = write((0, 1), by: task, departures: [task])
        #expect(broken([.taskStarted(task), retired, .noLedger, retired]).isEmpty)
        #expect(broken([.taskStarted(task), retired, .noLedger, adopted]).isEmpty)
        let elsewhere = Fact.desiredCount(from: 3, to: 2, by: .system)
        #expect(broken([.taskStarted(task), retired, elsewhere, .noLedger, retired]).isEmpty)
        // It wanted no more before: there was nothing to follow.
        let edited = Fact.desiredCount(from: 2, to: 1, by: .person)
        #expect(broken([.taskStarted(task), edited, retired, .noLedger, retired]) == [4])
        // Once, and while the ledger is there not even that.
        #expect(broken([.taskStarted(task), retired, .noLedger, retired, retired]) == [4])
        #expect(broken([.taskStarted(task), retired, retired]) == [4])
    }

    @Test("4: a write over a change that was not read is found")
    func overwrites() {
        #expect(broken([write((1, 1), by: task, versions: (5, 5))]) == [4])
    }

    // MARK: 7

    private func rest(_ change: (inout Rest) -> Void) -> Fact {
        var rest = Rest(floor: 1, desired: 1, running: 1, quiet: 3_000, watched: 3_000)
        rest.ledger = .init(size: 1, jobs: [], leaving: [], exposed: [])
        change(&rest)
        return .rest(rest)
    }

    @Test("7: rest is desired_count, quiet, and a ledger with nothing left")
    func rests() {
        #expect(broken([rest { _ in }]).isEmpty)
        #expect(broken([rest { $0.ledger = nil }]).isEmpty)
    }

    @Test(
        "7: each thing that is not at rest is found",
        arguments: [
            {
                $0.desired = 2; $0.running = 2; $0.ledger?.size = 2
            }, { $0.running = 2 },
            { $0.changing = 1 }, { $0.outdated = 1 }, { $0.quiet = 2_999 },
            { $0.ledger?.size = 2 }, { $0.ledger?.jobs = ["run-1/plan"] },
            { $0.ledger?.leaving = [TaskID("t")] }, { $0.ledger?.exposed = [TaskID("t")] },
        ] as [@Sendable (inout Rest) -> Void]
    )
    func restless(change: @Sendable (inout Rest) -> Void) {
        #expect(broken([rest(change)]) == [7])
    }

    @Test("7: the ledger of a service that ends may keep a size that nobody is left to take off")
    func ends() {
        let ended = { (size: Int, desired: Int) in
            self.rest {
                $0.isEnding = true
                $0.floor = 0
                $0.desired = desired
                $0.running = desired
                $0.ledger?.size = size
            }
        }
        #expect(broken([ended(4, 0)]).isEmpty)
        // It still has to come down itself, and no size is ever below what runs.
        #expect(broken([ended(4, 1)]) == [7])
        #expect(broken([ended(0, 1)]) == [7, 7])
    }

    @Test("7: an agent that nobody can read stays, and with it what it may hold")
    func kept() {
        let more = rest {
            $0.desired = 2
            $0.running = 2
            $0.ledger = .init(size: 2, jobs: ["run-1/plan"], leaving: [], exposed: [])
        }
        #expect(broken([.heard(task, .unknown), more]).isEmpty)
        #expect(broken([.heard(task, .unknown), .heard(task, .idle), more]) == [7, 7])
        #expect(broken([.heard(task, .unknown), .taskStopped(task), more]) == [7, 7])
    }

    @Test("7: agents with a maximum lifetime come and go")
    func lifetime() {
        let moving = rest {
            $0.comesAndGoes = true
            $0.running = 0
            $0.changing = 1
            $0.quiet = 0
        }
        #expect(broken([moving]).isEmpty)
    }

    @Test("7: size does not fall below the floor, unless agents fail to start")
    func floor() {
        let book = RuleBook(floor: 2)
        let ended = protectedAgent + [.agentEnded(task)]
        let below = write((2, 1), by: task, departures: [task])
        #expect(judge(ended + [below], book).violations.map(\.rule) == [.rest])
        let failing = write((2, 1), by: task, departures: [task], startsFail: true)
        #expect(judge(ended + [failing], book).violations.isEmpty)
        #expect(judge(ended + [below], RuleBook()).violations.isEmpty)
    }

    // MARK: 8

    @Test(
        "8: a secret is found in lines and items, whole or in part",
        arguments: SecretKind.allCases
    )
    func secrets(kind: SecretKind) {
        let secret = kind.mark + "0123456789abcdef"
        let log = Fact.Place.log(task, program: "agent-sidecar")
        #expect(broken([.written("all is well", log)]).isEmpty)
        #expect(broken([.written("token=\(secret.prefix(12))...", log)]) == [8])
        #expect(broken([.written(secret, .endpointLog)]) == [8])
        #expect(broken([.written(#"{"pk":"\#(secret)"}"#, .table)]) == [8])
        #expect(SecretKind.found(in: secret) == kind)
    }

    // MARK: 9

    @Test("9: a second job in a container needs the shared mode")
    func secondJob() {
        let single = RuleBook()
        let first = protectedAgent + [.jobReceived(plan, task), .jobEnded(plan, task)]
        #expect(judge(first, single).violations.isEmpty)
        let second = first + [.jobReceived(apply, task)]
        #expect(judge(second, single).violations.map(\.rule) == [.nothingLeft])
        #expect(broken(second).isEmpty)
    }

    @Test("9: a container that was renewed takes one more job, and not two")
    func renewed() {
        let first = protectedAgent + [.jobReceived(plan, task), .jobEnded(plan, task)]
        let again: [Fact] = [
            .agentEnded(task), .renewed(task), .agentStarted(task), .jobReceived(apply, task),
            .jobEnded(apply, task),
        ]
        #expect(judge(first + again, RuleBook()).violations.isEmpty)
        #expect(judge(first + again + again, RuleBook()).violations.isEmpty)
        let third = first + again + [.jobReceived(plan, task)]
        #expect(judge(third, RuleBook()).violations.map(\.rule) == [.nothingLeft])
        // Another task's renewal says nothing of this one.
        let elsewhere = first + [.renewed(other), .jobReceived(apply, task)]
        #expect(judge(elsewhere, RuleBook()).violations.map(\.rule) == [.nothingLeft])
    }

    @Test("9: what a job finds of an earlier one is named, but in the shared mode")
    func found() {
        let find = protectedAgent + [.jobReceived(plan, task), .found(plan, task, left: "a file")]
        let violations = judge(find, RuleBook()).violations
        #expect(violations.map(\.rule) == [.nothingLeft])
        #expect(violations.first?.text == "let run-1/plan find a file")
        #expect(broken(find).isEmpty)
    }

    // MARK: 10

    @Test("10: a ledger that was never written moves nothing")
    func neverWritten() {
        var book = RuleBook()
        #expect(book.see(.noLedger, at: 0).violations.isEmpty)
        let violations = book.see(.desiredCount(from: 1, to: 0, by: .system), at: 1).violations
        #expect(violations.map(\.rule) == [.noWrongZero])
        #expect(book.see(.desiredCount(from: 0, to: 3, by: .person), at: 2).violations.isEmpty)
        // A log that begins in the middle says nothing of the ledger.
        var later = RuleBook()
        #expect(later.see(.desiredCount(from: 1, to: 0, by: .system), at: 1).violations.isEmpty)
    }

    @Test("10: one that no task of the service has written may raise it, and not lower it")
    func notAdopted() {
        let write = CountedWrite(
            by: nil,
            versions: .init(1, 2),
            sizes: .init(1, 1),
            isAdopted: false
        )
        let raise = Fact.desiredCount(from: 0, to: 1, by: .system)
        #expect(broken([.ledgerWritten(write), raise]).isEmpty)
        #expect(broken([.noLedger, .ledgerRaised(isAdopted: false), raise]).isEmpty)
        let lower = Fact.desiredCount(from: 2, to: 1, by: .system)
        #expect(broken([.ledgerWritten(write), lower]) == [10])
        // An earlier raise of another endpoint arrives after a later one.
        #expect(broken([.ledgerWritten(write), raise, lower]).isEmpty)
        // Nobody reads in time what a person has just set.
        var book = RuleBook()
        _ = book.see(.ledgerWritten(write), at: 0)
        _ = book.see(.desiredCount(from: 0, to: 2, by: .person), at: 1_000)
        #expect(book.see(lower, at: 91_000).violations.isEmpty)
        #expect(book.see(lower, at: 91_001).violations.map(\.rule) == [.noWrongZero])
    }

    @Test("10: one that is lost moves nothing but what was on its way")
    func lost() {
        var book = RuleBook()
        let write = CountedWrite(by: nil, versions: .init(0, 1), sizes: .init(1, 1))
        _ = book.see(.ledgerWritten(write), at: 0)
        _ = book.see(.noLedger, at: 1_000)
        let lower = Fact.desiredCount(from: 2, to: 1, by: .system)
        #expect(book.see(lower, at: 31_000).violations.isEmpty)
        #expect(book.see(lower, at: 31_001).violations.map(\.rule) == [.noWrongZero])
        let again = CountedWrite(
            by: nil,
            versions: .init(0, 1),
            sizes: .init(0, 0),
            isAdopted: false
        )
        _ = book.see(.noLedger, at: 40_000)
        _ = book.see(.ledgerWritten(again), at: 41_000)
        #expect(book.see(lower, at: 70_000).violations.isEmpty)
        #expect(book.see(lower, at: 70_001).violations.map(\.rule) == [.noWrongZero])
    }

    @Test("10: a service that is ending is not moved")
    func ending() {
        let lower = Fact.desiredCount(from: 2, to: 1, by: .system)
        #expect(broken([.serviceEnds, lower]) == [10])
        #expect(broken([lower]).isEmpty)
    }

    @Test("10: limits of none let the service fall and nobody raise it, but by an old reading")
    func limitsEnd() {
        let raise = Fact.desiredCount(from: 1, to: 2, by: .system)
        let wait = Array(repeating: Fact.jobEnded(plan, task), count: 31)
        #expect(broken([.limitsEnd, raise]).isEmpty)
        #expect(broken([.limitsEnd] + wait + [raise]) == [10])
        let lower = Fact.desiredCount(from: 2, to: 1, by: .system)
        #expect(broken([.limitsEnd] + wait + [lower]).isEmpty)
        // Whoever lowers it from 3 to 2 has not seen yet that it is 1.
        let fall = Fact.desiredCount(from: 3, to: 1, by: .person)
        #expect(broken([.limitsEnd] + wait + [fall, raise]).isEmpty)
        #expect(broken([.limitsEnd] + wait + [lower, raise]) == [10])
        // The floor is none, too.
        var book = RuleBook(floor: 1, isShared: true)
        _ = book.see(.limitsEnd, at: 0)
        let write = write((1, 0), by: task, departures: [task])
        #expect(book.see(write, at: 1).violations.isEmpty)
    }

    @Test("1: a deleted service's agent is stopped only where the ledger says that it is bare")
    func deleted() {
        let entered = write((1, 1), by: task, exposed: [task])
        let bare: [Fact] = [.taskStarted(task), entered, .agentStarted(task), .serviceEnds]
        #expect(broken(bare + [.stopped(task, .deletion)]).isEmpty)
        #expect(judge(bare + [.stopped(task, .deletion)]).excuses == [.deletedOver(task)])
        #expect(broken(protectedAgent + [.serviceEnds, .stopped(task, .deletion)]) == [1])
    }

    // MARK: 6

    @Test("6: a sidecar that cannot tell for ten minutes what its agent does says so")
    func silence() {
        func late(_ facts: [Fact], at now: Int = 661_000) -> [Rule] {
            var book = RuleBook()
            for fact in [Fact.protected(task, until: nil)] + facts { _ = book.see(fact, at: 1_000) }
            return book.pass(to: now).violations.map(\.rule)
        }
        let silent: [Fact] = [.sidecarStarted(task), .agentStarted(task)]
        #expect(late(silent) == [.unknownIsBusy])
        #expect(late(silent, at: 660_999).isEmpty)
        #expect(late(silent + [.unknownReported(task)]).isEmpty)
        #expect(late(silent + [.heard(task, .busy)]).isEmpty)
        #expect(late(silent + [.heard(task, .busy), .heard(task, .unknown)]) == [.unknownIsBusy])
        #expect(late(silent + [.agentEnded(task)]).isEmpty)
        #expect(late(silent + [.sidecarEnded(task)]).isEmpty)
        // A log that does not tell of sidecars shows nobody's silence.
        #expect(late([.agentStarted(task), .heard(task, .unknown)]).isEmpty)
    }
}
