import Testing

@testable import Rehearsal

@Suite("Task life")
struct TaskLifeTests {
    private static let definition = """
        {"family":"f","containerDefinitions":[
        {"name":"side","image":"i","essential":false,"command":["x"],"stopTimeout":30,
         "restartPolicy":{"enabled":true,"restartAttemptPeriod":60},
         "healthCheck":{"command":["CMD","x"],"interval":5,"retries":2,"startPeriod":0}},
        {"name":"agent","image":"i","command":["x"],"stopTimeout":120,
         "dependsOn":[{"containerName":"side","condition":"HEALTHY"}]}]}
        """

    private func life() throws -> TaskLife {
        TaskLife(
            try TaskDefinition(template: Array(Self.definition.utf8), values: [:]),
            readyAt: 1000,
            speed: .init(healthChecks: 10, restarts: 10)
        )
    }

    /// A task whose two containers run.
    private func running() throws -> TaskLife {
        var life = try life()
        _ = life.step(at: 1000)
        life.started("side", pid: 1, at: 1000)
        life.checked("side", healthy: true, at: 1500)
        _ = life.step(at: 1500)
        life.started("agent", pid: 2, at: 1500)
        return life
    }

    @Test("containers wait for the boot, and the agent for the sidecar's health")
    func order() throws {
        var life = try life()
        #expect(life.step(at: 999) == [])
        #expect(life.step(at: 1000) == [.start("side")])
        life.started("side", pid: 1, at: 1000)
        #expect(life.step(at: 1499) == [])
        #expect(life.step(at: 1500) == [.checkHealth("side")])
        #expect(life.state == .pending)
        life.checked("side", healthy: true, at: 1510)
        #expect(life.step(at: 1510) == [.start("agent")])
        life.started("agent", pid: 2, at: 1520)
        #expect(life.state == .running)
    }

    @Test("an essential container's end stops the others in reversed order of dependsOn")
    func essential() throws {
        var life = try running()
        life.exited("agent", code: 0, at: 5000)
        #expect(life.stop?.code == "EssentialContainerExited")
        #expect(life.step(at: 5000) == [.terminate("side")])
        life.exited("side", code: 143, at: 5010)
        #expect(life.step(at: 5010) == [])
        #expect(life.state == .stopped)
    }

    @Test("a stop asks the agent first, and kills it only after its stopTimeout")
    func stops() throws {
        var life = try running()
        life.stop(code: "ServiceSchedulerInitiated", reason: "")
        #expect(life.step(at: 5000) == [.terminate("agent")])
        #expect(life.step(at: 124_999) == [])
        #expect(life.step(at: 125_000) == [.kill("agent")])
        life.exited("agent", code: 137, at: 125_001)
        #expect(life.step(at: 125_001) == [.terminate("side")])
    }

    @Test("the sidecar is restarted once per attempt period, and the task goes on without it")
    func restarts() throws {
        var life = try running()
        life.exited("side", code: 1, at: 7000)
        #expect(life.step(at: 7000) == [.start("side")])
        life.started("side", pid: 3, at: 7000)
        life.exited("side", code: 1, at: 7100)
        #expect(life.step(at: 7200) == [])
        #expect(life.state == .running)
        #expect(life.stop == nil)
    }

    @Test("a sidecar that ends before it was healthy ends the task")
    func neverHealthy() throws {
        var life = try life()
        _ = life.step(at: 1000)
        life.started("side", pid: 1, at: 1000)
        life.exited("side", code: 1, at: 1100)
        #expect(life.stop?.code == "TaskFailedToStart")
        #expect(!life.everRan)
    }

    @Test("an unhealthy sidecar beside a running agent changes nothing")
    func unhealthyLater() throws {
        var life = try running()
        for at in [2000, 2500, 3000] { life.checked("side", healthy: false, at: at) }
        #expect(life.container("side")?.health == .unhealthy)
        #expect(life.stop == nil)
    }

    @Test("a lost host is shown as running until ECS notices, and then the task is over")
    func hostLoss() throws {
        var life = try running()
        life.loseHost(noticedAt: 8000)
        life.exited("agent", code: 137, at: 5000)
        life.exited("side", code: 137, at: 5000)
        #expect(life.step(at: 7999) == [])
        #expect(life.state == .running)
        #expect(life.stop == nil)
        #expect(life.step(at: 8000) == [])
        #expect(life.state == .stopped)
        #expect(life.stop?.code == "TerminationNotice")
    }

    @Test("a Spot notice keeps the order of a stop and shortens its time")
    func spot() throws {
        var life = try running()
        life.stop(code: "SpotInterruption", reason: "", grace: 4000)
        #expect(life.step(at: 5000) == [.terminate("agent")])
        #expect(life.step(at: 8999) == [])
        #expect(life.step(at: 9000) == [.kill("agent")])
        life.exited("agent", code: 137, at: 9001)
        #expect(life.step(at: 9001) == [.terminate("side")])
        #expect(life.step(at: 13_001) == [.kill("side")])
    }

    @Test("a healthy container is checked at ECS's own interval")
    func healthyInterval() throws {
        var life = try running()
        #expect(life.step(at: 6499) == [])
        #expect(life.step(at: 6500) == [.checkHealth("side")])
    }
}
