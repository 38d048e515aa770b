import AWS
import Decisions
import Operators
import Ports
import Testing

@Suite("Why a job waits")
struct WaitReasonTests {
    private func reasons(_ change: (inout PoolWorld) throws -> Void) throws -> [WaitReason] {
        var world = PoolWorld()
        try world.announce("run-a/plan", 40)
        try change(&world)
        return try world.pool.waiting.map(\.reason)
    }

    @Test("an agent without a job is there, and is said to be passed over after two minutes")
    func free() throws {
        #expect(try reasons { _ = $0.run("t1", 5) } == [.agentIsThere])
        let late = try reasons { world in
            _ = world.run("t1", 500)
            try world.announce("run-a/plan", 130)
        }
        #expect(late == [.notTaken])
    }

    @Test("jobs are told apart by their turn: one agent is there, one starts, the third has none")
    func turns() throws {
        let found = try reasons { world in
            _ = world.run("t1", 5)
            _ = world.run("t2", state: "PROVISIONING", 5)
            try world.announce("run-b/plan", 30)
            try world.announce("run-c/plan", 20)
        }
        #expect(found == [.agentIsThere, .agentStarts, .notBegun])
    }

    @Test("a start that failed is the reason until one succeeds")
    func startsFail() throws {
        let failing: (inout PoolWorld) throws -> Void = { world in
            _ = world.run("t2", state: "PENDING", 1)
            _ = world.stop(
                "t1",
                50,
                code: "TaskFailedToStart",
                reason: "CannotPullContainerError: no",
                ran: false,
                exitCode: nil
            )
        }
        #expect(try reasons(failing) == [.startsFail(reason: "CannotPullContainerError: no")])
        let mended = try reasons { world in
            try failing(&world)
            _ = world.run("t3", 10)
            try world.announce("run-0/plan", 50)
        }
        #expect(mended == [.agentIsThere, .agentStarts])
    }

    @Test("a quota makes no task: the service's event is the reason")
    func quota() throws {
        let found = try reasons { world in
            world.events = [
                ServiceMessage(
                    at: PoolWorld.ago(30),
                    text: "(service tfc-agents) was unable to place a task. Reason: You've reached "
                        + "the limit on the number of vCPUs you can run concurrently."
                )
            ]
        }
        #expect(
            found == [
                .startsFail(
                    reason: "was unable to place a task. Reason: You've reached the limit on the "
                        + "number of vCPUs you can run concurrently."
                )
            ]
        )
    }

    @Test("what ECS said more than an hour ago is no reason")
    func oldEvent() throws {
        let found = try reasons { world in
            world.events = [
                ServiceMessage(at: PoolWorld.ago(3_601), text: "was unable to place a task.")
            ]
        }
        #expect(found == [.notBegun])
    }

    @Test("all of max_count are taken")
    func maximum() throws {
        let found = try reasons { world in
            world.limits = Limits(desiredCount: 0, maxCount: 1, spareCount: 0)
            world.ledger.size = 1
            world.desired = 1
            let task = world.run("t1", 100)
            try world.announce("run-0/plan", 90, task: task)
        }
        #expect(found == [.atMaximum(1)])
    }

    @Test("agents that end before they take a job are started one at a time")
    func pause() throws {
        let found = try reasons { world in
            world.ledger.failedStarts = Ledger.FailedStarts(
                count: 4,
                at: PoolWorld.ago(10),
                notBefore: PoolWorld.now.advanced(by: .seconds(110))
            )
        }
        #expect(found == [.startsPause(failed: 4, left: .seconds(110))])
    }

    @Test("where the state of tasks is not known no reason is made up")
    func unknown() throws {
        #expect(try reasons { $0.live = [TaskDescription(id: TaskID("t1"))] } == [.unknown])
    }

    @Test("an ended service, ended limits and a count that ECS does not have yet are told")
    func rest() throws {
        #expect(
            try reasons { $0.status = "DRAINING" } == [.serviceEnds(status: "DRAINING")]
        )
        #expect(
            try reasons { $0.limits = Limits(desiredCount: 0, maxCount: 0, spareCount: 0) }
                == [.limitsEnd]
        )
        #expect(try reasons { $0.desired = 2 } == [.notFollowed(desired: 2, size: 3)])
    }
}

@Suite("What of a pool is not as it should be")
struct ConcernTests {
    private func concerns(_ change: (inout PoolWorld) throws -> Void) throws -> [String] {
        var world = PoolWorld()
        try change(&world)
        return try world.pool.concerns.map(\.code)
    }

    @Test("a sound pool has no concern")
    func sound() throws {
        let found = try concerns { world in
            let task = world.run("t1", 100)
            try world.announce("run-0/plan", 90, task: task)
        }
        #expect(found.isEmpty)
    }

    @Test("each fault has its name")
    func faults() throws {
        #expect(try concerns { $0.ledger = Ledger() } == ["never_written"])
        let strange = try concerns { world in
            world.ledger.isAdopted = false
            world.desired = 5
        }
        #expect(strange == ["not_adopted", "service_differs"])
        #expect(try concerns { $0.ledger.isAdopted = false } == [])
        #expect(try concerns { $0.desired = 5 } == ["service_differs"])
        #expect(try concerns { $0.status = "INACTIVE" } == ["service_ends"])
        #expect(
            try concerns {
                $0.limitsFault = LimitsFault(desiredCount: 3, maxCount: 2)
            } == ["limits_fault"]
        )
        #expect(
            try concerns {
                $0.ledger.exposed[TaskID("t1")] = Ledger.Exposure(since: PoolWorld.ago(99))
            } == ["exposed"]
        )
        #expect(
            try concerns { try $0.announce("run-0/plan", 90, task: TaskID("gone")) }
                == ["job_of_nobody"]
        )
        #expect(
            try concerns {
                $0.deployments = [
                    DeploymentDescription(
                        DeploymentView(id: "ecs-svc/3", isPrimary: true, state: .failed)
                    )
                ]
            } == ["deployment_fails"]
        )
    }
}
