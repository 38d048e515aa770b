import AgentLink
import Glibc
import Testing

@Suite("The agent as a process", .timeLimit(.minutes(1)))
struct ProcessTests {
    @Test(
        "the launcher's exit code is the agent's, or 128 + the signal that killed it",
        arguments: [
            ("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137),
            ("trap - TERM; kill $$", 143),
        ]
    )
    func exitCode(_ command: String, _ code: Int32) async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent(command)
        try await sidecar.hears(.exited(code: Int(code)))
        sidecar.send(.release)
        #expect(try await run.exitCode() == code)
    }

    @Test("started by a program that ignores SIGCHLD, it knows the agent's exit code all the same")
    func inheritedSignals() async throws {
        let run = try LauncherRun(
            ["/bin/sh", "-c", "exit 3"],
            environment: OutputTests.withoutSidecar,
            wrapper: ["/usr/bin/env", "--ignore-signal=CHLD"]
        )
        #expect(try await run.exitCode() == 3)
    }

    @Test("TFC_AGENT_NAME and TFC_AGENT_LOG_JSON are set unless they are; the rest is passed on")
    func environment() async throws {
        let run = try LauncherRun(environment: ["OTHER": "a b=c", "AGENT_LAUNCHER_X": "y"])
        let sidecar = try FakeSidecar(in: run.directory, name: "from the sidecar")
        try await run.prints("ready")
        run.tellAgent("env > \(run.directory)/env; echo written")
        try await run.prints("written")
        let lines = String(decoding: run.bytes(of: "env"), as: UTF8.self).split(separator: "\n")
        let agentNames = lines.filter { $0.contains("TFC_") }.sorted()
        #expect(agentNames == ["TFC_AGENT_LOG_JSON=1", "TFC_AGENT_NAME=from the sidecar"])
        #expect(lines.contains("OTHER=a b=c"))
        #expect(lines.contains("AGENT_LAUNCHER_X=y"))
        sidecar.stop()
    }

    @Test("a name or a log format that the environment sets is kept")
    func keepsEnvironment() async throws {
        let run = try LauncherRun(
            environment: ["TFC_AGENT_NAME": "mine", "TFC_AGENT_LOG_JSON": "0"])
        let sidecar = try FakeSidecar(in: run.directory, name: "from the sidecar")
        try await run.prints("ready")
        run.tellAgent("echo name=$TFC_AGENT_NAME json=$TFC_AGENT_LOG_JSON.")
        try await run.prints("name=mine json=0.\n")
        sidecar.stop()
    }

    @Test("an empty name or log format is as if it were unset")
    func emptyEnvironment() async throws {
        let run = try LauncherRun(environment: ["TFC_AGENT_NAME": "", "TFC_AGENT_LOG_JSON": ""])
        let sidecar = try FakeSidecar(in: run.directory, name: "from the sidecar")
        try await run.prints("ready")
        run.tellAgent("env > \(run.directory)/env; echo written")
        try await run.prints("written")
        let lines = String(decoding: run.bytes(of: "env"), as: UTF8.self).split(separator: "\n")
        #expect(
            lines.filter { $0.hasPrefix("TFC_") }.sorted()
                == ["TFC_AGENT_LOG_JSON=1", "TFC_AGENT_NAME=from the sidecar"]
        )
        sidecar.stop()
    }

    @Test("an empty setting of the launcher's own is as if it were unset")
    func emptySettings() async throws {
        let names = ["START", "RELEASE", "ALONE"].map { "AGENT_LAUNCHER_\($0)_LIMIT_MILLISECONDS" }
        let empty = Dictionary(uniqueKeysWithValues: names.map { ($0, String?.some("")) })
        let run = try LauncherRun(environment: empty)
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        #expect(run.errors == "")
        sidecar.stop()
        let elsewhere = try LauncherRun(
            ["/bin/sh", "-c", "exit 3"],
            environment: OutputTests.withoutSidecar.merging(["AGENT_LINK_DIR": ""]) { $1 }
        )
        #expect(try await elsewhere.exitCode() == 3)
    }

    @Test("hidden, neither the task role nor what leads to it is in the agent's environment")
    func hidesTaskRole() async throws {
        let run = try LauncherRun(
            environment: [
                "AGENT_HIDE_TASK_ROLE": "true",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/secret-id",
                "ECS_AGENT_URI": "http://169.254.170.2/api/secret-id",
                "ECS_CONTAINER_METADATA_URI": "http://169.254.170.2/v3/secret-id",
                "ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/secret-id",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE": "another name",
                "AWS_REGION": "eu-central-1",
            ]
        )
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        // This process may look into the launcher, as no process of a run can.
        let own = String(decoding: fileBytes("/proc/\(run.pid)/environ"), as: UTF8.self)
        #expect(!own.contains("secret-id"))
        run.tellAgent("env > \(run.directory)/env; echo written")
        try await run.prints("written")
        let text = String(decoding: run.bytes(of: "env"), as: UTF8.self)
        #expect(!text.contains("secret-id"))
        #expect(text.contains("AWS_CONTAINER_CREDENTIALS_RELATIVE=another name"))
        #expect(text.contains("AWS_REGION=eu-central-1"))
        sidecar.stop()
    }

    @Test("the task role is shown unless it is to be hidden", arguments: ["false", "", nil])
    func showsTaskRole(_ setting: String?) async throws {
        let run = try LauncherRun(
            environment: [
                "AGENT_HIDE_TASK_ROLE": setting,
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/id",
            ]
        )
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("echo uri=$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.")
        try await run.prints("uri=/v2/credentials/id.")
        sidecar.stop()
    }

    @Test("a word that is neither true nor false is refused: it may have been meant to hide")
    func refusesToGuess() async throws {
        let run = try LauncherRun(environment: ["AGENT_HIDE_TASK_ROLE": "yes"])
        #expect(try await run.exitCode() == 125)
        #expect(
            run.errors.contains("AGENT_HIDE_TASK_ROLE=\"yes\": true or false is expected")
        )
    }

    @Test("orphans that the agent leaves are reaped while it works")
    func reapsOrphans() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("for i in 1 2 3 4 5; do sh -c 'sleep 0.2 & sleep 0.1 &'; done; echo started")
        try await run.prints("started")
        try await eventually("the launcher has no child but the agent") {
            Self.children(of: run.pid).count == 1
        }
        #expect(!run.isOver)
        sidecar.stop()
    }

    @Test("without a command the agent is found on PATH, and options are for it")
    func findsAgent() async throws {
        let run = try LauncherRun(
            ["-single", "--help"],
            environment: ["PATH": "/nowhere::/tmp"],
            // The directory is known only once the run exists: PATH is completed by the wrapper.
            wrapper: [
                "/bin/sh", "-c",
                "PATH=$AGENT_LINK_DIR:/usr/bin:/bin; cp $AGENT_LINK_DIR/obedient-agent "
                    + "$AGENT_LINK_DIR/tfc-agent; exec \"$@\"", "sh",
            ]
        )
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready -single --help\n")
        sidecar.stop()
    }

    @Test("a command that is not found ends it with 127 and one line")
    func notFound() async throws {
        for (arguments, line) in [
            (["no-such-agent"], "no-such-agent: not found on PATH"),
            (["/no/such/agent", "x"], "/no/such/agent: not found"),
            ([], "tfc-agent: not found on PATH, in /home/tfc-agent/bin or in /bin"),
        ] {
            let run = try LauncherRun(arguments)
            #expect(try await run.exitCode() == 127)
            #expect(run.errors == "agent-launcher: not_started: \(line)\n")
        }
    }

    @Test("a command that cannot be executed ends it with 126 and one line")
    func notExecutable() async throws {
        let run = try LauncherRun(["/etc/passwd"])
        #expect(try await run.exitCode() == 126)
        #expect(
            run.errors
                == "agent-launcher: not_started: /etc/passwd: cannot be executed: permission denied\n"
        )
    }

    @Test("a file that is no program ends it with 126 too, when it comes to the start")
    func noProgram() async throws {
        let run = try LauncherRun(
            ["./no-program"],
            environment: OutputTests.withoutSidecar,
            wrapper: [
                "/bin/sh", "-c",
                "cd $AGENT_LINK_DIR; printf '\\001' > no-program; chmod 755 no-program; exec \"$@\"",
                "sh",
            ]
        )
        #expect(try await run.exitCode() == 126)
        #expect(run.errors.contains("./no-program: cannot be executed: Exec format error\n"))
    }

    @Test("faulty settings are refused at the start, all together, with what is expected")
    func faultySettings() async throws {
        let run = try LauncherRun(environment: [
            "AGENT_LINK_DIR": "run/link", "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "30s",
            "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "-1",
        ])
        #expect(try await run.exitCode() == 125)
        #expect(
            run.errors == """
                agent-launcher: not_started: not started, faulty settings:
                  AGENT_LINK_DIR="run/link": an absolute path of at most 97 bytes is expected
                  AGENT_LAUNCHER_START_LIMIT_MILLISECONDS="30s": a whole number of milliseconds \
                from 0 to 3600000 is expected
                  AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS="-1": a whole number of milliseconds \
                from 0 to 3600000 is expected

                """
        )
    }

    @Test(
        "how many jobs the agent takes follows from a mode that is set, and from no other",
        arguments: [
            ("renewed", "false", "true"), ("renewed", "", "true"), ("single", "false", "true"),
            ("shared", "true", "false"), ("", "false", "false"), ("", "true", "true"),
        ]
    )
    func takesJobsByMode(mode: String, given: String, expected: String) async throws {
        var environment = OutputTests.withoutSidecar
        environment["AGENT_MODE"] = mode
        environment["TFC_AGENT_SINGLE"] = given
        let run = try LauncherRun(
            ["/bin/sh", "-c", "env | grep -c ^TFC_AGENT_SINGLE=; echo $TFC_AGENT_SINGLE"],
            environment: environment
        )
        #expect(try await run.exitCode() == 0)
        #expect(run.output == "1\n\(expected)\n")
    }

    @Test("--help alone explains and starts nothing")
    func help() async throws {
        let run = try LauncherRun(["--help"])
        #expect(try await run.exitCode() == 0)
        for word in ["usage:", "AGENT_LINK_DIR", "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS", "127"] {
            #expect(run.output.contains(word))
        }
    }

    @Test("with its standard descriptors closed it starts the agent all the same")
    func closedDescriptors() async throws {
        let run = try LauncherRun(
            [
                "/bin/sh", "-c",
                "echo out; echo err >&2; ls -l /proc/self/fd > $AGENT_LINK_DIR/fds; exit 3",
            ],
            environment: OutputTests.withoutSidecar,
            wrapper: ["/bin/sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"]
        )
        #expect(try await run.exitCode() == 3)
        #expect(run.output.isEmpty)
        // 0 to 2, and the directory that ls reads: nothing of the launcher's.
        #expect(run.bytes(of: "fds").count { $0 == UInt8(ascii: ">") } == 4)
    }

    @Test("as PID 1 it reaps orphans, passes one signal on and exits with the agent's code")
    func asInit() async throws {
        try Namespaces.require()
        let run = try LauncherRun(
            wrapper: ["/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child"])
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("sh -c 'sleep 0.1 &'; sleep 0.3; ps -A -o pid=,ppid=,stat=,comm=")
        run.tellAgent("echo parent $PPID")
        try await run.prints("parent 1\n")
        #expect(!run.output.contains("sleep"))
        #expect(!run.output.contains("defunct"))
        let launcher = try #require(Self.children(of: run.pid).first)
        for signal in StopTests.otherSignals { #expect(kill(launcher, signal) == 0) }
        run.tellAgent("echo alive")
        try await run.prints("alive")
        #expect(kill(launcher, SIGTERM) == 0)
        #expect(kill(launcher, SIGINT) == 0)
        try await sidecar.hears(.stopping)
        try await run.prints("got TERM")
        run.tellAgent("exit 9")
        try await sidecar.hears(.exited(code: 9))
        sidecar.send(.release)
        #expect(try await run.exitCode() == 9)
        #expect(!run.output.contains("got INT"))
    }

    static func children(of parent: pid_t) -> [pid_t] {
        let text = String(
            decoding: fileBytes("/proc/\(parent)/task/\(parent)/children"),
            as: UTF8.self
        )
        return text.split(separator: " ").compactMap { pid_t($0) }
    }
}
