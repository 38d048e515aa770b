import Model
import Testing

@Suite("Model, task life")
struct TaskLifeTests {
    private static let side = ContainerDefinition(
        "side",
        isEssential: false,
        health: .init(interval: 5_000, timeout: 5_000, retries: 2, startPeriod: 0),
        restart: .init(ignoredExitCodes: [], attemptPeriod: 60_000),
        startTimeout: 20_000,
        stopTimeout: 30_000
    )
    private static let agent = ContainerDefinition(
        "agent",
        dependsOn: [.init(container: "side", condition: .healthy)],
        stopTimeout: 120_000
    )

    private func life(_ failure: StartFailure? = nil) -> TaskLife {
        TaskLife(
            [Self.side, Self.agent],
            readyAt: 1000,
            restartSpeed: 10,
            failure: failure
        )
    }

    /// A task whose two containers run.
    private func running() -> TaskLife {
        var life = life()
        _ = life.step(at: 1000)
        life.started("side", pid: 1, at: 1000)
        life.checked("side", healthy: true, at: 6000)
        _ = life.step(at: 6000)
        life.started("agent", pid: 2, at: 6000)
        return life
    }

    @Test("containers wait for the boot, and the agent for the sidecar's health")
    func order() {
        var life = life()
        let actions = life.step(at: 999)
        #expect(actions == [])
        let nextActions = life.step(at: 1000)
        #expect(nextActions == [.start("side")])
        life.started("side", pid: 1, at: 1000)
        let laterActions = life.step(at: 5999)
        #expect(laterActions == [])
        let lastActions = life.step(at: 6000)
        #expect(lastActions == [.checkHealth("side")])
        #expect(life.state == .pending)
        life.checked("side", healthy: true, at: 6010)
        let finalActions = life.step(at: 6010)
        #expect(finalActions == [.start("agent")])
        life.started("agent", pid: 2, at: 6020)
        #expect(life.state == .running)
    }

    @Test("an essential container's end stops the others in reversed order of dependsOn")
    func essential() {
        var life = running()
        life.exited("agent", code: 0, at: 8000)
        #expect(life.stop == .essentialExited)
        let actions = life.step(at: 8000)
        #expect(actions == [.terminate("side")])
        life.exited("side", code: 143, at: 8010)
        let nextActions = life.step(at: 8010)
        #expect(nextActions == [])
        #expect(life.state == .stopped)
    }

    @Test("a stop asks the agent first, and kills it only after its stopTimeout")
    func stops() {
        var life = running()
        life.stop(.scaling(.init(number: 1)))
        let actions = life.step(at: 8000)
        #expect(actions == [.terminate("agent")])
        let nextActions = life.step(at: 127_999)
        #expect(nextActions == [])
        let laterActions = life.step(at: 128_000)
        #expect(laterActions == [.kill("agent")])
        life.exited("agent", code: 137, at: 128_001)
        let lastActions = life.step(at: 128_001)
        #expect(lastActions == [.terminate("side")])
    }

    @Test("the sidecar is restarted once per attempt period, and the task goes on without it")
    func restarts() {
        var life = running()
        life.exited("side", code: 1, at: 9000)
        let actions = life.step(at: 9000)
        #expect(actions == [.start("side")])
        life.started("side", pid: 3, at: 9000)
        life.exited("side", code: 1, at: 9100)
        let nextActions = life.step(at: 9200)
        #expect(nextActions == [])
        #expect(life.state == .running)
        #expect(life.stop == nil)
    }

    @Test("a sidecar that ends before it was healthy ends the task")
    func neverHealthy() {
        var life = life()
        _ = life.step(at: 1000)
        life.started("side", pid: 1, at: 1000)
        life.exited("side", code: 1, at: 1100)
        #expect(life.stop?.code == .failedToStart)
        #expect(!life.everRan)
    }

    @Test("an unhealthy sidecar beside a running agent changes nothing")
    func unhealthyLater() {
        var life = running()
        for at in [11_000, 16_000, 21_000] { life.checked("side", healthy: false, at: at) }
        #expect(life.container("side")?.health == .unhealthy)
        #expect(life.stop == nil)
    }

    @Test("a lost host is shown as running until ECS notices, and then the task is over")
    func hostLoss() {
        var life = running()
        life.loseHost(noticedAt: 9000)
        life.exited("agent", code: 137, at: 8000)
        life.exited("side", code: 137, at: 8000)
        let actions = life.step(at: 8999)
        #expect(actions == [])
        #expect(life.state == .running)
        #expect(life.stop == nil)
        let nextActions = life.step(at: 9000)
        #expect(nextActions == [])
        #expect(life.state == .stopped)
        #expect(life.stop?.code == .terminationNotice)
    }

    @Test("a Spot notice keeps the order of a stop and shortens its time")
    func spot() {
        var life = running()
        life.stop(.spot, grace: 4000)
        let actions = life.step(at: 8000)
        #expect(actions == [.terminate("agent")])
        let nextActions = life.step(at: 11_999)
        #expect(nextActions == [])
        let laterActions = life.step(at: 12_000)
        #expect(laterActions == [.kill("agent")])
        life.exited("agent", code: 137, at: 12_001)
        let lastActions = life.step(at: 12_001)
        #expect(lastActions == [.terminate("side")])
        let finalActions = life.step(at: 16_001)
        #expect(finalActions == [.kill("side")])
    }

    @Test("a healthy container is checked at ECS's own interval")
    func healthyInterval() {
        var life = running()
        let actions = life.step(at: 10_999)
        #expect(actions == [])
        let nextActions = life.step(at: 11_000)
        #expect(nextActions == [.checkHealth("side")])
    }

    @Test("a HEALTHY that never comes ends the task after the startTimeout of what is waited for")
    func startTimeout() {
        var life = TaskLife([Self.patient, Self.agent], readyAt: 0)
        _ = life.step(at: 0)
        life.started("side", pid: 1, at: 0)
        #expect(life.nextAt == 5_000)
        let checks = life.step(at: 5_000)
        #expect(checks == [.checkHealth("side")])
        life.checked("side", healthy: false, at: 5_100)
        #expect(life.container("side")?.health == .unknown, "its startPeriod is not over")
        #expect(life.nextAt == 10_100)
        _ = life.step(at: 19_999)
        #expect(life.stop == nil)
        #expect(life.nextAt == 20_000)
        let stops = life.step(at: 20_000)
        #expect(stops == [.terminate("side")])
        #expect(life.stop?.reason.contains("startTimeout") == true)
    }

    private static let patient = ContainerDefinition(
        "side",
        isEssential: false,
        health: .init(interval: 5_000, timeout: 5_000, retries: 2, startPeriod: 60_000),
        startTimeout: 20_000
    )

    @Test(
        "a start that fails ends the task in ECS's words, before any container runs",
        arguments: StartFailure.allCases.filter { !$0.isUnplaced && $0 != .undelivered }
    )
    func failedStart(_ failure: StartFailure) {
        var life = life(failure)
        #expect(life.nextAt == 1000)
        let actions = life.step(at: 1000)
        #expect(actions == [])
        #expect(life.state == .stopped)
        #expect(life.stop?.code == .failedToStart)
        #expect(!life.everRan)
        #expect(life.nextAt == nil)
    }

    @Test("the next moment is that of a check, then that of a kill, then none")
    func nextMoment() {
        var life = running()
        #expect(life.nextAt == 11_000)
        life.stop(.byUser)
        let actions = life.step(at: 8000)
        #expect(actions == [.terminate("agent")])
        #expect(life.nextAt == 128_000)
        life.exited("agent", code: 0, at: 9000)
        let nextActions = life.step(at: 9000)
        #expect(nextActions == [.terminate("side")])
        #expect(life.nextAt == 39_000)
        life.exited("side", code: 0, at: 9100)
        _ = life.step(at: 9100)
        #expect(life.nextAt == nil)
    }

    // MARK: Containers that end before others start

    private static let first = ContainerDefinition(
        "first",
        isEssential: false,
        startTimeout: 20_000
    )

    /// A task of which the first container and the sidecar have started.
    private func delivering(
        _ condition: ContainerDefinition.Condition,
        _ failure: StartFailure? = nil
    ) -> TaskLife {
        let agent = ContainerDefinition(
            "agent",
            dependsOn: [
                .init(container: "first", condition: condition),
                .init(container: "side", condition: .start),
            ]
        )
        let side = ContainerDefinition("side", isEssential: false)
        var life = TaskLife([Self.first, side, agent], readyAt: 0, failure: failure)
        _ = life.step(at: 0)
        life.started("first", pid: 1, at: 0)
        life.started("side", pid: 2, at: 0)
        return life
    }

    @Test("SUCCESS waits for an end with code 0, and then the task runs without that container")
    func success() {
        var life = delivering(.success)
        let none = life.step(at: 100)
        #expect(none == [])
        life.exited("first", code: 0, at: 200)
        let actions = life.step(at: 200)
        #expect(actions == [.start("agent")])
        #expect(life.nextAt == nil, "nobody waits for it any more")
        life.started("agent", pid: 3, at: 300)
        #expect(life.state == .running)
        life.stop(.byUser)
        let stops = life.step(at: 400)
        #expect(stops == [.terminate("agent")])
    }

    @Test("another end than that waited for ends the task before its agent has started")
    func noSuccess() {
        var life = delivering(.success)
        life.exited("first", code: 1, at: 200)
        #expect(life.stop?.code == .failedToStart)
        #expect(life.stop?.reason.contains("[first]") == true)
        #expect(!life.everRan)
        var undelivered = delivering(.success, .undelivered)
        undelivered.exited("first", code: 0, at: 200)
        #expect(undelivered.stop == life.stop)
    }

    @Test("COMPLETE takes any end, and START one that was over at once")
    func completion() {
        for condition in [ContainerDefinition.Condition.complete, .start] {
            var life = delivering(condition)
            life.exited("first", code: 1, at: 200)
            let actions = life.step(at: 200)
            #expect(actions == [.start("agent")])
            #expect(life.stop == nil)
        }
    }

    @Test("an end that does not come within the startTimeout ends the task")
    func noEnd() {
        var life = delivering(.success)
        #expect(life.nextAt == 20_000)
        let stops = life.step(at: 20_000)
        #expect(stops == [.terminate("first"), .terminate("side")])
        #expect(life.stop?.reason.contains("startTimeout") == true)
    }
}
