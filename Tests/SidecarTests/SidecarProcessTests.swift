import AWS
import AgentLink
import Curl
import Decisions
import FoundationEssentials
import Glibc
import Peers
import Ports
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
        try await stage.until("allowed") { stage.exists("allowed") }
        #expect(try await stage.protectionCalls() == [true])
        let launcher = try stage.startLauncher(
            """
            echo '{"@module":"core","@message":"Waiting for next job"}'
            echo '{"@module":"core","@message":"Job received","job_id":"run-1","job_type":"plan"}'
            while [ -d "$AGENT_LINK_DIR" ] && [ ! -e "$AGENT_LINK_DIR/finish" ]; do sleep 0.05; done
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
        #expect(try await stage.departed() == .retired)
        #expect(try await stage.desiredCount() == 0)
        #expect(try await stage.protectionCalls() == [true, false])
    }

    @Test("a sidecar that is killed during the job is replaced, and the job is booked once")
    func killed() async throws {
        let stage = try await Stage(service: "killed")
        let plan = try #require(Job(id: "run-1", type: "plan"))
        try await stage.announce(plan)
        let first = try stage.startSidecar()
        try await stage.until("allowed") { stage.exists("allowed") }
        let launcher = try stage.startLauncher(
            """
            echo '{"@module":"core","@message":"Job received","job_id":"run-1","job_type":"plan"}'
            while [ -d "$AGENT_LINK_DIR" ] && [ ! -e "$AGENT_LINK_DIR/finish" ]; do sleep 0.05; done
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
        #expect(try await stage.departed() == .retired)
        #expect(try await stage.desiredCount() == 0)
    }

    @Test("an agent above the floor is drained with one signal and leaves; a blocked task waits")
    func idle() async throws {
        let stage = try await Stage(service: "idle", ["blocked", "1"])
        try await stage.raise(to: 1)
        try stage.startSidecar(["FIRST_JOB_TIMEOUT_SECONDS": "1"])
        try await stage.until("allowed") { stage.exists("allowed") }
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
        try await stage.until("allowed") { stage.exists("allowed") }
        let launcher = try stage.startLauncher(Self.idleAgent)
        try stage.startSidecar(["FIRST_JOB_TIMEOUT_SECONDS": "2"])
        try await stage.until("the launcher exits") { !launcher.isRunning }

        #expect(launcher.exitCode == 0)
        #expect(try stage.read("signals") == "signal\n")
        #expect(try await stage.ledger().size == 1)
        #expect(try await stage.departed() == .retired)
        #expect(try await stage.desiredCount() == 1)
    }

    @Test("with an API token, a job whose run is over keeps no agent")
    func finishedRun() async throws {
        let stage = try await Stage(service: "finished-run")
        let plan = try #require(Job(id: "run-1", type: "plan"))
        try await stage.announce(plan, ago: .seconds(180))
        try stage.startSidecar(["FIRST_JOB_TIMEOUT_SECONDS": "1", "TFE_TOKEN": "an-api-token"])
        try await stage.until("allowed") { stage.exists("allowed") }
        let launcher = try stage.startLauncher(Self.idleAgent)
        try await stage.until("the launcher exits") { !launcher.isRunning }

        #expect(try await stage.ledger().jobs.isEmpty)
        #expect(try await stage.ledger().size == 0)
        #expect(try await stage.desiredCount() == 0)
        #expect(!(try stage.log().contains("an-api-token")))
    }

    @Test("the API token may be in a parameter, which is read with the task's own role")
    func tokenParameter() async throws {
        let stage = try await Stage(service: "token-parameter")
        let plan = try #require(Job(id: "run-1", type: "plan"))
        try await stage.writeParameter("/agents/token-parameter", "an-api-token")
        try await stage.announce(plan, ago: .seconds(180))
        try stage.startSidecar([
            "FIRST_JOB_TIMEOUT_SECONDS": "1", "TFE_TOKEN": "",
            "TFE_TOKEN_PARAMETER": "/agents/token-parameter",
        ])
        try await stage.until("allowed") { stage.exists("allowed") }
        let launcher = try stage.startLauncher(Self.idleAgent)
        try await stage.until("the launcher exits") { !launcher.isRunning }

        #expect(try await stage.ledger().jobs.isEmpty)
        #expect(!(try stage.log().contains("an-api-token")))
    }

    @Test("a token that cannot be read is a warning, and the task lives on without it")
    func noTokenParameter() async throws {
        let stage = try await Stage(service: "no-token-parameter")
        try await stage.announce(try #require(Job(id: "run-1", type: "plan")), ago: .seconds(180))
        try stage.startSidecar([
            "FIRST_JOB_TIMEOUT_SECONDS": "1", "TFE_TOKEN_PARAMETER": "/agents/nowhere",
        ])
        try await stage.until("allowed") { stage.exists("allowed") }
        let launcher = try stage.startLauncher(
            """
            echo '{"@module":"core","@message":"Waiting for next job"}'
            while [ -d "$AGENT_LINK_DIR" ] && [ ! -e "$AGENT_LINK_DIR/finish" ]; do sleep 0.05; done
            """
        )
        try await stage.until("a warning") {
            try stage.log().contains("the SSM parameter /agents/nowhere cannot be read")
        }
        try await stage.until("the ledger's refusal") {
            try stage.log().contains("the agent stays")
        }
        #expect(launcher.isRunning)
        stage.touch("finish")
        try await stage.until("the launcher exits") { !launcher.isRunning }
    }

    // MARK: Starting

    @Test("a sidecar outlives the seconds in which the task metadata cannot be had")
    func muteMetadata() async throws {
        let stage = try await Stage(service: "mute", ["mute", "9"])
        let sidecar = try stage.startSidecar()
        try await stage.until("allowed") { stage.exists("allowed") }
        #expect(sidecar.isRunning)
        #expect(try stage.log().contains("the task metadata cannot be read: HTTP status 500"))
    }

    @Test(
        "settings that are another service's end the sidecar before it writes anything",
        arguments: [
            ["ECS_SERVICE": "somebody-elses"], ["ECS_CLUSTER": "others"],
            ["ECS_CLUSTER": "arn:aws:ecs:eu-central-1:123456789012:cluster/others"],
        ]
    )
    func contradiction(_ settings: [String: String]) async throws {
        let stage = try await Stage(service: "contradicted-\(UUID().uuidString.prefix(8))")
        let sidecar = try stage.startSidecar(settings)
        try await stage.until("the sidecar ends") { !sidecar.isRunning }

        #expect(sidecar.exitCode == 1)
        #expect(try stage.log().contains("but this task is of"))
        // Only where the launcher is told that there is a sidecar.
        #expect(try stage.files() == ["link.sock"])
        #expect(try await stage.protectionCalls() == [])
    }

    @Test("faulty settings end a new sidecar at once, and not one whose agent was allowed before")
    func faultySettings() async throws {
        let stage = try await Stage(service: "faulty")
        let new = try stage.startSidecar(["MAX_COUNT": "many"])
        try await stage.until("the sidecar ends") { !new.isRunning }
        #expect(new.exitCode == 1)

        stage.touch("allowed")
        let restarted = try stage.startSidecar(["MAX_COUNT": "some"])
        try await stage.until("it has said why") { try stage.log().contains("some") }
        #expect(restarted.isRunning)
        restarted.signal(SIGTERM)
        try await stage.until("it ends when it is asked to") { !restarted.isRunning }
    }

    @Test("a restarted sidecar needs no more room on the volume than its socket")
    func restartedWithoutRoom() async throws {
        let stage = try await Stage(service: "full")
        // The second one has no file left, and no room.
        let sidecar = try stage.startSidecar(
            by: """
                mount -t tmpfs -o nr_inodes=4,size=64k none "$AGENT_LINK_DIR"
                touch "$AGENT_LINK_DIR/agent-launcher" "$AGENT_LINK_DIR/allowed"
                dd if=/dev/zero of="$AGENT_LINK_DIR/allowed" bs=1k 2>/dev/null || true
                exec "$@"
                """
        )
        try await stage.until("it has started") { try stage.log().contains(#""started""#) }
        try await stage.until("it protects the task") {
            try await stage.protectionCalls() == [true]
        }
        #expect(sidecar.isRunning)
    }

    @Test(
        "a volume that is filled while the task waits for protection does not keep its agent from starting"
    )
    func filled() async throws {
        let stage = try await Stage(service: "filled", ["blocked", "1"])
        let sidecar = try stage.startSidecar(
            by: """
                mount -t tmpfs -o nr_inodes=20 none "$AGENT_LINK_DIR"
                cd "$AGENT_LINK_DIR"
                "$@" &
                while [ ! -S link.sock ] || [ ! -e allowed.next ]; do sleep 0.05; done
                number=0
                while touch fill$number 2>/dev/null; do number=$((number + 1)); done
                [ ! -e allowed ]
                while [ ! -e allowed ]; do sleep 0.05; done
                kill $!
                wait $! || true
                echo "allowed with $number files beside it"
                """
        )
        try await stage.until("the script ends") { !sidecar.isRunning }
        #expect(sidecar.exitCode == 0)
        #expect(try stage.log().contains("files beside it"))
    }

    @Test(
        "where a sidecar could not run no launcher is delivered, and it is said why",
        arguments: [
            ["MAX_COUNT": "many"], ["ECS_SERVICE": "somebody-elses"], ["ECS_CLUSTER": "others"],
        ]
    )
    func refusedDelivery(_ settings: [String: String]) async throws {
        let stage = try await Stage(service: "undelivered-\(UUID().uuidString.prefix(8))")
        let delivery = try stage.deliver(settings)
        try await stage.until("it ends") { !delivery.isRunning }
        #expect(delivery.exitCode == 1)
        for name in settings.keys {
            #expect(try stage.log("delivery.log").contains(name))
        }
        #expect(try stage.files() == [])
        #expect(try await stage.protectionCalls() == [])
    }

    @Test(
        "a delivered launcher is anybody's to execute and its owner's to write, in a protected task"
    )
    func delivered() async throws {
        let stage = try await Stage(service: "delivered")
        let delivery = try stage.deliver()
        try await stage.until("it ends") { !delivery.isRunning }
        #expect(delivery.exitCode == 0)
        #expect(try stage.files() == ["agent-launcher"])
        #expect(stage.mode(of: "agent-launcher") == 0o755)
        // Should its sidecar die too young to be started again, the agent runs protected.
        #expect(try await stage.protectionCalls() == [true])
    }

    @Test("who delivers the launcher asks again where the task is not known yet")
    func deliveredLate() async throws {
        let stage = try await Stage(service: "delivered-late", ["mute", "2"])
        let delivery = try stage.deliver()
        try await stage.until("it ends") { !delivery.isRunning }
        #expect(delivery.exitCode == 0)
        #expect(try await stage.protectionCalls() == [true])
    }

    @Test("a launcher is delivered all the same where the task's metadata cannot be had")
    func deliveredUnknown() async throws {
        let stage = try await Stage(service: "delivered-unknown")
        let delivery = try stage.deliver([
            "ECS_CONTAINER_METADATA_URI_V4": "http://127.0.0.1:1/v4/none"
        ])
        try await stage.until("it ends") { !delivery.isRunning }
        #expect(delivery.exitCode == 0)
        #expect(try stage.files() == ["agent-launcher"])
    }

    @Test(
        "a sidecar that cannot read the task's metadata yet answers the launcher, and names nobody"
    )
    func answersBeforeItsStart() async throws {
        let stage = try await Stage(service: "no-metadata")
        let sidecar = try stage.startSidecar([
            "ECS_CONTAINER_METADATA_URI_V4": "http://127.0.0.1:1/v4/none"
        ])
        try await stage.until("it tries again") { try stage.log().contains("start_retried") }
        let launcher = try Connection(to: stage.socket)
        launcher.say(.hello(version: Link.version))
        launcher.say(.ping(7))
        try await stage.until("it answers") { launcher.hear().contains(.pong(7)) }
        launcher.say(.ping(8))
        try await stage.until("it answers again") { launcher.hear().contains(.pong(8)) }
        #expect(sidecar.isRunning)
    }

    // MARK: A log that nobody reads

    @Test("a sidecar whose log is blocked decides and answers, and its lines come when it is read")
    func blockedLog() async throws {
        let stage = try await Stage(service: "blocked-log")
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (reader, writer) = (ends[0], ends[1])
        defer { close(reader) }
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 4_096)
        var entry = pollfd(fd: writer, events: Int16(POLLOUT), revents: 0)
        while poll(&entry, 1, 0) > 0 { _ = write(writer, piece, piece.count) }
        let sidecar = try stage.startSidecar(errors: .descriptor(writer))
        close(writer)

        try await stage.until("allowed") { stage.exists("allowed") }
        #expect(try await stage.protectionCalls() == [true])
        let launcher = try Connection(to: stage.socket)
        launcher.say(.hello(version: Link.version))
        launcher.say(.ping(7))
        try await stage.until("it answers") { launcher.hear().contains(.pong(7)) }

        // Its last lines too, once it is asked to end. A second request, for a person who does not
        // want to wait, is one only after the first has been heard: signals do not queue.
        sidecar.signal(SIGTERM)
        var isAskedAgain = false
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(reader, &buffer, buffer.count)
            guard count > 0 else { break }
            text += String(decoding: buffer[..<count], as: UTF8.self)
            if !isAskedAgain, text.contains("asked to stop") {
                isAskedAgain = true
                sidecar.signal(SIGTERM)
            }
        }
        for words in ["started", "the agent may start", "asked to stop"] {
            #expect(text.contains(words))
        }
    }

    /// The launcher's end of the link, in the test's hands.
    private final class Connection {
        private let descriptor: Int32
        private var incoming = LineBuffer()
        private var heard: [SidecarMessage] = []

        init(to path: String) throws { descriptor = try UnixSocket.connect(to: path) }
        deinit { close(descriptor) }

        func say(_ message: LauncherMessage) {
            var bytes = (try? message.serialised()) ?? []
            #expect(Descriptor.send(descriptor, &bytes))
        }

        /// Everything so far.
        func hear() -> [SidecarMessage] {
            withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { buffer in
                while case .bytes(let count) = Descriptor.read(descriptor, into: buffer) {
                    for case .whole(let line) in incoming.take(Array(buffer[..<count])) {
                        if let message = try? SidecarMessage(parsing: line) {
                            heard.append(message)
                        }
                    }
                }
            }
            return heard
        }
    }

    @Test("a ledger of a newer version is refused, and nobody leaves by it")
    func newerLedger() async throws {
        let stage = try await Stage(service: "newer")
        try await stage.writeItem(format: 99, size: 1)
        try stage.startSidecar(["FIRST_JOB_TIMEOUT_SECONDS": "1"])
        try await stage.until("allowed") { stage.exists("allowed") }
        let launcher = try stage.startLauncher(
            """
            echo '{"@module":"core","@message":"Waiting for next job"}'
            while [ -d "$AGENT_LINK_DIR" ] && [ ! -e "$AGENT_LINK_DIR/finish" ]; do sleep 0.05; done
            """
        )
        try await stage.until("the refusal is in the log") {
            try stage.log().contains("format 99")
        }
        #expect(launcher.isRunning)
        await #expect(throws: LedgerFailure.refused("\(ItemFault.newerFormat(99))")) {
            try await stage.ledger()
        }
        stage.touch("finish")
    }
}
