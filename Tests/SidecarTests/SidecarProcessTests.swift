import AWS
import Curl
import Decisions
import FoundationEssentials
import Peers
import Testing

/// The built sidecar and launcher as processes, moto as ECS and DynamoDB, and a peer as the
/// task's own endpoints. Only the agent is a script.
@Suite("Sidecar process, against moto")
struct SidecarProcessTests {
    /// Waits for jobs that never come, writes down every SIGTERM, and ends with it.
    private static let idleAgent = """
        exec python3 -c '
        import os, signal, sys
        def stop(number, frame):
            with open(os.environ["AGENT_LINK_DIR"] + "/signals", "a") as file:
                file.write("signal\\n")
            sys.exit(0)
        signal.signal(signal.SIGTERM, stop)
        print("2026-11-23T20:31:53.123Z [INFO]  core: Waiting for next job", flush=True)
        while True:
            signal.pause()
        '
        """

    @Test("a task is protected, runs its one job, and takes the service down with it")
    func singleJob() async throws {
        let stage = try await Stage(service: "single-job")
        let plan = try #require(Job(id: "run-1", type: "plan"))
        try await stage.announce(plan)
        #expect(try await stage.desiredCount() == 1)

        try stage.startSidecar()
        try await stage.until("healthy") { stage.exists("healthy") }
        #expect(try await stage.protectionCalls() == [true])
        let launcher = try stage.startLauncher(
            """
            echo '{"@module":"core","@message":"Waiting for next job"}'
            echo '{"@module":"core","@message":"Job received","job_id":"run-1","job_type":"plan"}'
            while [ ! -e "$AGENT_LINK_DIR/finish" ]; do sleep 0.05; done
            exit 7
            """
        )
        try await stage.until("the job is reported") {
            try await stage.ledger().jobs[plan]?.task == stage.task
        }
        stage.touch("finish")
        try await stage.until("the launcher exits") { !launcher.isRunning }

        #expect(launcher.exitCode == 7)
        let ledger = try await stage.ledger()
        #expect(ledger.size == 0)
        #expect(ledger.jobs.isEmpty)
        #expect(ledger.departed.keys.contains(stage.task))
        #expect(try await stage.desiredCount() == 0)
        #expect(try await stage.protectionCalls() == [true, false])
    }

    @Test("F28: a sidecar that is killed during the job is replaced, and the job is booked once")
    func killed() async throws {
        let stage = try await Stage(service: "killed")
        let plan = try #require(Job(id: "run-1", type: "plan"))
        try await stage.announce(plan)
        let first = try stage.startSidecar()
        try await stage.until("healthy") { stage.exists("healthy") }
        let launcher = try stage.startLauncher(
            """
            echo '{"@module":"core","@message":"Job received","job_id":"run-1","job_type":"plan"}'
            while [ ! -e "$AGENT_LINK_DIR/finish" ]; do sleep 0.05; done
            """
        )
        try await stage.until("the job is reported") {
            try await stage.ledger().jobs[plan]?.task == stage.task
        }
        first.end()
        stage.touch("finish")
        try stage.startSidecar()
        try await stage.until("the launcher exits") { !launcher.isRunning }

        #expect(launcher.exitCode == 0)
        #expect(try await stage.ledger().size == 0)
        #expect(try await stage.ledger().departed.keys.contains(stage.task))
        #expect(try await stage.desiredCount() == 0)
    }

    @Test("an agent above the floor is drained with one signal and leaves; a blocked task waits")
    func idle() async throws {
        let stage = try await Stage(service: "idle", ["blocked", "1"])
        try await stage.raise(to: 1)
        try stage.startSidecar(["FIRST_JOB_TIMEOUT_SECONDS": "1"])
        try await stage.until("healthy") { stage.exists("healthy") }
        #expect(try await stage.protectionCalls() == [true, true])
        let launcher = try stage.startLauncher(Self.idleAgent)
        try await stage.until("the launcher exits") { !launcher.isRunning }

        #expect(launcher.exitCode == 0)
        #expect(try stage.read("signals") == "signal\n")
        #expect(try await stage.ledger().size == 0)
        #expect(try await stage.desiredCount() == 0)
    }

    @Test("two sidecars for one task: one departure is booked, and the agent has one signal")
    func twoSidecars() async throws {
        let stage = try await Stage(service: "two-sidecars")
        try await stage.raise(to: 2)
        try stage.startSidecar(["FIRST_JOB_TIMEOUT_SECONDS": "2"])
        try await stage.until("healthy") { stage.exists("healthy") }
        let launcher = try stage.startLauncher(Self.idleAgent)
        try stage.startSidecar(["FIRST_JOB_TIMEOUT_SECONDS": "2"])
        try await stage.until("the launcher exits") { !launcher.isRunning }

        #expect(launcher.exitCode == 0)
        #expect(try stage.read("signals") == "signal\n")
        #expect(try await stage.ledger().size == 1)
        #expect(try await stage.ledger().departed.keys.contains(stage.task))
        #expect(try await stage.desiredCount() == 1)
    }

    @Test("F14: with an API token, a job whose run is over keeps no agent")
    func finishedRun() async throws {
        let stage = try await Stage(service: "finished-run")
        let plan = try #require(Job(id: "run-1", type: "plan"))
        try await stage.announce(plan, ago: .seconds(180))
        try stage.startSidecar(["FIRST_JOB_TIMEOUT_SECONDS": "1", "TFE_TOKEN": "an-api-token"])
        try await stage.until("healthy") { stage.exists("healthy") }
        let launcher = try stage.startLauncher(Self.idleAgent)
        try await stage.until("the launcher exits") { !launcher.isRunning }

        #expect(try await stage.ledger().jobs.isEmpty)
        #expect(try await stage.ledger().size == 0)
        #expect(try await stage.desiredCount() == 0)
        #expect(!(try stage.read("sidecar.log").contains("an-api-token")))
    }

    @Test("a ledger of a newer version is refused, and nobody leaves by it")
    func newerLedger() async throws {
        let stage = try await Stage(service: "newer")
        try await stage.writeItem(format: 99, size: 1)
        try stage.startSidecar(["FIRST_JOB_TIMEOUT_SECONDS": "1"])
        try await stage.until("healthy") { stage.exists("healthy") }
        let launcher = try stage.startLauncher(
            """
            echo '{"@module":"core","@message":"Waiting for next job"}'
            while [ ! -e "$AGENT_LINK_DIR/finish" ]; do sleep 0.05; done
            """
        )
        try await stage.until("the refusal is in the log") {
            try stage.read("sidecar.log").contains("format 99")
        }
        #expect(launcher.isRunning)
        await #expect(throws: LedgerFailure.refused(.newerFormat(99))) {
            try await stage.ledger()
        }
        stage.touch("finish")
    }
}
