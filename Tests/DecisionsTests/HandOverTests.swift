import Decisions
import Testing

/// A task that leaves for a fresh one while a deployment is under way: ECS's deployment stops it.
@Suite("Retirement, hand-over")
struct HandOverTests {
    private let plan: Job
    private let recycles = Observation.booked(
        .departure(.recycles(.needed(staying: 1, want: 1))),
        sizeChanged: false
    )

    init() throws { plan = try #require(Job(key: "run-1/plan")) }

    /// A task whose agent took its one job and is gone, and whose departure is booked.
    private func leaving() -> Story {
        var story = Story.busy(plan)
        story.tell(.agent(.exited(code: 0)))
        story.tell(recycles)
        return story
    }

    private func handingOver() -> Story {
        var story = leaving()
        story.tell(.looked(Rollout()))
        story.tell(.unprotected)
        return story
    }

    @Test("a departure that ECS answers asks for a deployment before the container may end")
    func looks() {
        let story = leaving()
        #expect(story.said.last?.directive == .look)
        #expect(story.count(.release) == 0)
    }

    @Test("a task of an older revision is held open and unprotected until ECS stops it")
    func handsOver() {
        var story = leaving()
        #expect(story.tell(.looked(Rollout())) == [.hold, .unprotect])
        #expect(story.tell(.unprotected) == [])
        story.tell(.unlinked, after: .seconds(20))
        #expect(story.tell(.stopRequested, after: .seconds(1)) == [.end])
        #expect(story.operations == [.report(plan), .depart()])
        #expect(story.count(.project) == 0)
    }

    @Test("a renewal that is under way is waited for: it would protect the task again")
    func waitsForRenewal() throws {
        var story = Story.busy(plan)
        while try story.sleepUntilTimer() != [.protect] {}
        story.tell(.agent(.exited(code: 0)))
        story.tell(recycles)
        #expect(story.tell(.looked(Rollout())) == [.hold])
        #expect(story.tell(.protection(.protected(for: .seconds(3_600)))) == [.unprotect])
    }

    @Test("a task of the newest revision, or without a deployment, leaves at once")
    func newest() {
        for rollout in [Rollout(isOutdated: false), Rollout(isOpen: false), .settled] {
            var story = leaving()
            #expect(story.tell(.looked(rollout)) == [.release])
            #expect(story.count(.unprotect) == 0)
        }
    }

    @Test("while the newest revision fails to start, a task leaves by itself: an old one is better")
    func failing() {
        var story = leaving()
        #expect(story.tell(.looked(Rollout(progress: .fails))) == [.release])
    }

    @Test("one fewer is wanted, or one too many runs: the task leaves as without a deployment")
    func lowers() {
        for departure in [Departure.retired, .strayed] {
            var story = Story.busy(plan)
            story.tell(.agent(.exited(code: 0)))
            let next = story.tell(.booked(.departure(departure), sizeChanged: true))
            #expect(next == [departure == .retired ? .unprotect : .project])
            #expect(story.count(.look) == 0)
            #expect(story.count(.hold) == 0)
        }
    }

    @Test("ECS that does not stop the task in ten minutes is not waited for any longer, once")
    func notStopped() throws {
        var story = handingOver()
        let since = story.now
        while story.count(.release) == 0 {
            if try story.sleepUntilTimer() == [.look] { story.tell(.looked(Rollout())) }
        }
        #expect(story.now - since == .seconds(600))
        #expect(story.said.last?.reason == .notStopped(within: .seconds(600)))
        #expect(story.count(.hold) == 1)
        #expect(story.count(.unprotect) == 1)
        #expect(story.count(.drain) == 0)
    }

    @Test(
        "a deployment that is over, rolled back or failing lets the task go within a minute or so"
    )
    func ended() throws {
        for rollout in [Rollout.settled, Rollout(progress: .fails)] {
            var story = handingOver()
            #expect(try story.sleepUntilTimer() == [.look])
            #expect(story.tell(.looked(rollout)) == [.release])
            #expect(story.said.last?.reason == .rolloutEnded)
        }
    }

    @Test("deployments that cannot be read are asked for again, and end no hand-over")
    func unreadable() throws {
        var story = handingOver()
        #expect(try story.sleepUntilTimer() == [.look])
        #expect(story.tell(.looked(nil)) == [])
        #expect(try story.sleepUntilTimer() == [.look])
        #expect(story.retirement.phase.name == .handingOver)
    }

    @Test("who cannot learn of a deployment leaves before the launcher does, having tried again")
    func neverRead() throws {
        var story = leaving()
        let since = story.now
        while story.count(.release) == 0 {
            story.tell(.looked(nil))
            try story.sleepUntilTimer()
        }
        #expect(story.now - since == .seconds(15))
        #expect(story.count(.look) >= 5)
        #expect(story.count(.hold) == 0)
    }

    @Test("protection that may not have been given back is given back again")
    func unprotectAgain() throws {
        var story = leaving()
        story.tell(.looked(Rollout()))
        #expect(story.tell(.unprotectFailed("timed out")) == [])
        #expect(try story.sleepUntilTimer() == [.unprotect])
        #expect(story.tell(.unprotected) == [])
        #expect(try story.sleepUntilTimer() == [.look])
        #expect(story.count(.unprotect) == 2)
    }

    @Test("a departure that lowers the service does not wait for protection to be given back")
    func unprotectFails() {
        var story = Story.busy(plan)
        story.tell(.agent(.exited(code: 0)))
        story.tell(.booked(.departure(.retired), sizeChanged: true))
        #expect(story.tell(.unprotectFailed("denied")) == [.project])
    }

    @Test("a task that is stopped while it looks for a deployment is held by nobody")
    func stoppedBefore() {
        var story = leaving()
        #expect(story.tell(.stopRequested) == [.release, .end])
        #expect(story.tell(.looked(Rollout())) == [])
    }

    @Test("a launcher that connects anew is told the hold again")
    func holdAgain() {
        var story = handingOver()
        story.tell(.unlinked)
        #expect(story.tell(.linked).contains(.hold))
        #expect(story.count(.unprotect) == 1)
    }

    @Test("a sidecar that is restarted during a hand-over takes it up, and lowers nothing")
    func restarted() {
        var story = Story(.init(restarted: true))
        story.tell(.woke)
        story.tell(.protection(.protected(for: .seconds(7_200))))
        story.tell(.linked)
        story.tell(.agent(.drained))
        story.tell(.agent(.exited(code: 0)))
        #expect(story.tell(.booked(.covered, sizeChanged: false)) == [.ledger(.depart())])
        // What the ledger remembers of the departure that was booked before.
        let again = Departure.recycles(.departedBefore)
        #expect(story.tell(.booked(.departure(again), sizeChanged: false)) == [.look])
        #expect(story.tell(.looked(Rollout())) == [.hold, .unprotect])
        #expect(story.count(.project) == 0)
        #expect(story.count(.drain) == 0)
    }

    @Test("what a departure changed in the ledger reaches the service during the hand-over")
    func projects() {
        var story = Story.busy(plan)
        story.tell(.agent(.exited(code: 0)))
        let booked = Observation.booked(
            .departure(.recycles(.needed(staying: 1, want: 1))),
            sizeChanged: true
        )
        #expect(story.tell(booked) == [.look, .project])
        story.tell(.looked(Rollout()))
        story.tell(.projectionFailed("throttled"))
        story.tell(.unprotected)
        #expect(story.tell(.woke, after: .seconds(1)) == [.project])
        #expect(story.retirement.phase.name == .handingOver)
    }

    @Test("a service that ends during a hand-over lets the task go")
    func serviceEnds() throws {
        var story = handingOver()
        #expect(try story.sleepUntilTimer() == [.look])
        // A service that is being deleted has no deployment any more.
        #expect(
            story.tell(.looked(Rollout([], start: nil, hasOlderDefinition: true))) == [.release]
        )
    }
}
