import Decisions
import Testing

private let now = WallTime(milliseconds: 1_000_000_000)
private let limits = Limits(desiredCount: 0, maxCount: 9, spareCount: 0) ?? .fallback
private let ending = Limits(desiredCount: 0, maxCount: 0, spareCount: 0) ?? .fallback

private func view(
    _ size: Int,
    version: Int = 1,
    exposed: Bool = false,
    busy: Int = 0,
    moves: Int = 0,
    followed: Int = 0,
    _ limits: Limits = limits
) throws -> LedgerView {
    var ledger = Ledger(version: version, size: size, moves: moves, followed: followed)
    if exposed { ledger.exposed[TaskID("a")] = .init(since: now) }
    for number in 0..<busy {
        let job = try #require(Job(key: "run-\(number)/plan"))
        ledger.jobs[job] = .init(at: now, task: TaskID("t\(number)"))
    }
    return LedgerView(ledger, limits)
}

@Suite("Projection")
struct ProjectionTests {
    @Test("it writes when service and ledger differ, and rests when they agree")
    func follows() throws {
        #expect(Projection(try view(3), service: .init(desired: 3)) == .agreed)
        #expect(Projection(try view(3), service: .init(desired: 1)) == .write(3))
        #expect(Projection(try view(3), service: .init(desired: 5)) == .write(3))
        #expect(Projection(try view(3), service: nil) == .write(3))
    }

    @Test("while an agent is exposed it raises and never lowers")
    func exposed() throws {
        let ledger = try view(3, exposed: true)
        #expect(Projection(ledger, service: .init(desired: 2)) == .write(3))
        #expect(Projection(ledger, service: .init(desired: 4)) == .hold(.exposed(TaskID("a"))))
        #expect(Projection(ledger, service: nil) == .look)
    }

    @Test("rule 10: a ledger that was never written moves nothing, whatever its size seems to be")
    func neverWritten() throws {
        for desired in [nil, 0, 1, 6] as [Int?] {
            let service = desired.map { ServiceView(desired: $0) }
            #expect(
                Projection(try view(0, version: 0), service: service) == .still(.neverWritten)
            )
        }
    }

    @Test(
        "rule 10: a ledger that no task has written may be of another service, and lowers nothing"
    )
    func notAdopted() throws {
        let ledger = LedgerView(Ledger(version: 3, size: 2, isAdopted: false), limits)
        #expect(Projection(ledger, service: nil) == .look)
        #expect(Projection(ledger, service: .init(desired: 6)) == .still(.notAdopted))
        #expect(Projection(ledger, service: .init(desired: 0)) == .write(2))
    }

    @Test("rule 10: a service that ECS ends is written to by nobody")
    func serviceEnds() throws {
        for desired in [0, 3, 9] {
            let service = ServiceView(desired: desired, isActive: false)
            #expect(Projection(try view(3), service: service) == .still(.serviceEnds))
        }
    }

    @Test("a service whose limits end it is lowered and never raised, and never written unseen")
    func limitsEnd() throws {
        let ledger = try view(2, ending)
        #expect(Projection(ledger, service: nil) == .look)
        #expect(Projection(ledger, service: .init(desired: 0)) == .still(.limitsEnd))
        #expect(Projection(ledger, service: .init(desired: 4)) == .write(2))
    }

    @Test(
        "a service that somebody raised above its size is not lowered below the agents that work",
        arguments: [
            (size: 1, busy: 2, desired: 2, .hold(.busy(2))),
            (size: 1, busy: 2, desired: 3, .write(2)),
            (size: 1, busy: 3, desired: 2, .hold(.busy(3))),
            (size: 1, busy: 2, desired: 1, .agreed),
            (size: 2, busy: 3, desired: 1, .write(2)),
            (size: 3, busy: 2, desired: 5, .write(3)),
        ] as [(size: Int, busy: Int, desired: Int, Projection)]
    )
    func busy(size: Int, busy: Int, desired: Int, expected: Projection) throws {
        let ledger = try view(size, busy: busy)
        #expect(Projection(ledger, service: .init(desired: desired)) == expected)
        #expect(Projection(ledger, service: nil) == (busy > size ? .look : .write(size)))
    }

    @Test(
        "rule 1: where more agents run and work than the service wants, it is raised for them",
        arguments: [
            (busy: 2, running: 2, limits, .write(2)),
            (busy: 2, running: 5, limits, .write(2)),
            // The job of one that is gone, and that nobody has tidied: raising would start an agent.
            (busy: 2, running: 1, limits, .agreed),
            (busy: 2, running: 2, ending, .still(.limitsEnd)),
        ] as [(busy: Int, running: Int, Limits, Projection)]
    )
    func busyAbove(busy: Int, running: Int, limits: Limits, expected: Projection) throws {
        let service = ServiceView(desired: 1, running: running)
        #expect(Projection(try view(1, busy: busy, limits), service: service) == expected)
    }
}

@Suite("Projection flow")
struct ProjectionFlowTests {
    @Test("an old reading of the ledger lowers nothing: it is read again first")
    func oldReading() throws {
        var flow = ProjectionFlow(service: .init(desired: 4), at: .origin)
        #expect(flow.next(at: .origin) == .readLedger)
        flow.read(try view(1), asked: .origin)
        #expect(flow.next(at: .origin + .seconds(10)) == .write(1))
        #expect(flow.next(at: .origin + .seconds(11)) == .readCounted)
        flow.read(try view(3), asked: .origin + .seconds(11))
        #expect(flow.next(at: .origin + .seconds(12)) == .pause(afterTry: 1))
        flow.paused()
        #expect(flow.next(at: .origin + .seconds(12)) == .write(3))
    }

    @Test("an old reading of the ledger may raise")
    func oldReadingRaises() throws {
        var flow = ProjectionFlow(service: .init(desired: 1), at: .origin)
        flow.read(try view(4), asked: .origin)
        #expect(flow.next(at: .origin + .seconds(60)) == .write(4))
    }

    @Test("readings that take too long each time end it, rather than go on for ever")
    func slowReadings() throws {
        var flow = ProjectionFlow(service: .init(desired: 4), at: .origin)
        for second in 0..<100 {
            flow.read(try view(1), asked: .origin + .seconds(second * 20))
            if flow.next(at: .origin + .seconds(second * 20 + 15)) == .unsettled { return }
        }
        Issue.record("it never ended")
    }

    @Test("whoever may not book yet waits, and writes nothing when the other's update was enough")
    func booking() throws {
        var flow = ProjectionFlow(
            following: try view(2, moves: 3, followed: 1),
            to: 3,
            isBooked: false,
            at: .origin
        )
        #expect(flow.next(at: .origin) == .book)
        flow.booked(
            try view(2, moves: 3, followed: 1),
            asked: .origin,
            wait: .milliseconds(200)
        )
        #expect(flow.next(at: .origin) == .wait(.milliseconds(200)))
        #expect(flow.next(at: .origin) == .readCounted)
        flow.read(try view(2, moves: 4, followed: 3), asked: .origin)
        #expect(flow.next(at: .origin) == .done(.agreed(size: 2)))
    }

    @Test("whoever has booked writes, notes what the service has followed, and is done")
    func booked() throws {
        let ledger = try view(2, moves: 3, followed: 1)
        var flow = ProjectionFlow(following: ledger, to: 3, isBooked: true, at: .origin)
        #expect(flow.next(at: .origin) == .write(2))
        flow.wrote(.init(desired: 2))
        #expect(flow.next(at: .origin) == .note(followed: 3, after: 1))
        flow.noted(try view(2, moves: 3, followed: 3), asked: .origin, isAlone: true)
        #expect(flow.next(at: .origin) == .done(.agreed(size: 2)))
    }

    @Test("an update that arrived after a later one of somebody else is mended, under a booking")
    func overtaken() throws {
        var flow = ProjectionFlow(
            following: try view(2, moves: 1),
            to: 1,
            isBooked: true,
            at: .origin
        )
        #expect(flow.next(at: .origin) == .write(2))
        flow.wrote(.init(desired: 2))
        #expect(flow.next(at: .origin) == .note(followed: 1, after: 0))
        // Another endpoint has raised to 5, written that, and noted it, before ours arrived.
        flow.noted(try view(5, moves: 2, followed: 2), asked: .origin, isAlone: false)
        #expect(flow.next(at: .origin) == .book)
        flow.booked(try view(5, moves: 2, followed: 2), asked: .origin, wait: nil)
        #expect(flow.next(at: .origin) == .write(5))
    }

    @Test("jobs that were read before a size that is too small for them are read again")
    func olderJobs() throws {
        let known = try view(1, busy: 1, moves: 1)
        var flow = ProjectionFlow(following: known, to: 1, isBooked: false, at: .origin)
        #expect(flow.next(at: .origin) == .book)
        flow.booked(try view(0, busy: 1, moves: 2), asked: .origin, wait: nil)
        #expect(flow.next(at: .origin) == .readLedger)
        flow.read(try view(0, moves: 2), asked: .origin)
        #expect(flow.next(at: .origin) == .write(0))
        flow.wrote(.init(desired: 0))
        #expect(flow.next(at: .origin) == .note(followed: 2, after: 0))
    }

    @Test("jobs that are too many for the size, once they are read, hold it up")
    func moreWork() throws {
        let known = try view(1, busy: 1, moves: 1)
        var flow = ProjectionFlow(following: known, to: 1, isBooked: false, at: .origin)
        #expect(flow.next(at: .origin) == .book)
        flow.booked(try view(0, busy: 1, moves: 2), asked: .origin, wait: nil)
        #expect(flow.next(at: .origin) == .readLedger)
        flow.read(try view(0, busy: 1, moves: 2), asked: .origin)
        #expect(flow.next(at: .origin) == .readService)
        flow.saw(.init(desired: 2, running: 2))
        #expect(flow.next(at: .origin) == .write(1))
    }

    @Test("an update that did not take effect is booked and made again")
    func notTakenEffect() throws {
        let ledger = try view(2, moves: 3, followed: 1)
        var flow = ProjectionFlow(following: ledger, to: 3, isBooked: true, at: .origin)
        #expect(flow.next(at: .origin) == .write(2))
        // What the service says after an answer that was lost.
        flow.wrote(.init(desired: 1))
        #expect(flow.next(at: .origin) == .readCounted)
        flow.read(ledger, asked: .origin)
        #expect(flow.next(at: .origin) == .book)
        flow.booked(ledger, asked: .origin, wait: nil)
        #expect(flow.next(at: .origin) == .write(2))
    }

    @Test("a ledger that is lost meanwhile is followed no further")
    func lostMeanwhile() throws {
        let ledger = try view(2, moves: 3, followed: 1)
        var flow = ProjectionFlow(following: ledger, to: 3, isBooked: false, at: .origin)
        #expect(flow.next(at: .origin) == .book)
        flow.booked(try view(0, version: 0), asked: .origin, wait: .zero)
        #expect(flow.next(at: .origin) == .wait(.zero))
        flow.read(try view(0, version: 0), asked: .origin)
        #expect(flow.next(at: .origin) == .done(.still(.neverWritten, size: 0)))
    }

    @Test("a booking for a service that may not be touched ends without a write")
    func bookedForNothing() throws {
        var flow = ProjectionFlow(
            following: try view(2, exposed: true, moves: 1),
            to: 1,
            isBooked: true,
            at: .origin
        )
        #expect(flow.next(at: .origin) == .readService)
        flow.saw(.init(desired: 4))
        guard case .done(.held(.exposed, size: 2)) = flow.next(at: .origin) else {
            Issue.record("it is not held: \(flow.next(at: .origin))")
            return
        }
    }
}
