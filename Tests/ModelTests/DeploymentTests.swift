import Model
import Testing

@Suite("Model, deployments")
struct ModelDeploymentTests {
    private static let doubled: Deployed = {
        var deployed = Deployed()
        deployed.minimumHealthyPercent = 100
        deployed.maximumPercent = 200
        return deployed
    }()

    /// A service whose first deployment is complete.
    private func settled(
        _ deployed: Deployed = Deployed(),
        _ replacement: Replacement = .same,
        desired: Int
    ) -> ServiceDriver {
        var driver = ServiceDriver(deployed, replacement, desired: desired)
        driver.settle()
        return driver
    }

    @Test("at 0 and 100 per cent idle tasks go at once, and new ones take exactly their place")
    func shipped() {
        var driver = settled(desired: 2)
        driver.deploy(2)
        let decisions = driver.turn()
        #expect(decisions.map(\.isStart) == [false, false, true, true])
        #expect(driver.counting == [2, 0])
        for number in [1, 2] { driver.state.stopped(number, at: driver.now) }
        for number in [3, 4] { driver.state.ran(number, at: driver.now) }
        #expect(driver.state.primary.rollout == .completed)
        #expect(driver.state.primary.reason == "ECS deployment ecs-svc/2 completed.")
        #expect(driver.state.member(3)?.taskDefinition == 2)
    }

    @Test("protected tasks hold a deployment open and keep new ones out, until they leave")
    func heldOpen() {
        var driver = settled(desired: 2)
        for number in [1, 2] { _ = driver.protect(number) }
        driver.deploy(2)
        let decisions = driver.turn()
        #expect(decisions == [])
        #expect(driver.nextAt == driver.now - 1_000 + 120 * 60_000)
        #expect(driver.events.last == .heldByProtection(.init(number: 1), 2))
        let text = driver.events.last?.text(service: "s") { "\($0)" }
        #expect(text?.hasSuffix("(reason 2 tasks under protection)") == true)
        driver.state.unprotect(1)
        let nextDecisions = driver.turn()
        #expect(nextDecisions.map(\.isStart) == [false, true])
        driver.state.stopped(1, at: driver.now)
        driver.state.ran(3, at: driver.now)
        #expect(driver.state.primary.rollout == .inProgress)
        driver.state.unprotect(2)
        driver.settle()
        #expect(driver.state.primary.rollout == .completed)
        #expect(driver.counting == [2])
    }

    @Test("with room for twice as many, new tasks come first and old ones go as they run")
    func doubledRoom() {
        var driver = settled(Self.doubled, desired: 2)
        _ = driver.protect(1)
        driver.deploy(2)
        let decisions = driver.turn()
        #expect(decisions.map(\.isStart) == [true, true])
        let nextDecisions = driver.turn()
        #expect(nextDecisions == [])
        driver.state.ran(3, at: driver.now)
        let laterDecisions = driver.turn()
        #expect(laterDecisions.map(\.number) == [2])
        driver.state.ran(4, at: driver.now)
        let lastDecisions = driver.turn()
        #expect(lastDecisions == [], "the protected one stays")
        #expect(driver.state.primary.rollout == .inProgress)
        for number in [1, 2] { driver.state.stopped(number, at: driver.now) }
        #expect(driver.state.primary.rollout == .completed)
    }

    @Test("a task that ends while a deployment is open comes back from its own revision")
    func same() {
        var driver = settled(desired: 2)
        for number in [1, 2] { _ = driver.protect(number) }
        driver.deploy(2)
        driver.turn()
        driver.state.stopped(1, at: driver.now)
        let decisions = driver.turn()
        #expect(decisions == [.start(3, .init(number: 1), taskDefinition: 1)])
        let nextDecisions = driver.turn()
        #expect(nextDecisions == [], "ECS waits to see what becomes of it")
        driver.state.ran(3, at: driver.now)
        let laterDecisions = driver.turn()
        #expect(laterDecisions.map(\.number) == [3, 4], "it runs, and is the next to be replaced")
        #expect(driver.state.member(4)?.taskDefinition == 2)
    }

    @Test("or from the primary one, by the other reading")
    func primary() {
        var driver = settled(Deployed(), .primary, desired: 2)
        for number in [1, 2] { _ = driver.protect(number) }
        driver.deploy(2)
        driver.turn()
        driver.state.stopped(1, at: driver.now)
        let decisions = driver.turn()
        #expect(decisions == [.start(3, .init(number: 2), taskDefinition: 2)])
    }

    @Test("once a deployment is complete only the primary revision is left to replace from")
    func afterwards() {
        var driver = settled(desired: 1)
        driver.deploy(2)
        driver.settle()
        driver.state.stopped(2, at: driver.now)
        let decisions = driver.turn()
        #expect(decisions == [.start(3, .init(number: 2), taskDefinition: 2)])
    }

    @Test(
        "a task that leaves with a smaller count is not replaced, by either reading",
        arguments: Replacement.allCases
    )
    func departure(_ replacement: Replacement) {
        var driver = settled(Deployed(), replacement, desired: 2)
        for number in [1, 2] { _ = driver.protect(number) }
        driver.deploy(2)
        driver.turn()
        driver.setDesired(1)
        let decisions = driver.turn()
        #expect(decisions == [])
        driver.state.stopped(1, at: driver.now)
        let nextDecisions = driver.turn()
        #expect(nextDecisions == [])
        #expect(driver.counting == [0, 1])
    }

    @Test("a scale-out during a deployment may go to both revisions, by one reading only")
    func scaleOut() {
        func revisions(_ replacement: Replacement) -> Set<Int> {
            var driver = settled(Deployed(), replacement, desired: 2)
            for number in [1, 2] { _ = driver.protect(number) }
            driver.deploy(2)
            driver.turn()
            driver.setDesired(30)
            let starts = driver.turn()
            #expect(starts.count == 28)
            return Set(starts.compactMap { driver.state.member($0.number)?.taskDefinition })
        }
        #expect(revisions(.same) == [1, 2])
        #expect(revisions(.primary) == [2])
    }

    @Test("at a desired count of 0 a deployment is complete at once")
    func nothingWanted() {
        var driver = settled(desired: 0)
        driver.deploy(2)
        #expect(driver.state.primary.rollout == .completed)
        #expect(driver.state.primary.id.description == "ecs-svc/2")
        #expect(driver.state.deployments.count == 1)
    }

    @Test("a forced new deployment replaces tasks of the same task definition")
    func forced() {
        var driver = settled(desired: 1)
        driver.deploy()
        driver.settle()
        #expect(driver.state.member(2)?.taskDefinition == 1)
        #expect(driver.state.member(2)?.deployment.number == 2)
        #expect(driver.stopped == [1])
    }

    @Test("the sixth deployment that is not over is refused")
    func tooMany() throws {
        var driver = settled(desired: 5)
        for number in 1...5 { _ = driver.protect(number) }
        for revision in 2...5 {
            try driver.state.deploy(revision, at: driver.now)
            // Room for one of each.
            driver.state.unprotect(driver.state.deployments.count - 1)
            driver.turn()
            for number in driver.started.suffix(1) {
                driver.state.ran(number, at: driver.now)
                _ = driver.protect(number)
            }
        }
        #expect(driver.state.deployments.count == 5)
        #expect(throws: ServiceState.Refusal.tooManyDeployments) {
            try driver.state.deploy(6, at: driver.now)
        }
    }

    // MARK: The circuit breaker

    @Test("three starts that fail in a row bring the completed deployment back")
    func breaker() {
        var driver = settled(desired: 1)
        driver.deploy(2)
        driver.turn()
        driver.state.stopped(1, at: driver.now)
        driver.state.stopped(2, at: driver.now)
        driver.failStarts(1)
        #expect(driver.state.primary.failedTasks == 2)
        driver.failStarts(1)
        #expect(driver.state.primary.id.number == 1)
        #expect(driver.state.primary.rollout == .inProgress)
        #expect(driver.state.primary.createdAt == 0, "it is no new deployment")
        #expect(driver.events.contains(.failed(.init(number: 2))))
        #expect(driver.events.contains(.rollsBack(to: .init(number: 1))))
        driver.settle()
        #expect(driver.state.primary.rollout == .completed)
        #expect(driver.state.member(driver.started.last ?? 0)?.taskDefinition == 1)
    }

    @Test("the breaker's threshold is half of the count, at least 3 and at most 200")
    func threshold() {
        #expect(
            [0, 1, 5, 6, 7, 100, 1_000].map { CircuitBreaker.threshold(desired: $0) }
                == [3, 3, 3, 3, 4, 50, 200]
        )
    }

    @Test("where nothing was ever complete no task is started any more, until another deployment")
    func neverComplete() {
        var driver = ServiceDriver(desired: 1)
        driver.failStarts(3)
        #expect(driver.state.primary.rollout == .failed)
        #expect(driver.state.primary.reason.contains("circuit breaker: tasks failed to start"))
        let decisions = driver.turn(after: 3_600_000)
        #expect(decisions == [])
        driver.deploy(2)
        let nextDecisions = driver.turn()
        #expect(nextDecisions.count == 1)
    }

    @Test("at a desired count of 0 the breaker has nothing to judge, and later it is too late")
    func inert() {
        var driver = settled(desired: 0)
        driver.deploy(2)
        driver.setDesired(1)
        driver.failStarts(6)
        #expect(driver.state.primary.id.number == 2)
        #expect(driver.state.primary.rollout == .completed)
        #expect(driver.events.contains(.cannotStart))
    }

    @Test("a task that runs ends the row of failures")
    func reset() {
        var driver = settled(desired: 2)
        driver.deploy(2)
        driver.turn()
        for number in [1, 2, 3] { driver.state.stopped(number, at: driver.now) }
        #expect(driver.state.primary.failedTasks == 1)
        driver.state.ran(4, at: driver.now)
        #expect(driver.state.primary.failedTasks == 0)
    }
}
