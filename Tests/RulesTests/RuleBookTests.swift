import Decisions
import Rules
import Testing

/// For every rule stories that break it, and beside them stories that are fair.
@Suite("Rules, the book")
struct RuleBookTests {
    let task = TaskID("t")
    let other = TaskID("u")
    let plan: Job
    let apply: Job

    init() throws {
        plan = try #require(Job(id: "run-1", type: "plan"))
        apply = try #require(Job(id: "run-1", type: "apply"))
    }

    /// Tells the facts, a second apart, to a book that knows of an adopted ledger.
    func judge(
        _ facts: [Fact],
        _ book: RuleBook = RuleBook(floor: 0, isShared: true)
    ) -> Judgement {
        var book = book
        var all = Judgement()
        let begin = Fact.ledgerWritten(
            CountedWrite(by: nil, versions: .init(0, 1), sizes: .init(9, 9))
        )
        for (number, fact) in ([begin] + facts).enumerated() {
            let judgement = book.see(fact, at: number * 1_000)
            all.violations += judgement.violations
            all.excuses += judgement.excuses
        }
        return all
    }

    func broken(_ facts: [Fact]) -> [Int] { judge(facts).violations.map(\.rule.number) }

    var protectedAgent: [Fact] {
        [.taskStarted(task), .protected(task, until: nil), .agentStarted(task)]
    }

    func write(
        _ sizes: (Int, Int),
        by writer: TaskID?,
        departures: [TaskID] = [],
        exposed: Set<TaskID> = [],
        versions: (Int, Int) = (1, 2),
        startsFail: Bool = false
    ) -> Fact {
        .ledgerWritten(
            CountedWrite(
                by: writer,
                versions: .init(versions.0, versions.1),
                sizes: .init(sizes.0, sizes.1),
                departures: departures,
                exposed: exposed,
                startsFail: startsFail
            )
        )
    }

    // MARK: 1

    @Test("1: protection from before the agent until its end is fair")
    func protected() {
        let story: [Fact] =
            protectedAgent + [
                .jobReceived(plan, task), .jobEnded(plan, task), .agentEnded(task),
                .unprotected(task), .stopped(task, .scaleIn), .taskStopped(task),
            ]
        #expect(broken(story).isEmpty)
    }

    @Test(
        "1: an agent without protection is found when it starts, when it is taken off, and at once"
    )
    func unprotected() {
        #expect(broken([.taskStarted(task), .agentStarted(task)]) == [1])
        #expect(broken(protectedAgent + [.unprotected(task)]) == [1])
        #expect(broken(protectedAgent + [.unprotected(task), .unprotected(task)]) == [1])
        let twice: [Fact] = [.unprotected(task), .protected(task, until: nil), .unprotected(task)]
        #expect(broken(protectedAgent + twice) == [1, 1])
    }

    @Test(
        "1: protection that is not renewed runs out, as time alone shows, and a renewed one later"
    )
    func expiry() {
        var book = RuleBook()
        _ = book.see(.protected(task, until: 60_000), at: 0)
        _ = book.see(.agentStarted(task), at: 1_000)
        _ = book.see(.protected(task, until: 90_000), at: 30_000)
        #expect(book.pass(to: 60_000).violations.isEmpty)
        let violations = book.pass(to: 90_000).violations
        #expect(violations.map(\.rule) == [.protected])
        #expect(violations.first?.fact == .protected(task, until: 90_000))
        #expect(book.pass(to: 91_000).violations.isEmpty)
    }

    @Test("1: an agent may run unprotected once the ledger says so, and no longer than it does")
    func exposed() {
        let entered = write((1, 1), by: task, exposed: [task])
        let story: [Fact] = [.taskStarted(task), entered, .agentStarted(task)]
        #expect(broken(story).isEmpty)
        #expect(broken(story + [write((1, 1), by: task)]) == [1])
        #expect(broken(story + [.noLedger]) == [1])
        // Neither protection nor ledger can be reached: the run comes first.
        #expect(broken([.taskStarted(task), .exposing(task), .agentStarted(task)]).isEmpty)
        let late: [Fact] = [
            .taskStarted(task), .exposing(task), .agentStarted(task), .exposureStands(task),
        ]
        #expect(broken(late) == [1])
    }

    @Test("1: ECS stops an agent")
    func scaledIn() {
        #expect(broken(protectedAgent + [.stopped(task, .scaleIn)]) == [1])
        let busy = protectedAgent + [.jobReceived(plan, task)]
        #expect(broken(busy + [.stopped(task, .scaleIn)]) == [1])
        #expect(broken(busy + [.stopped(task, .deployment)]) == [1])
        #expect(broken(busy + [.stopped(task, .personsScaleIn)]) == [1])
        #expect(broken(protectedAgent + [.stopped(task, .personsScaleIn)]).isEmpty)
        // Where there is no protection to be had, a person's count ends even what works.
        let bare: [Fact] = [
            .taskStarted(task), write((1, 1), by: task, exposed: [task]), .agentStarted(task),
            .jobReceived(plan, task),
        ]
        #expect(broken(bare + [.stopped(task, .personsScaleIn)]).isEmpty)
        #expect(broken(bare + [.stopped(task, .scaleIn)]) == [1])
    }

    @Test("1: only protection holds a deployment back, so one that takes a bare agent is counted")
    func replaced() {
        let bare: [Fact] = [
            .taskStarted(task), write((1, 1), by: task, exposed: [task]), .agentStarted(task),
            .jobReceived(plan, task), .stopped(task, .deployment), .jobLost(plan, task),
        ]
        #expect(broken(bare).isEmpty)
        #expect(judge(bare).excuses.first == .deployedOver(task))
        #expect(broken(protectedAgent + [.stopped(task, .deployment)]) == [1])
    }

    // MARK: 2

    @Test("2: one stop signal is fair, a second is not, and a fresh agent has its own")
    func signals() {
        let once = protectedAgent + [.stopSignal(task, count: 1)]
        #expect(broken(once).isEmpty)
        #expect(broken(once + [.stopSignal(task, count: 2)]) == [2])
        let fresh: [Fact] = [
            .agentEnded(task), .agentStarted(task), .stopSignal(task, count: 1),
        ]
        #expect(broken(once + fresh).isEmpty)
    }

    // MARK: 3

    @Test("3: a lost job breaks it, as does a run that fails or that never ends")
    func losses() {
        let lost = protectedAgent + [.jobReceived(plan, task), .jobLost(plan, task)]
        #expect(broken(lost) == [3])
        #expect(broken(lost + [.runEnded("run-1", .agentGone)]) == [3, 3])
        #expect(broken([.runEnded("run-1", .failed("the agent reported errored"))]) == [3])
        #expect(broken([.runEnded("run-1", .asMeant)]).isEmpty)
        var rest = Rest(floor: 0, desired: 0, running: 0, quiet: 3, watched: 3)
        rest.openRuns = [.init(id: "run-1", state: "planning")]
        #expect(broken([.rest(rest)]) == [3])
    }

    @Test("3: what nothing could prevent excuses its own job and run, also after the task's end")
    func doomed() {
        let doom: [Fact] = [.jobReceived(plan, task), .doomed(task, cause: "its host is gone")]
        let lost: [Fact] = [.jobLost(plan, task), .runEnded("run-1", .agentGone)]
        let story = protectedAgent + doom + [.taskStopped(task)] + lost
        #expect(broken(story).isEmpty)
        #expect(judge(story).excuses == [.jobLost(plan, task, cause: "its host is gone")])
        // No other task, no other run, and no failure that an agent reports.
        #expect(broken([.doomed(other, cause: "its host is gone")] + lost) == [3, 3])
        #expect(broken(story + [.runEnded("run-2", .agentGone)]) == [3])
        let reported =
            protectedAgent + doom + [
                .jobLost(plan, task), .runEnded("run-1", .failed("the agent reported errored")),
            ]
        #expect(broken(reported) == [3])
    }

    // MARK: 5

    @Test("5: a lowering is fair while every living agent is protected, and not otherwise")
    func lowers() {
        let lowering = Fact.desiredCount(from: 2, to: 1, by: .system)
        #expect(broken(protectedAgent + [lowering]).isEmpty)
        let bare: [Fact] = [
            .taskStarted(task), write((2, 2), by: task, exposed: [task]), .agentStarted(task),
        ]
        #expect(broken(bare + [lowering]) == [5])
        #expect(broken(bare + [.desiredCount(from: 1, to: 2, by: .system)]).isEmpty)
        #expect(broken(bare + [.desiredCount(from: 2, to: 0, by: .person)]).isEmpty)
        #expect(broken(bare + [.agentEnded(task), lowering]).isEmpty)
    }

    @Test("5: beside an agent that can reach neither protection nor ledger it is counted instead")
    func bothAway() {
        let story: [Fact] = [
            .taskStarted(task), .exposing(task), .agentStarted(task),
            .desiredCount(from: 2, to: 1, by: .system), .jobReceived(plan, task),
            write((1, 1), by: task, exposed: [task], versions: (1, 2)), .exposureStands(task),
            .stopped(task, .scaleIn), .jobLost(plan, task),
        ]
        #expect(broken(story).isEmpty)
        #expect(judge(story).excuses.filter { $0 == .bothAway(task) }.count == 2)
    }

    // MARK: 6

    @Test("6: only an agent last heard to be idle is asked to leave")
    func heard() {
        #expect(broken([.heard(task, .idle), .reserveAsked(task), .drainAsked(task)]).isEmpty)
        #expect(broken([.heard(task, .unknown), .reserveAsked(task)]) == [6])
        #expect(broken([.heard(task, .idle), .heard(task, .busy), .drainAsked(task)]) == [6])
        #expect(broken([.drainAsked(task)]) == [6])
    }

    @Test(
        "6: one that was made to depart was last idle or exited, as HCP Terraform has it",
        arguments: [
            (ServerStatus.idle, 0), (.exited, 0), (.busy, 1), (.unknown, 1), (.errored, 1),
        ]
    )
    func status(status: ServerStatus, expected: Int) {
        let agent = protectedAgent + [.agentStatus(task, status)]
        let departure: [Fact] = [
            .agentEnded(task), write((2, 1), by: task, departures: [task]),
        ]
        #expect(broken(agent + [.stopSignal(task, count: 1)] + departure).count == expected)
        // One that ended by itself, by a crash for instance, departs all the same.
        #expect(broken(agent + departure).isEmpty)
        let taken: [Fact] = [.stopSignal(task, count: 1), .doomed(task, cause: "frozen")]
        #expect(broken(agent + taken + departure).isEmpty)
    }

    // MARK: The book itself

    @Test("a violation says which rule, by whom, when and by which fact")
    func violation() throws {
        let story = protectedAgent + [.stopSignal(task, count: 2)]
        let violation = try #require(judge(story).violations.first)
        #expect(violation.rule == .oneSignal)
        #expect(violation.party == .task(task))
        #expect(violation.at == 4_000)
        #expect(violation.fact == .stopSignal(task, count: 2))
        #expect(violation.description == "rule 2 at 4 s: t gave its agent 2 stop signals")
    }

    @Test("a book of which all is over is the book that it was, but for the last names")
    func bounded() {
        var book = RuleBook()
        func life(_ number: Int) {
            let id = TaskID("task-\(number)")
            guard let job = Job(id: "run-\(number)", type: "plan") else { return }
            let facts: [Fact] = [
                .taskStarted(id), .protected(id, until: nil), .heard(id, .unknown),
                .agentStarted(id), .agentStatus(id, .idle), .jobReceived(job, id),
                .stopSignal(id, count: 1), .doomed(id, cause: "gone"), .taskStopped(id),
                .jobLost(job, id), .runEnded(job.id, .agentGone), .heard(id, .unknown),
            ]
            for fact in facts { _ = book.see(fact, at: number) }
        }
        for number in 1...100 { life(number) }
        var copy = book
        for number in 37...100 { life(number) }
        #expect(book == copy)
        #expect(book.unknownTasks == 0)
        #expect(Set([book, copy]).count == 1)
        _ = copy.see(.taskStarted(task), at: 101)
        #expect(book != copy)
    }
}
