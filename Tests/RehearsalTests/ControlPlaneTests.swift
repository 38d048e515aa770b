import Model
import Seeded
import Rules
import Testing

@testable import Rehearsal

/// The local ECS over its API, with tasks that never get so far that a process starts.
@Suite("ECS control plane")
struct ControlPlaneTests {
    private func ecs(desired: Int, failure: StartFailure? = nil) throws -> ECSStandIn {
        let definition = try TaskDefinition(
            template: Array(
                #"{"family":"f","containerDefinitions":[{"name":"a","image":"i"}]}"#.utf8
            ),
            values: [:]
        )
        return ECSStandIn(
            .init(
                names: ServiceNames(),
                definition: definition,
                deployed: try Deployed(definition, service: nil),
                replacement: .same,
                plan: ContainerPlan(images: [], parameters: [:]),
                bootMilliseconds: failure == nil ? 3_600_000 : 0,
                directory: "/tmp",
                rehearsal: "test",
                inherited: [:]
            ),
            desiredCount: desired,
            time: Timebase(),
            journal: PlayJournal(
                time: Timebase(),
                paint: Paint(isOn: false),
                directory: "/tmp",
                book: RuleBook(),
                watch: { _ in }
            ),
            agents: AgentProcesses(rehearsal: "rehearsal"),
            random: SeededRandom(seed: 1)
        )
    }

    private static let place: [String: JSON] = ["cluster": "rehearsal", "service": "agents"]

    private func call(
        _ ecs: ECSStandIn,
        _ operation: String,
        _ more: [String: JSON] = [:]
    ) async -> WebResponse {
        var input: [String: JSON] = ["cluster": "rehearsal"]
        if operation.hasSuffix("Service") { input["service"] = "agents" }
        if operation == "DescribeServices" { input["services"] = ["agents"] }
        input.merge(more) { _, new in new }
        return await ecs.controlPlane(operation, .object(input))
    }

    private func described(_ ecs: ECSStandIn) async -> JSON? {
        await call(ecs, "DescribeServices").json?["services"]?.array?.first
    }

    @Test("a task says by which deployment it was started, and the service which one is primary")
    func startedBy() async throws {
        let ecs = try ecs(desired: 1)
        await ecs.turn()
        await ecs.deploy(.forced)
        let list = await call(ecs, "ListTasks").json
        let arn = try #require(list?["taskArns"]?.array?.first)
        let task = await call(ecs, "DescribeTasks", ["tasks": [arn]]).json?["tasks"]?.array?.first
        #expect(task?["startedBy"] == "ecs-svc/1")
        let deployments = await described(ecs)?["deployments"]?.array
        #expect(deployments?.map { $0["id"] } == ["ecs-svc/2", "ecs-svc/1"])
        #expect(deployments?.map { $0["status"] } == ["PRIMARY", "ACTIVE"])
        #expect(deployments?.map { $0["rolloutState"] } == ["IN_PROGRESS", "IN_PROGRESS"])
        #expect(deployments?.first?["taskDefinition"] == deployments?.last?["taskDefinition"])
        #expect(
            deployments?.first?["rolloutStateReason"] == "ECS deployment ecs-svc/2 in progress."
        )
    }

    @Test("StopTask stops a task, protected or not, and the task says who it was")
    func stopTask() async throws {
        let ecs = try ecs(desired: 1)
        await ecs.turn()
        let arn = try #require(await call(ecs, "ListTasks").json?["taskArns"]?.array?.first)
        let answer = await call(ecs, "StopTask", ["task": arn, "reason": "enough"])
        #expect(answer.json?["task"]?["stopCode"] == "UserInitiated")
        #expect(answer.json?["task"]?["stoppedReason"] == "enough")
        #expect(answer.json?["task"]?["lastStatus"] == "STOPPED")
        await ecs.turn()
        #expect(await described(ecs)?["pendingCount"] == 1, "a fresh one takes its place")
    }

    @Test("a start that fails tells why, by the task's end or, without a task, by an event")
    func failedStarts() async throws {
        let ecs = try ecs(desired: 1, failure: .pullRefused)
        await ecs.failStarts(.pullRefused, for: 60_000)
        await ecs.turn()
        let stopped = await call(ecs, "ListTasks", ["desiredStatus": "STOPPED"]).json
        let arn = try #require(stopped?["taskArns"]?.array?.first)
        let task = await call(ecs, "DescribeTasks", ["tasks": [arn]]).json?["tasks"]?.array?.first
        #expect(task?["stopCode"] == "TaskFailedToStart")
        #expect(task?["stoppedReason"]?.string?.hasPrefix("CannotPullContainerError") == true)
        #expect(await described(ecs)?["deployments"]?.array?.first?["failedTasks"] == 1)
        let other = try self.ecs(desired: 1)
        await other.failStarts(.quotaReached, for: 60_000)
        await other.turn()
        let events = await described(other)?["events"]?.array
        #expect(
            events?.contains {
                $0["message"]?.string?.contains("unable to place a task. Reason: You've") == true
            } == true
        )
    }

    @Test("a person mends what the circuit breaker gave up, with nothing to go back to")
    func mended() async throws {
        let ecs = try ecs(desired: 3)
        await ecs.failStarts(.quotaReached, for: 60_000)
        await ecs.turn()
        #expect(
            await described(ecs)?["deployments"]?.array?.first?["rolloutState"] == "FAILED"
        )
        await ecs.mend()
        await ecs.turn()
        #expect(await described(ecs)?["pendingCount"] == 3)
        #expect(await described(ecs)?["deployments"]?.array?.first?["id"] == "ecs-svc/2")
    }

    @Test("more calls than the account has are throttled")
    func throttled() async throws {
        let ecs = try ecs(desired: 0)
        var statuses: [Int] = []
        for _ in 0..<60 {
            statuses.append(await call(ecs, "UpdateService", ["desiredCount": 0]).status)
        }
        #expect(statuses.prefix(50).allSatisfy { $0 == 200 })
        let last = await call(ecs, "UpdateService", ["desiredCount": 0])
        #expect(statuses.contains(400) || last.status == 400)
        #expect(last.json?["__type"] == "ThrottlingException")
    }

    @Test("a service that is deleted drains, refuses another count, and is then inactive")
    func deletion() async throws {
        let ecs = try ecs(desired: 1)
        await ecs.turn()
        #expect(await call(ecs, "DeleteService").status == 400)
        #expect(await call(ecs, "DeleteService", ["force": true]).status == 200)
        #expect(await described(ecs)?["status"] == "DRAINING")
        let refused = await call(ecs, "UpdateService", ["desiredCount": 3])
        #expect(refused.json?["__type"] == "ServiceNotActiveException")
        await ecs.turn()
        await ecs.turn()
        #expect(await described(ecs)?["status"] == "INACTIVE")
    }
}
