import Decisions
import Testing

private let now = WallTime(milliseconds: 1_000_000)
private let a = TaskID("a")
private let b = TaskID("b")

/// One who changes the ledger, call by call.
private enum Actor {
    case departure(TaskID, LedgerChange<Departure, Int>, LedgerChange<Departure, Int>.Step)
    case reservation(
        TaskID,
        LedgerChange<ReserveAnswer, Int>,
        LedgerChange<ReserveAnswer, Int>.Step
    )
    case announcement(AnnouncementFlow, AnnouncementFlow.Step)

    static func departing(_ task: TaskID) -> Actor {
        .departure(task, LedgerChange(adopts: true), .read)
    }

    static func reserving(_ task: TaskID) -> Actor {
        .reservation(task, LedgerChange(adopts: true), .read)
    }

    static func announcing(_ jobs: [Job]) -> Actor {
        var flow = AnnouncementFlow(jobs, closing: [])
        let step = flow.next()
        return .announcement(flow, step)
    }

    var isDone: Bool {
        switch self {
        case .departure(_, _, .done), .reservation(_, _, .done): true
        case .announcement(_, .done): true
        default: false
        }
    }

    /// Makes the call that is due.
    mutating func act(on table: inout LedgerTable, mark: Int) {
        switch self {
        case .departure(let task, let change, let step):
            let (next, then) = perform(change, step, &table, mark) { ledger, limits in
                ledger.depart(task, at: now, limits)
            }
            self = .departure(task, next, then)
        case .reservation(let task, let change, let step):
            let (next, then) = perform(change, step, &table, mark) { ledger, limits in
                ledger.reserve(task, live: [a, b], aboveSize: .zero, at: now, limits)
            }
            self = .reservation(task, next, then)
        case .announcement(let flow, let step): announce(flow, step, &table)
        }
    }

    private func perform<Answer>(
        _ change: LedgerChange<Answer, Int>,
        _ step: LedgerChange<Answer, Int>.Step,
        _ table: inout LedgerTable,
        _ mark: Int,
        _ operation: (inout Ledger, Limits) -> Answer
    ) -> (LedgerChange<Answer, Int>, LedgerChange<Answer, Int>.Step) {
        var change = change
        let next: LedgerChange<Answer, Int>.Step
        switch step {
        case .read:
            let stored = LedgerChange<Answer, Int>.Stored(
                table.ledger,
                table.limits,
                mark: table.mark
            )
            next = change.read(stored, mark: mark, operation)
        case .readDeparted(let tasks):
            let departed = table.departed.filter { tasks.contains($0.key) }
            next = change.readDeparted(departed, operation)
        case .pause: next = .read
        case .write(let write): next = table.write(write) ? change.wrote() : change.lostRace()
        case .raise(let size, let version):
            table.raise(to: size, over: version)
            next = change.raised(table.counted)
        case .adopt, .done, .contended, .unclear: next = step
        }
        return (change, next)
    }

    private mutating func announce(
        _ before: AnnouncementFlow,
        _ step: AnnouncementFlow.Step,
        _ table: inout LedgerTable
    ) {
        var flow = before
        switch step {
        case .put(let jobs):
            for job in jobs { _ = table.write(JobWrite(job, from: nil, to: .init(at: now))) }
        case .drop(let jobs):
            for job in jobs { _ = table.write(JobWrite(job, from: .init(at: now), to: nil)) }
        case .read: flow.read(table.ledger, table.limits)
        case .raise(let size, let version):
            table.raise(to: size, over: version)
            flow.raised(table.counted)
        case .uphold, .done, .unsettled: break
        }
        self = .announcement(flow, flow.next())
    }
}

@Suite("Changes of the ledger, in every order of their calls")
struct LedgerChangeTests {
    /// Plays every order in which the actors' calls can come, and checks each end.
    private func playAll(
        _ table: LedgerTable,
        _ actors: [Actor],
        mark: Int = 0,
        calls: Int = 0,
        check: (LedgerTable, [Actor]) -> Void
    ) -> Int {
        var ends = 0
        var mayGoOn = false
        for index in actors.indices where !actors[index].isDone {
            mayGoOn = true
            guard calls < 40 else {
                Issue.record("it does not end")
                return 0
            }
            var (table, actors) = (table, actors)
            actors[index].act(on: &table, mark: mark)
            ends += playAll(table, actors, mark: mark + 1, calls: calls + 1, check: check)
        }
        guard !mayGoOn else { return ends }
        check(table, actors)
        return 1
    }

    private func limits(_ floor: Int, _ most: Int) throws -> Limits {
        try #require(Limits(desiredCount: floor, maxCount: most, spareCount: 0))
    }

    private func job(_ number: Int) throws -> Job {
        try #require(Job(id: "run-\(number)", type: "plan"))
    }

    private func table(size: Int, jobs: [Job: TaskID] = [:]) throws -> LedgerTable {
        var ledger = Ledger(version: 1, size: size)
        for (job, task) in jobs { ledger.jobs[job] = .init(at: now, task: task) }
        return LedgerTable(ledger, try limits(0, 5))
    }

    @Test("a job that is announced while an agent departs has its agent in the end")
    func announcedBesideDeparture() throws {
        let table = try table(size: 1, jobs: [job(1): a])
        var retired = 0
        let ends = playAll(table, [.departing(a), .announcing([try job(2)])]) { table, actors in
            #expect(table.staying == table.want, "\(table)")
            if case .departure(_, _, .done(.retired, _, _)) = actors[0] { retired += 1 }
        }
        #expect(ends > 20)
        #expect(retired > 0 && retired < ends, "the second look was never needed")
    }

    @Test("a job that is announced while an agent reserves has its agent in the end")
    func announcedBesideReservation() throws {
        let table = try table(size: 1)
        let ends = playAll(table, [.reserving(a), .announcing([try job(2)])]) { table, _ in
            #expect(table.staying >= table.want, "\(table)")
        }
        #expect(ends > 10)
    }

    @Test("of two agents that depart while one job comes, one is left")
    func twoDepartures() throws {
        let table = try table(size: 2, jobs: [job(1): a, job(2): b])
        let actors = [Actor.departing(a), .departing(b), .announcing([try job(3)])]
        let ends = playAll(table, actors) { table, _ in
            #expect(table.staying == table.want, "\(table)")
        }
        #expect(ends > 1_000)
    }

    @Test("two endpoints that announce at once raise by as many as wait")
    func twoAnnouncements() throws {
        let actors = [Actor.announcing([try job(1)]), .announcing([try job(2)])]
        let ends = playAll(try table(size: 0), actors) { table, _ in
            #expect(table.ledger.size == 2, "\(table)")
        }
        #expect(ends > 5)
    }

    @Test("one task's departure that is booked twice at once lowers once")
    func departsTwice() throws {
        let table = try table(size: 2, jobs: [job(1): a])
        _ = playAll(table, [.departing(a), .departing(a)]) { table, actors in
            #expect(table.ledger.size == 1, "\(table)")
            let answers = actors.compactMap { actor -> Departure? in
                if case .departure(_, _, .done(let answer, _, _)) = actor { answer } else { nil }
            }
            #expect(Set(answers) == [.retired, .bookedBefore])
        }
    }

    // MARK: One change

    private func departure(
        of table: LedgerTable
    ) throws -> (LedgerChange<Departure, Int>, LedgerWrite<Int>) {
        var change = LedgerChange<Departure, Int>(adopts: true)
        let step = change.read(.init(table.ledger, table.limits, mark: table.mark), mark: 1) {
            $0.depart(a, at: now, $1)
        }
        guard case .write(let write) = step else {
            Issue.record("no write: \(step)")
            throw CancellationError()
        }
        return (change, write)
    }

    @Test("a departure is one write: what is counted, the task's end and its job's")
    func oneWrite() throws {
        let plan = try job(1)
        let (_, write) = try departure(of: table(size: 2, jobs: [plan: a]))
        #expect(write.counted?.size == 1 && write.over == (1, 0))
        #expect(write.departed == [a: .init(at: now, kind: .retired)])
        #expect(write.jobs == [JobWrite(plan, from: .init(at: now, task: a), to: nil)])
    }

    @Test("a departure that lowers nothing holds what it was decided on all the same")
    func recycles() throws {
        var table = try table(size: 1, jobs: [job(1): a])
        table.ledger.jobs[try job(2)] = .init(at: now)
        let (_, write) = try departure(of: table)
        #expect(write.counted?.size == 1 && write.over == (1, 0))
        #expect(write.departed == [a: .init(at: now, kind: .recycled)])
    }

    @Test("an answer that is lost after the write is found by its mark, and the jobs looked at")
    func lostAnswer() throws {
        var table = try table(size: 1, jobs: [job(1): a])
        var (change, write) = try departure(of: table)
        let isWritten = table.write(write)
        #expect(isWritten)
        _ = table.write(JobWrite(try job(2), from: nil, to: .init(at: now)))
        guard case .pause = change.gotNoAnswer() else {
            Issue.record("it does not pause")
            return
        }
        let step = change.read(.init(table.ledger, table.limits, mark: table.mark), mark: 2) {
            $0.depart(a, at: now, $1)
        }
        guard case .raise(to: 1, over: 2) = step else {
            Issue.record("no raise: \(step)")
            return
        }
        table.raise(to: 1, over: 2)
        guard case .done(.retired, let ledger, sizeChanged: true) = change.raised(table.counted)
        else {
            Issue.record("it is not done")
            return
        }
        #expect(ledger.size == 1)
        // What it answers is what the table has, of raises too.
        #expect(ledger.lastRaise == table.counted.lastRaise)
    }

    @Test("an answer that is lost, with others' writes on top, is found by the task's own item")
    func lostAnswerOverwritten() throws {
        var table = try table(size: 3, jobs: [job(1): a])
        var (change, write) = try departure(of: table)
        let isWritten = table.write(write)
        #expect(isWritten)
        table.mark = 7
        _ = change.gotNoAnswer()
        let asks = change.read(.init(table.ledger, table.limits, mark: 7), mark: 2) {
            $0.depart(a, at: now, $1)
        }
        guard case .readDeparted([a]) = asks else {
            Issue.record("it asks \(asks)")
            return
        }
        let step = change.readDeparted(table.departed) { $0.depart(a, at: now, $1) }
        guard case .done(.bookedBefore, _, _) = step else {
            Issue.record("it is \(step)")
            return
        }
    }

    /// A job that nobody had put raises the size, and nobody answers.
    private func unansweredRaise(
        of table: inout LedgerTable
    ) throws -> LedgerChange<LedgerReport, Int> {
        var change = LedgerChange<LedgerReport, Int>(adopts: true)
        let step = try report(&change, table, mark: 1)
        guard case .write(let write) = step else {
            Issue.record("no write: \(step)")
            throw CancellationError()
        }
        #expect(write.counted?.size == 2)
        let isWritten = table.write(write)
        #expect(isWritten)
        _ = change.gotNoAnswer()
        return change
    }

    private func report(
        _ change: inout LedgerChange<LedgerReport, Int>,
        _ table: LedgerTable,
        mark: Int
    ) throws -> LedgerChange<LedgerReport, Int>.Step {
        let job = try job(2)
        return change.read(.init(table.ledger, table.limits, mark: table.mark), mark: mark) {
            $0.apply(
                .report(job),
                of: b,
                live: nil,
                finished: [],
                patience: nil,
                at: now,
                $1
            )
        }
    }

    @Test("a raise without an answer that others wrote over is followed by whoever made it")
    func raiseOverwritten() throws {
        var table = try table(size: 1, jobs: [job(1): a])
        var change = try unansweredRaise(of: &table)
        table.mark = 7
        let step = try report(&change, table, mark: 2)
        guard case .done(.reported, _, sizeChanged: true) = step else {
            Issue.record("it is \(step)")
            return
        }
        // Once the service has followed, nobody has to.
        table.ledger.followed = table.ledger.moves
        var late = change
        guard case .done(.reported, _, sizeChanged: false) = try report(&late, table, mark: 3)
        else {
            Issue.record("it is not done")
            return
        }
    }

    @Test("a raise after the change that nobody answered is looked for")
    func raiseWithoutAnswer() throws {
        var table = try table(size: 1, jobs: [job(1): a])
        var (change, write) = try departure(of: table)
        let isWritten = table.write(write)
        #expect(isWritten)
        _ = table.write(JobWrite(try job(2), from: nil, to: .init(at: now)))
        _ = change.wrote()
        guard
            case .raise(to: 1, over: 2) = change.read(
                .init(table.ledger, table.limits, mark: 1),
                mark: 2,
                { $0.depart(a, at: now, $1) }
            )
        else {
            Issue.record("it raises nothing")
            return
        }
        table.raise(to: 1, over: 2)
        guard case .read = change.raised(nil) else {
            Issue.record("it does not look")
            return
        }
        let step = change.read(
            .init(table.ledger, table.limits, mark: 1),
            mark: 3,
            { $0.depart(a, at: now, $1) }
        )
        guard case .done(.retired, let ledger, sizeChanged: true) = step else {
            Issue.record("it is \(step)")
            return
        }
        #expect(ledger.size == 1)
    }

    @Test("a second look that cannot be made leaves the change as made")
    func missedLook() throws {
        let table = try table(size: 1, jobs: [job(1): a])
        var (change, _) = try departure(of: table)
        guard case .read = change.wrote() else {
            Issue.record("it does not look")
            return
        }
        guard case .done(.retired, _, sizeChanged: true) = change.missedReading() else {
            Issue.record("it is not done")
            return
        }
    }
}

@Suite("Announcing")
struct AnnouncementFlowTests {
    private let limits = Limits(desiredCount: 0, maxCount: 2, spareCount: 0) ?? .fallback

    private func job(_ number: Int) throws -> Job {
        try #require(Job(id: "run-\(number)", type: "plan"))
    }

    @Test("jobs are put before anything is read, each once, and those that are over not at all")
    func order() throws {
        let jobs = [try job(1), try job(2), try job(1), try job(3)]
        var flow = AnnouncementFlow(jobs, closing: [try job(3)])
        let first = flow.next()
        #expect(first == .put([try job(1), try job(2)]))
        let second = flow.next()
        #expect(second == .read)
    }

    @Test("of several jobs that are closed alone only those are removed that wait")
    func closesSeveral() throws {
        let jobs = [try job(1), try job(2), try job(3)]
        var flow = AnnouncementFlow([], closing: Set(jobs))
        #expect(flow.next() == .read)
        let ledger = Ledger(
            version: 1,
            size: 0,
            jobs: [jobs[0]: .init(at: now), jobs[1]: .init(at: now, task: a)]
        )
        flow.read(ledger, limits)
        #expect(flow.next() == .drop([jobs[0]]))
        #expect(flow.next() == .done(.closed))
    }

    @Test("closing one alone reads nothing")
    func closing() throws {
        var flow = AnnouncementFlow([], closing: [try job(1)])
        #expect(flow.next() == .drop([try job(1)]))
        #expect(flow.next() == .done(.closed))
        var nothing = AnnouncementFlow([], closing: [])
        #expect(nothing.next() == .done(.closed))
    }

    @Test("jobs that a later stage closes want no agent, unless an agent holds them")
    func closesWaiting() throws {
        var ledger = Ledger(version: 1, size: 1)
        ledger.jobs = [
            try job(1): .init(at: now), try job(2): .init(at: now, task: a),
            try job(3): .init(at: now),
        ]
        var flow = AnnouncementFlow([try job(3)], closing: [try job(1), try job(2)])
        _ = flow.next()
        flow.read(ledger, limits)
        #expect(flow.next() == .drop([try job(1)]))
        #expect(flow.next() == .raise(to: 2, over: 1))
        ledger.size = 2
        ledger.moves = 1
        ledger.lastRaise = 1
        flow.raised(ledger)
        #expect(flow.next() == .done(.follow))
    }

    @Test("a repeated call projects what an endpoint that died has left behind")
    func repeated() throws {
        var ledger = Ledger(version: 1, size: 1, jobs: [try job(1): .init(at: now)])
        ledger.moves = 1
        ledger.lastRaise = 1
        var flow = AnnouncementFlow([try job(1)], closing: [])
        _ = flow.next()
        flow.read(ledger, limits)
        #expect(flow.next() == .done(.follow))
        ledger.followed = 1
        flow = AnnouncementFlow([try job(1)], closing: [])
        _ = flow.next()
        flow.read(ledger, limits)
        #expect(flow.next() == .done(.settled))
    }

    @Test("while agents fail to start one more is a decision of its own")
    func failedStarts() throws {
        let failed = Ledger.FailedStarts(count: 3, at: now, notBefore: now)
        let ledger = Ledger(
            version: 1,
            jobs: [try job(1): .init(at: now)],
            failedStarts: failed
        )
        var flow = AnnouncementFlow([try job(1)], closing: [])
        _ = flow.next()
        flow.read(ledger, limits)
        #expect(flow.next() == .uphold)
        flow.upheld(ledger, hasChanged: true)
        #expect(flow.next() == .done(.project))
    }
}
