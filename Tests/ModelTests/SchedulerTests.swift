import Model
import Seeded
import Testing

@Suite("Model, service scheduler")
struct ModelSchedulerTests {
    @Test("missing tasks are started, and a task that was asked to stop does not count")
    func starts() {
        var driver = ServiceDriver(desired: 2)
        let decisions = driver.turn()
        #expect(decisions.map(\.isStart) == [true, true])
        let nextDecisions = driver.turn()
        #expect(nextDecisions == [])
        driver.state.ran(1, at: driver.now)
        driver.state.leaves(1, at: driver.now)
        let laterDecisions = driver.turn()
        #expect(laterDecisions.map(\.number) == [3])
        #expect(driver.state.present == 3)
    }

    @Test("a scale-in never picks a protected task, whatever the seed", arguments: 0..<200)
    func protectedStay(seed: UInt64) {
        var driver = ServiceDriver(desired: 8, seed: seed)
        driver.settle()
        let protected = (1...8).filter { _ in driver.random.next() % 2 == 0 }
        for number in protected { _ = driver.protect(number) }
        let wanted = Int(driver.random.next() % 9)
        driver.setDesired(wanted)
        let stopped = driver.turn().map(\.number)
        #expect(stopped.allSatisfy { !protected.contains($0) })
        #expect(stopped.count == min(8 - wanted, 8 - protected.count))
    }

    @Test("the seed decides which unprotected task goes, and any of them may")
    func seedDecides() {
        let picks = (0..<200).map { (seed: UInt64) in
            var driver = ServiceDriver(desired: 6, seed: seed)
            driver.settle()
            driver.setDesired(5)
            return driver.turn().map(\.number)
        }
        #expect(Set(picks.flatMap(\.self)) == Set(1...6))
        #expect(picks.allSatisfy { $0.count == 1 })
    }

    @Test("a task that starts only now may be picked as well")
    func youngOnesToo() {
        var driver = ServiceDriver(desired: 1)
        driver.turn()
        driver.setDesired(0)
        let decisions = driver.turn()
        #expect(decisions.map(\.number) == [1])
    }

    @Test("starts that fail are followed by pauses that double up to 27 minutes")
    func pauses() {
        var driver = ServiceDriver(desired: 1)
        driver.settle()
        driver.state.stopped(1, at: driver.now)
        var pauses: [Int] = []
        for _ in 0..<10 {
            driver.failStarts(1)
            driver.turn(after: 1)
            pauses.append(((driver.nextAt ?? 0) - driver.now + 1) / 1_000)
        }
        #expect(pauses == [15, 30, 60, 120, 240, 480, 960, 1_620, 1_620, 1_620])
        #expect(driver.events.contains(.cannotStart))
        driver.deploy(2)
        let decisions = driver.turn()
        #expect(decisions.count == 1, "a new deployment is tried at once")
    }

    @Test("a task that was stopped on its way has not failed to start")
    func stoppedOnItsWay() {
        var driver = ServiceDriver(desired: 1)
        driver.turn()
        driver.setDesired(0)
        driver.turn()
        driver.state.stopped(1, at: driver.now)
        driver.setDesired(1)
        let decisions = driver.turn(after: 1)
        #expect(decisions.count == 1)
    }

    @Test("a start without a place makes no task, and is tried again")
    func unplaced() {
        var driver = ServiceDriver(desired: 1)
        driver.turn()
        driver.state.unplaced(1, .quotaReached, at: driver.now)
        #expect(driver.state.present == 0)
        let decisions = driver.turn()
        #expect(decisions == [])
        #expect(driver.nextAt == driver.now - 1_000 + 15_000)
        let nextDecisions = driver.turn(after: 15_000)
        #expect(nextDecisions.count == 1)
        let text = driver.events[1].text(service: "s") { "task \($0)" }
        #expect(text.hasPrefix("(service s) was unable to place a task. Reason: You've reached"))
    }

    @Test("the account's launches bound how many are started at once")
    func launches() {
        var driver = ServiceDriver(desired: 150)
        let decisions = driver.turn()
        #expect(decisions.count == 100)
        #expect(driver.nextAt == driver.now + 50)
        let nextDecisions = driver.turn(after: 1_000)
        #expect(nextDecisions.count == 20)
    }

    @Test("a scheduler that ignores protection takes protected tasks first")
    func broken() {
        var driver = ServiceDriver(desired: 2)
        driver.state.ignoresProtection = true
        driver.settle()
        _ = driver.protect(2)
        driver.setDesired(1)
        let decisions = driver.turn()
        #expect(decisions.map(\.number) == [2])
    }

    @Test("a service that is deleted starts nothing, keeps protected tasks, and is then inactive")
    func deletion() throws {
        var driver = ServiceDriver(desired: 2)
        driver.settle()
        _ = driver.protect(1)
        #expect(throws: ServiceState.Refusal.stillScaled) {
            try driver.state.delete(force: false, at: driver.now)
        }
        try driver.state.delete(force: true, at: driver.now)
        driver.settle()
        #expect(driver.stopped == [2])
        #expect(driver.state.status == .draining)
        #expect(throws: ServiceState.Refusal.notActive) {
            try driver.state.setDesired(3, at: driver.now) { _ in 0 }
        }
        driver.state.stopped(1, at: driver.now)
        let decisions = driver.turn()
        #expect(decisions == [])
        #expect(driver.state.status == .inactive)
    }

    @Test("events speak ECS's words, the newest hundred are kept")
    func events() {
        var driver = ServiceDriver(desired: 1)
        driver.settle()
        driver.turn()
        #expect(driver.events == [.started([1]), .completed(.init(number: 1)), .steady])
        for _ in 0..<70 {
            driver.setDesired(driver.state.desired == 1 ? 2 : 1)
            driver.settle()
            driver.turn()
        }
        #expect(driver.state.events.entries.count == ServiceEvents.shown)
        let text = driver.state.events.entries.last?.event.text(service: "s") { "\($0)" }
        #expect(text == "(service s) has reached a steady state.")
    }
}
