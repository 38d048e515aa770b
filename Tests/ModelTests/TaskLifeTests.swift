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
            speed: .init(healthChecks: 10, restarts: 10),
            failure: failure
        )
    }

    /// A task whose two containers run.
    private func running() -> TaskLife {
        var life = life()
        _ = life.step(at: 1000)
        life.started("side", pid: 1, at: 1000)
        life.checked("side", healthy: true, at: 1500)
        _ = life.step(at: 1500)
        life.started("agent", pid: 2, at: 1500)
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
        let laterActions = life.step(at: 1499)
        #expect(laterActions == [])
        let lastActions = life.step(at: 1500)
        #expect(lastActions == [.checkHealth("side")])
        #expect(life.state == .pending)
        life.checked("side", healthy: true, at: 1510)
        let finalActions = life.step(at: 1510)
        #expect(finalActions == [.start("agent")])
        life.started("agent", pid: 2, at: 1520)
        #expect(life.state == .running)
    }

    @Test("an essential container's end stops the others in reversed order of dependsOn")
    func essential() {
        var life = running()
        life.exited("agent", code: 0, at: 5000)
        #expect(life.stop == .essentialExited)
        let actions = life.step(at: 5000)
        #expect(actions == [.terminate("side")])
        life.exited("side", code: 143, at: 5010)
        let nextActions = life.step(at: 5010)
        #expect(nextActions == [])
        #expect(life.state == .stopped)
    }

    @Test("a stop asks the agent first, and kills it only after its stopTimeout")
    func stops() {
        var life = running()
        life.stop(.scaling(.init(number: 1)))
        let actions = life.step(at: 5000)
        #expect(actions == [.terminate("agent")])
        let nextActions = life.step(at: 124_999)
        #expect(nextActions == [])
        let laterActions = life.step(at: 125_000)
        #expect(laterActions == [.kill("agent")])
        life.exited("agent", code: 137, at: 125_001)
        let lastActions = life.step(at: 125_001)
        #expect(lastActions == [.terminate("side")])
    }

    @Test("the sidecar is restarted once per attempt period, and the task goes on without it")
    func restarts() {
        var life = running()
        life.exited("side", code: 1, at: 7000)
        let actions = life.step(at: 7000)
        #expect(actions == [.start("side")])
        life.started("side", pid: 3, at: 7000)
        life.exited("side", code: 1, at: 7100)
        let nextActions = life.step(at: 7200)
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
        for at in [2000, 2500, 3000] { life.checked("side", healthy: false, at: at) }
        #expect(life.container("side")?.health == .unhealthy)
        #expect(life.stop == nil)
    }

    @Test("a lost host is shown as running until ECS notices, and then the task is over")
    func hostLoss() {
        var life = running()
        life.loseHost(noticedAt: 8000)
        life.exited("agent", code: 137, at: 5000)
        life.exited("side", code: 137, at: 5000)
        let actions = life.step(at: 7999)
        #expect(actions == [])
        #expect(life.state == .running)
        #expect(life.stop == nil)
        let nextActions = life.step(at: 8000)
        #expect(nextActions == [])
        #expect(life.state == .stopped)
        #expect(life.stop?.code == .terminationNotice)
    }

    @Test("a Spot notice keeps the order of a stop and shortens its time")
    func spot() {
        var life = running()
        life.stop(.spot, grace: 4000)
        let actions = life.step(at: 5000)
        #expect(actions == [.terminate("agent")])
        let nextActions = life.step(at: 8999)
        #expect(nextActions == [])
        let laterActions = life.step(at: 9000)
        #expect(laterActions == [.kill("agent")])
        life.exited("agent", code: 137, at: 9001)
        let lastActions = life.step(at: 9001)
        #expect(lastActions == [.terminate("side")])
        let finalActions = life.step(at: 13_001)
        #expect(finalActions == [.kill("side")])
    }

    @Test("a healthy container is checked at ECS's own interval")
    func healthyInterval() {
        var life = running()
        let actions = life.step(at: 6499)
        #expect(actions == [])
        let nextActions = life.step(at: 6500)
        #expect(nextActions == [.checkHealth("side")])
    }

    @Test("a HEALTHY that never comes ends the task after the startTimeout of what is waited for")
    func startTimeout() {
        var life = TaskLife([Self.patient, Self.agent], readyAt: 0, failure: .neverHealthy)
        _ = life.step(at: 0)
        life.started("side", pid: 1, at: 0)
        #expect(life.nextAt == 5_000)
        let checks = life.step(at: 5_000)
        #expect(checks == [.checkHealth("side")])
        life.checked("side", healthy: true, at: 5_100)
        #expect(life.container("side")?.health == .unknown, "whatever the check says")
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
        arguments: StartFailure.allCases.filter { !$0.isUnplaced && $0 != .neverHealthy }
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
        #expect(life.nextAt == 6500)
        life.stop(.byUser)
        let actions = life.step(at: 5000)
        #expect(actions == [.terminate("agent")])
        #expect(life.nextAt == 125_000)
        life.exited("agent", code: 0, at: 6000)
        let nextActions = life.step(at: 6000)
        #expect(nextActions == [.terminate("side")])
        #expect(life.nextAt == 36_000)
        life.exited("side", code: 0, at: 6100)
        _ = life.step(at: 6100)
        #expect(life.nextAt == nil)
    }
}
