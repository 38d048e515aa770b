import AgentLink
import AgentLinkServer
import Glibc
import Peers
import Synchronization
import Testing

/// The launcher itself as the first process of a room, beside a sidecar outside.
@Suite("The launcher renews its container", .unsanitized, .timeLimit(.minutes(2)))
struct RenewingLauncherTests {
    /// A sidecar that names the first agent and records what it hears.
    private final class Sidecar: Sendable {
        let directory: String
        private let server: LinkServer
        private let heard = Mutex<[LauncherMessage]>([])

        init() throws {
            var template = Array("/tmp/renewal-link-XXXXXX".utf8CString)
            directory = try #require(mkdtemp(&template).map { String(cString: $0) })
            server = try LinkServer(directory: directory)
            Task { [server, weak self] in
                for await event in server.events {
                    guard case .message(let message) = event else { continue }
                    switch message {
                    case .hello: server.send(.name("first"))
                    case .ping(let number): server.send(.pong(number))
                    default: self?.heard.withLock { $0.append(message) }
                    }
                }
            }
        }

        deinit {
            server.stop()
            unlink(directory + "/link.sock")
            rmdir(directory)
        }

        var messages: [LauncherMessage] { heard.withLock { $0 } }

        func send(_ message: SidecarMessage) { server.send(message) }

        /// Waits until it has heard a message so many times.
        func hears(_ message: LauncherMessage, times: Int = 1, _ room: Room) async throws {
            let deadline = ContinuousClock.now + .seconds(30)
            while messages.count(where: { $0 == message }) < times {
                guard ContinuousClock.now < deadline else {
                    throw Room.Failure(
                        description: "not heard: \(message); \(messages); \(room.output)"
                    )
                }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    /// An agent that says what it finds, leaves what it can, and ends after its job.
    private static let agent = """
        mkdir -p home/tfc-agent/bin; cat > home/tfc-agent/bin/tfc-agent <<'EOF'
        #!/bin/sh
        echo "core: Agent registered successfully with HCP Terraform"
        echo "I am $TFC_AGENT_NAME, $(id -un), in $HOME, with $SECRET and $*"
        echo "I find $(ls -A $HOME /tmp /dev/shm | tr '\\n' ' '), $(grep -l sleep /proc/[0-9]*/comm | wc -l) processes"
        echo "core: Job received: job-1"
        echo evil > $HOME/evil; echo evil > /tmp/evil; echo evil > /dev/shm/evil
        echo evil >> $HOME/bin/tfc-agent; ipcmk -M 4096 > /dev/null
        setsid sleep 600 &
        if [ "$NOISE" ]; then (while :; do echo noise; sleep 0.02; done) & fi
        exit ${CODE:-0}
        EOF
        chmod 755 home/tfc-agent/bin/tfc-agent; chown -R 1000:1000 home/tfc-agent/bin
        """

    private func room(
        _ sidecar: Sidecar,
        _ variables: [String] = [],
        image: String = "",
        arguments: [String] = ["-single"]
    ) throws -> Room {
        let words =
            ["/usr/bin/env", "AGENT_MODE=renewed", "SECRET=hush", "HOME=/root"] + variables
            + ["/launcher"] + arguments
        return try Room(
            words,
            Room.Plan(image: Self.agent + "\n" + image, link: sidecar.directory)
        )
    }

    @Test("each agent finds what the first one found, under the name that the sidecar gives it")
    func renews() async throws {
        let sidecar = try Sidecar()
        let room = try room(sidecar)
        for round in 1...3 {
            try await sidecar.hears(.exited(code: 0), times: round, room)
            try await sidecar.hears(.renewed, times: round, room)
            sidecar.send(round < 3 ? .next("agent \(round + 1)") : .release)
        }
        #expect(room.process.wait() == 0)
        let lines = room.output.split(separator: "\n").map(String.init)
        let names = lines.filter { $0.hasPrefix("I am") }
        #expect(
            names
                == ["first", "agent 2", "agent 3"].map {
                    "I am \($0), tfc-agent, in /home/tfc-agent, with hush and -single"
                },
            "\(room.output)"
        )
        let finds = lines.filter { $0.hasPrefix("I find") }
        #expect(Set(finds).count == 1 && finds.count == 3, "\(room.output)")
        #expect(finds.allSatisfy { $0.hasSuffix(", 0 processes") }, "\(room.output)")
        #expect(!room.output.contains("evil"))
    }

    @Test("a job can neither reach the sidecar nor read what the launcher was started with")
    func secrecy() async throws {
        let sidecar = try Sidecar()
        let room = try room(
            sidecar,
            arguments: [
                "/bin/sh", "-c",
                #"perl -MSocket -e 'socket S, AF_UNIX, SOCK_STREAM, 0;"#
                    + #" print "link: ", connect(S, sockaddr_un("/run/agent-link/link.sock")) ? 1 : $!,"#
                    + #" "\n"'; "#
                    + "cat /proc/1/environ 2>&1; tr '\\0' ' ' < /proc/1/cmdline",
                "sh", "secret-argument",
            ]
        )
        try await sidecar.hears(.exited(code: 0), room)
        sidecar.send(.release)
        #expect(room.process.wait() == 0)
        #expect(room.output.contains("link: Permission denied"), "\(room.output)")
        #expect(room.output.contains("/proc/1/environ: Permission denied"), "\(room.output)")
        #expect(!room.output.contains("secret-argument"), "\(room.output)")
    }

    @Test("a daemon that writes on and on is ended by the renewal, and does not put it off")
    func noise() async throws {
        let sidecar = try Sidecar()
        let room = try room(sidecar, ["NOISE=1"])
        try await sidecar.hears(.exited(code: 0), room)
        let ended = ContinuousClock.now
        try await sidecar.hears(.renewed, room)
        // What an output that nobody reads may keep the container open is 20 s.
        #expect(ContinuousClock.now - ended < .seconds(10))
        sidecar.send(.next("agent 2"))
        try await sidecar.hears(.renewed, times: 2, room)
        sidecar.send(.release)
        #expect(room.process.wait() == 0)
        #expect(room.output.split(separator: "\n").count { $0.hasPrefix("I am") } == 2)
    }

    @Test("after another exit code the container ends as in single mode")
    func fails() async throws {
        let sidecar = try Sidecar()
        let room = try room(sidecar, ["CODE=3"])
        try await sidecar.hears(.exited(code: 3), room)
        sidecar.send(.next("agent 2"))
        sidecar.send(.release)
        #expect(room.process.wait() == 3)
        #expect(room.output.split(separator: "\n").count { $0.hasPrefix("I am") } == 1)
        #expect(!sidecar.messages.contains(.renewed))
    }

    @Test(
        "a sidecar that knows nothing of renewal releases the container, and one that is silent does too"
    )
    func oldSidecar() async throws {
        let sidecar = try Sidecar()
        let old = try room(sidecar)
        try await sidecar.hears(.exited(code: 0), old)
        sidecar.send(.name("first"))
        sidecar.send(.release)
        #expect(old.process.wait() == 0)
        #expect(old.output.split(separator: "\n").count { $0.hasPrefix("I am") } == 1)
        let other = try Sidecar()
        let silent = try room(other, ["AGENT_LAUNCHER_START_LIMIT_MILLISECONDS=1500"])
        try await other.hears(.renewed, silent)
        #expect(silent.process.wait() == 0)
        #expect(silent.output.contains("no release within"), "\(silent.output)")
    }

    @Test("a stop between two agents ends it: no other one is started")
    func stops() async throws {
        let sidecar = try Sidecar()
        let room = try room(sidecar)
        try await sidecar.hears(.renewed, room)
        sidecar.send(.drain)
        try await sidecar.hears(.drained, room)
        sidecar.send(.next("agent 2"))
        sidecar.send(.release)
        #expect(room.process.wait() == 0)
        #expect(room.output.split(separator: "\n").count { $0.hasPrefix("I am") } == 1)
    }

    @Test(
        "where it cannot hold it says so, and the container is used for one job",
        arguments: [
            ("AGENT_USER=nobody-here", "the image has no user nobody-here"),
            ("AGENT_USER=root", "the agent's user root is root"),
        ]
    )
    func impossible(_ variable: String, _ reason: String) async throws {
        let sidecar = try Sidecar()
        let room = try room(sidecar, [variable])
        try await sidecar.hears(.exited(code: 0), room)
        sidecar.send(.next("agent 2"))
        sidecar.send(.release)
        #expect(room.process.wait() == 0)
        #expect(room.output.contains("renewal is not possible: " + reason), "\(room.output)")
        #expect(!sidecar.messages.contains(.renewed))
    }

    @Test("an image that cannot be renewed still runs its agent as the agent's user")
    func separated() async throws {
        let sidecar = try Sidecar()
        let room = try room(sidecar, image: "ln home/tfc-agent/.profile home/tfc-agent/two")
        try await sidecar.hears(.exited(code: 0), room)
        sidecar.send(.release)
        #expect(room.process.wait() == 0)
        #expect(room.output.contains("renewal is not possible: "), "\(room.output)")
        #expect(room.output.contains("I am first, tfc-agent, in /home/tfc-agent"), "\(room.output)")
    }
}
