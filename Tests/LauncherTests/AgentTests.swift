import AgentLink
import Glibc
import Testing

/// Which process is the agent, when the command is a script that starts it.
@Suite("The agent below its command", .timeLimit(.minutes(1)))
struct AgentTests {
    /// The obedient agent as a program of the real one's name, in the place of a command.
    static func agent() -> [String] {
        ["/bin/sh", "-c", "exec \(tfcAgent)"]
    }

    private static let tfcAgent = "$AGENT_LINK_DIR/tfc-agent $AGENT_LINK_DIR/obedient-agent"

    private static func script(_ text: String) -> [String] {
        ["/bin/sh", "-c", text]
    }

    @Test("a script gets no signal and its agent the one, and the agent's code is the script's")
    func scriptWaits() async throws {
        let run = try LauncherRun(
            Self.script("trap 'echo script stopped' TERM; \(Self.tfcAgent); exit $?")
        )
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.signal(SIGTERM)
        run.signal(SIGINT)
        try await sidecar.hears(.stopping)
        try await run.prints("got TERM")
        // Any other signal would be printed before this.
        run.tellAgent("sleep 0.3; echo done")
        try await run.prints("done")
        run.tellAgent("exit 5")
        try await sidecar.hears(.exited(code: 5))
        #expect(run.output == "ready\ngot TERM\ndone\n")
        #expect(run.errors.contains("the agent is process"))
        #expect(run.errors.contains("unless it starts the agent by exec"))
        sidecar.send(.release)
        #expect(try await run.exitCode() == 5)
    }

    @Test(
        "a busy agent outlives a script that ends, is drained like any other, and has its own end"
    )
    func scriptEndsFirst() async throws {
        let run = try LauncherRun(Self.script("exec 3<&0; \(Self.tfcAgent) <&3 & exit 7"))
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("sleep 600 & child=$!")
        try await run.runs("sleep")
        sidecar.send(.drain)
        try await sidecar.hears(.busy(processes: 1))
        run.tellAgent("kill $child; wait $child; echo ended")
        try await run.prints("ended")
        sidecar.send(.drain)
        try await sidecar.hears(.drained)
        try await run.prints("got TERM")
        #expect(!run.isOver)
        run.tellAgent("exit 4")
        try await sidecar.hears(.exited(code: 4))
        #expect(!sidecar.messages.contains(.exited(code: 7)))
    }

    @Test("a server that the script starts is no job, whether the script waits or is replaced")
    func helpers() async throws {
        for way in ["\(Self.tfcAgent); exit $?", "exec \(Self.tfcAgent)"] {
            // The server has started before the agent, as one that takes a port has.
            let run = try LauncherRun(Self.script("sh -c 'sleep 600; :' & sleep 0.1; \(way)"))
            let sidecar = try FakeSidecar(in: run.directory)
            try await run.prints("ready")
            let core = run.directory + "/tfc-agent-core"
            run.tellAgent("cp /bin/sleep \(core); \(core) 600 & core=$!")
            try await run.runs("tfc-agent-core")
            run.tellAgent("sleep 600 & job=$!")
            try await run.runs("sleep", times: 2)
            sidecar.send(.drain)
            try await sidecar.hears(.busy(processes: 1))
            run.tellAgent("kill $job; wait $job; echo over")
            try await run.prints("over")
            sidecar.send(.drain)
            try await sidecar.hears(.drained)
            try await run.prints("got TERM")
        }
    }

    @Test("an agent that a script starts after a while, and after asking for its version, is found")
    func lateAgent() async throws {
        let run = try LauncherRun(
            Self.script(
                "$AGENT_LINK_DIR/tfc-agent -c 'echo 1.28'; sleep 1; \(Self.tfcAgent); exit $?"
            )
        )
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.signal(SIGTERM)
        try await run.prints("got TERM")
        run.tellAgent("exit 3")
        try await sidecar.hears(.exited(code: 3))
        #expect(run.output == "1.28\nready\ngot TERM\n")
    }

    @Test("a script that starts agents one after the other ends with none of them")
    func oneAfterTheOther() async throws {
        let run = try LauncherRun(Self.script("while :; do \(Self.tfcAgent); sleep 0.2; done"))
        let sidecar = try FakeSidecar(in: run.directory)
        // One that registers and ends within milliseconds would never be seen.
        try await eventually("the agent is found") { run.errors.contains("the agent is process") }
        run.tellAgent("echo '\(Self.registered)'; exit 0")
        try await sidecar.hears(.status(Self.registered))
        try await run.prints("registered successfully: a\nready")
        run.tellAgent("echo still here")
        try await run.prints("still here")
        #expect(sidecar.messages == [.hello(version: 1), .status(Self.registered)])
        run.signal(SIGTERM)
        try await run.prints("got TERM")
    }

    @Test("a job's process that lives on by the agent's name is not the next agent")
    func strayOfJob() async throws {
        let run = try LauncherRun(Self.script("\(Self.tfcAgent); exit $?"))
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("echo '\(Self.registered)'")
        try await sidecar.hears(.status(Self.registered))
        let stray = run.directory + "/tfc-agent-x"
        run.tellAgent("cp /bin/sleep \(stray); \(stray) 600 &")
        try await run.runs("tfc-agent-x")
        run.tellAgent("exit 5")
        try await sidecar.hears(.exited(code: 5))
        sidecar.send(.release)
        #expect(try await run.exitCode() == 5)
    }

    @Test("a core whose supervisor was killed after the stop gets no signal")
    func coreOfKilled() async throws {
        let run = try LauncherRun(Self.script("\(Self.tfcAgent); exit $?"))
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        let core = run.directory + "/tfc-agent-core"
        try run.write(
            "trap 'echo core got TERM' TERM; echo core; while :; do sleep 0.1; done",
            to: "core"
        )
        run.tellAgent("cp /bin/sh \(core); \(core) $AGENT_LINK_DIR/core &")
        try await run.prints("core")
        run.signal(SIGTERM)
        try await run.prints("got TERM")
        run.tellAgent("kill -9 $$")
        try await sidecar.hears(.exited(code: 137))
        #expect(!run.output.contains("core got TERM"))
    }

    @Test("the next agent, found while the end of the one before is booked, gets one signal")
    func endIsBookedOnce() async throws {
        // The first is an orphan, whose end is for the launcher to book; the second is not.
        let second = "trap 'echo second got TERM' TERM; echo second; while :; do sleep 0.1; done"
        let run = try LauncherRun(
            Self.script(
                "exec 3<&0; (\(Self.tfcAgent) <&3 &); sleep 0.3; "
                    + "$AGENT_LINK_DIR/tfc-agent -c \"\(second)\"; exit $?"
            )
        )
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        try await run.prints("second")
        run.tellAgent("echo pid=$$.")
        try await run.prints(".\n")
        let first = try #require(
            run.output.split(whereSeparator: { "=.".contains($0) }).dropFirst().first.flatMap {
                pid_t($0)
            }
        )
        #expect(ProcessTests.children(of: run.pid).contains(first))
        run.signal(SIGTERM)
        try await run.prints("got TERM")
        try TracedLauncher.hold(run.pid) {
            // After the launcher has taken its signals, and before it looks at its agent.
            kill(first, SIGKILL)
            try TracedLauncher.waitUntilDead(first)
        }
        try await run.prints("second got TERM")
        sidecar.send(.drain)
        try await sidecar.hears(.stopping, times: 2)
        let count = { (text: String) in
            run.errors.split(separator: "\n").count { $0.contains(text) }
        }
        #expect(count("its one stop signal") == 2)
        #expect(count("below its command") == 2)
    }

    /// Where the kernel, or the container's filter, refuses pidfd_open(2), which has this number on
    /// all machines.
    private static let withoutPidfd = [
        getenv("TEST_PYTHON").map { String(cString: $0) } ?? "/usr/bin/python3", "-c",
        """
        import ctypes, os, struct, sys
        libc = ctypes.CDLL(None)
        steps = [(0x20, 0, 0, 0), (0x15, 0, 1, 434), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
        program = struct.pack("@HP", len(steps), ctypes.addressof(code))
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        assert libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0) == 0
        os.execv(sys.argv[1], sys.argv[1:])
        """,
    ]

    /// Waits, in a subshell, until the launcher has reaped the script.
    private static let onceScriptIsOver = "while kill -0 $$ 2> /dev/null; do sleep 0.01; done"

    @Test("without pidfd_open an orphaned agent gets its signal and has its own end")
    func orphanById() async throws {
        let run = try LauncherRun(
            Self.script(
                "exec 3<&0; (\(Self.onceScriptIsOver); exec \(Self.tfcAgent)) <&3 & exit 7"
            ),
            wrapper: Self.withoutPidfd
        )
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.signal(SIGTERM)
        try await run.prints("got TERM")
        run.tellAgent("exit 4")
        try await sidecar.hears(.exited(code: 4))
        #expect(run.errors.split(separator: "\n").count { $0.contains("pidfd_open") } == 1)
    }

    @Test(
        "without pidfd_open an agent below another orphan is said to be there, and outlived by it"
    )
    func belowOrphan() async throws {
        let run = try LauncherRun(
            Self.script("exec 3<&0; (\(Self.onceScriptIsOver); \(Self.tfcAgent); :) <&3 & exit 7"),
            wrapper: Self.withoutPidfd
        )
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        try await eventually("the agent is named") { run.errors.contains("until its parent") }
        // Longer than the search for an agent goes on that is not there.
        run.tellAgent("sleep 4; echo on")
        try await run.prints("on\n")
        #expect(sidecar.messages == [.hello(version: 1)])
        run.signal(SIGTERM)
        run.tellAgent("kill -9 $PPID")
        // It is ours now.
        try await run.prints("got TERM")
        run.tellAgent("exit 4")
        try await sidecar.hears(.exited(code: 4))
        #expect(run.errors.split(separator: "\n").count { $0.contains("until its parent") } == 1)
    }

    @Test("a stop before the agent appears ends the script, and no agent is started")
    func stopBeforeAgent() async throws {
        let run = try LauncherRun(Self.script("echo preparing; sleep 600; \(Self.tfcAgent)"))
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("preparing")
        run.signal(SIGTERM)
        try await sidecar.hears(.exited(code: 143))
        #expect(run.output == "preparing\n")
    }

    @Test("where no process has the agent's name the command is the agent")
    func anotherName() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("echo '\(Self.registered)'; sleep 600 & echo on")
        try await sidecar.hears(.status(Self.registered))
        let start = ContinuousClock.now
        // What it leaves behind is not waited for.
        run.tellAgent("exit 6")
        try await sidecar.hears(.exited(code: 6))
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    @Test("a log level that would hide the agent's state is made info, and stderr says so")
    func uncoversState() async throws {
        let run = try LauncherRun(
            Self.script("echo level=$TFC_AGENT_LOG_LEVEL $*").dropLast(0) + [
                "sh", "-log-level", "warn", "--log-level=ERROR", "-log-level=debug",
            ],
            environment: ["TFC_AGENT_LOG_LEVEL": "warn"].merging(OutputTests.withoutSidecar) {
                $1
            }
        )
        #expect(try await run.exitCode() == 0)
        #expect(run.output == "level=info -log-level info --log-level=info -log-level=debug\n")
        #expect(run.errors.contains("TFC_AGENT_LOG_LEVEL is warn, which hides"))
        #expect(run.errors.contains("-log-level is error, which hides"))
    }

    @Test(
        "a level that shows the agent's state is left as it is",
        arguments: ["info", "TRACE", ""]
    )
    func leavesLevel(_ level: String) async throws {
        let run = try LauncherRun(
            Self.script("echo level=$TFC_AGENT_LOG_LEVEL."),
            environment: ["TFC_AGENT_LOG_LEVEL": level].merging(OutputTests.withoutSidecar) { $1 }
        )
        #expect(try await run.exitCode() == 0)
        #expect(run.output == "level=\(level).\n")
        #expect(!run.errors.contains("level"))
    }

    @Test(
        "a script that hides its agent's state is told of, on stderr and to the sidecar",
        arguments: [
            "TFC_AGENT_LOG_LEVEL=error; export TFC_AGENT_LOG_LEVEL; \(tfcAgent)",
            "exec \(tfcAgent) -log-level=error",
        ]
    )
    func tellsOfHiddenState(_ text: String) async throws {
        let run = try LauncherRun(Self.script(text))
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        try await sidecar.hears(.silenced(level: "error"))
        #expect(run.errors.contains("sets its log level to error"))
    }

    private static let registered =
        "2026-05-19T08:00:00.700Z [INFO]  core: Agent registered successfully: a"
}
