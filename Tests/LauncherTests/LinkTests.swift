import AgentLink
import Glibc
import Testing

@Suite("The launcher's end of the link", .timeLimit(.minutes(1)))
struct LinkTests {
    static let waiting = "2026-05-19T08:01:09.400Z [INFO]  core: Waiting for next job"

    @Test("each connection begins with hello, and the agent starts with the first name")
    func startsByName() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory, name: nil)
        try await sidecar.hears(.hello(version: 1))
        #expect(run.output.isEmpty)
        sidecar.send(.name("agent one"))
        try await run.prints("ready")
        sidecar.send(.name("agent two"))
        run.tellAgent("echo name=$TFC_AGENT_NAME; echo again")
        try await run.prints("again")
        #expect(run.output == "ready\nname=agent one\nagain\n")
    }

    @Test("a sidecar that comes late is found")
    func lateSidecar() async throws {
        let run = try LauncherRun()
        try await Task.sleep(for: .milliseconds(300))
        let sidecar = try FakeSidecar(in: run.directory)
        try await sidecar.hears(.hello(version: 1))
        try await run.prints("ready")
    }

    @Test("the agent starts without a sidecar when the limit is over, and stderr says so")
    func startLimit() async throws {
        let start = ContinuousClock.now
        let run = try LauncherRun(
            environment: ["AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "700"])
        try await run.prints("ready")
        #expect(ContinuousClock.now - start > .milliseconds(600))
        #expect(
            run.errors
                == "agent-launcher: started_alone: no sidecar within 700 ms: the agent starts "
                + "without one\n"
        )
        run.tellAgent("echo name=${TFC_AGENT_NAME-none} json=$TFC_AGENT_LOG_JSON")
        try await run.prints("name=none json=1\n")
    }

    @Test("a sidecar that answers and names nobody is waited for, far beyond the limit")
    func notReady() async throws {
        let run = try LauncherRun(
            environment: ["AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "600"])
        let sidecar = try FakeSidecar(in: run.directory, name: nil)
        // Four are a limit.
        try await eventually("twenty questions") { sidecar.questions >= 20 }
        #expect(run.output.isEmpty && run.errors.isEmpty)
        sidecar.send(.name("agent one"))
        try await run.prints("ready")
        #expect(run.errors.isEmpty)
    }

    @Test("a sidecar that falls silent before it has named the agent is not waited for")
    func silentBeforeStart() async throws {
        let run = try LauncherRun(
            environment: ["AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "600"])
        let sidecar = try FakeSidecar(in: run.directory, name: nil)
        try await eventually("eight questions") { sidecar.questions >= 8 }
        sidecar.freeze()
        try await run.prints("ready")
        #expect(run.errors.contains("started_alone: no sidecar within 600 ms"))
    }

    @Test("an agent that waits without a sidecar for too long gets its one signal, not before")
    func aloneLimit() async throws {
        let run = try LauncherRun(
            environment: [
                "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "100",
                "AGENT_LAUNCHER_ALONE_LIMIT_MILLISECONDS": "1500",
                "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "100",
            ]
        )
        try await run.prints("ready")
        let start = ContinuousClock.now
        run.tellAgent("echo '\(Self.waiting)'")
        try await run.prints("got TERM")
        #expect(ContinuousClock.now - start > .milliseconds(1000))
        #expect(
            run.errors.contains("the agent has had no sidecar that answers for 1500 ms or more")
        )
        run.tellAgent("exit 0")
        #expect(try await run.exitCode() == 0)
        #expect(run.output == "ready\n\(Self.waiting)\ngot TERM\n")
    }

    @Test("an agent that works without a sidecar is left alone, and so is one that has a sidecar")
    func aloneAtWork() async throws {
        let limits = [
            "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "100",
            "AGENT_LAUNCHER_ALONE_LIMIT_MILLISECONDS": "300",
        ]
        let working = try LauncherRun(environment: limits)
        let accompanied = try LauncherRun(environment: limits)
        let sidecar = try FakeSidecar(in: accompanied.directory)
        try await working.prints("ready")
        try await accompanied.prints("ready")
        working.tellAgent("echo '\(Self.waiting)'; echo Job received: x")
        accompanied.tellAgent("echo '\(Self.waiting)'")
        try await sidecar.hears(.status(Self.waiting))
        // The one without a sidecar has been looked at by the time that this is said.
        try await eventually("the look") { working.errors.contains("answers for 300 ms") }
        for run in [working, accompanied] {
            run.tellAgent("sleep 0.3; echo done")
            try await run.prints("done")
            #expect(!run.output.contains("got TERM"))
        }
    }

    @Test("a sidecar that is frozen counts as none, though its connection stands")
    func frozenSidecar() async throws {
        let run = try LauncherRun(environment: ["AGENT_LAUNCHER_ALONE_LIMIT_MILLISECONDS": "1200"])
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("echo '\(Self.waiting)'")
        try await sidecar.hears(.status(Self.waiting))
        // Awake for longer than the limit: four answers are one limit.
        try await eventually("eight questions") { sidecar.questions >= 8 }
        #expect(!run.output.contains("got TERM"))
        sidecar.freeze()
        try await run.prints("got TERM")
        #expect(run.errors.contains("no sidecar that answers for 1200 ms or more"))
        // It is still heard what the launcher says.
        try await sidecar.hears(.drained)
    }

    @Test("a sidecar that comes to its senses in time is no longer taken for gone")
    func thawedSidecar() async throws {
        let run = try LauncherRun(environment: ["AGENT_LAUNCHER_ALONE_LIMIT_MILLISECONDS": "2000"])
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("echo '\(Self.waiting)'")
        sidecar.freeze()
        // One of four that fit into the limit.
        let asked = sidecar.questions
        try await eventually("a question without an answer") { sidecar.questions > asked }
        sidecar.thaw()
        let then = sidecar.questions
        try await eventually("questions for longer than the limit") {
            sidecar.questions >= then + 6
        }
        #expect(!run.output.contains("got TERM"))
        #expect(!run.errors.contains("no sidecar"))
    }

    @Test("a sidecar that was restarted is told the last state again")
    func repeatsState() async throws {
        let run = try LauncherRun()
        var sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent(
            "echo Agent registered successfully: x; echo Waiting for next job; echo Job received: y"
        )
        try await sidecar.hears(.status("Job received: y"))
        let working: [LauncherMessage] = [
            .hello(version: 1), .status("Agent registered successfully: x"),
            .status("Job received: y"),
        ]
        sidecar = try await restarted(sidecar, run)
        try await sidecar.hears(.status("Job received: y"))
        #expect(sidecar.messages == working)
        run.signal(SIGTERM)
        try await sidecar.hears(.stopping)
        sidecar = try await restarted(sidecar, run)
        try await sidecar.hears(.stopping)
        #expect(sidecar.messages == working + [.stopping])
        run.tellAgent("exit 6")
        try await sidecar.hears(.exited(code: 6))
        sidecar = try await restarted(sidecar, run)
        try await sidecar.hears(.exited(code: 6))
        #expect(sidecar.messages == working + [.stopping, .exited(code: 6)])
        #expect(!run.isOver)
        sidecar.send(.release)
        #expect(try await run.exitCode() == 6)
    }

    @Test("what happened while no sidecar was there is told to the next one")
    func tellsLater() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        sidecar.stop()
        run.tellAgent("echo Waiting for next job; exit 3")
        try await run.prints("Waiting")
        let next = try FakeSidecar(in: run.directory)
        try await next.hears(.exited(code: 3))
        #expect(
            next.messages == [
                .hello(version: 1), .status("Waiting for next job"), .exited(code: 3),
            ]
        )
    }

    @Test("the container is held open until the release, which ends it at once")
    func holdsUntilRelease() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        // Before the agent's end it means nothing. The refused drain proves that it was read.
        run.tellAgent("sleep 600 & echo started")
        try await run.prints("started")
        sidecar.send(.release)
        sidecar.send(.drain)
        try await sidecar.hears(.busy(processes: 1))
        run.tellAgent("exit 0")
        try await sidecar.hears(.exited(code: 0))
        run.signal(SIGTERM)
        try await Task.sleep(for: .milliseconds(300))
        #expect(!run.isOver)
        sidecar.send(.release)
        #expect(try await run.exitCode(within: .seconds(5)) == 0)
        #expect(!sidecar.messages.contains(.stopping))
    }

    @Test("without a release the container ends when the limit is over, and stderr says so")
    func releaseLimit() async throws {
        let run = try LauncherRun(
            environment: ["AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "600"])
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        let beforeExit = ContinuousClock.now
        run.tellAgent("exit 2")
        #expect(try await run.exitCode() == 2)
        #expect(ContinuousClock.now - beforeExit >= .milliseconds(600))
        try await sidecar.hears(.exited(code: 2))
        #expect(run.errors.contains("no release within 600 ms after the agent's end"))
    }

    /// A launcher that is held open after its agent's end, with a limit of 600 ms.
    private func heldRun(exit code: Int) async throws -> (LauncherRun, FakeSidecar) {
        let run = try LauncherRun(
            environment: ["AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "600"])
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("exit \(code)")
        try await sidecar.hears(.exited(code: code))
        let asked = sidecar.questions
        sidecar.send(.hold)
        // Four questions are one limit.
        try await eventually("the hold to outlast the limit") { sidecar.questions >= asked + 9 }
        #expect(!run.isOver)
        return (run, sidecar)
    }

    @Test("a container that is held stays open beyond the limit, and a stop ends it at once")
    func holdUntilStop() async throws {
        let (run, sidecar) = try await heldRun(exit: 4)
        run.signal(SIGTERM)
        #expect(try await run.exitCode(within: .seconds(5)) == 4)
        #expect(!sidecar.messages.contains(.stopping))
        #expect(!run.errors.contains("600 ms"))
    }

    @Test("a container that is held ends by itself once its sidecar is frozen")
    func holdOfFrozenSidecar() async throws {
        let (run, sidecar) = try await heldRun(exit: 5)
        sidecar.freeze()
        #expect(try await run.exitCode() == 5)
        #expect(run.errors.contains("was held open, and no sidecar has answered for 600 ms"))
    }

    @Test("a container that is held outlives its sidecar's restart, and the next one releases it")
    func holdOverRestart() async throws {
        var (run, sidecar) = try await heldRun(exit: 6)
        sidecar = try await restarted(sidecar, run)
        try await sidecar.hears(.exited(code: 6))
        let asked = sidecar.questions
        try await eventually("questions to the next one") { sidecar.questions >= asked + 6 }
        #expect(!run.isOver)
        sidecar.send(.release)
        #expect(try await run.exitCode(within: .seconds(5)) == 6)
    }

    @Test("what is no message is ignored and said once on stderr")
    func ignoresMalformed() async throws {
        let run = try LauncherRun()
        let listener = try UnixSocket.listen(at: Link.socketPath(in: run.directory))
        defer { close(listener) }
        var client: Int32 = -1
        try await eventually("connection") {
            if case .success(let descriptor) = UnixSocket.accept(listener) { client = descriptor }
            return client >= 0
        }
        defer { close(client) }
        for text in ["stop!\n", "drain now\n", String(repeating: "x", count: 70_000), "\nname a\n"]
        {
            var bytes = Array(text.utf8)
            _ = fcntl(client, F_SETFL, 0)
            #expect(Descriptor.send(client, &bytes))
        }
        try await run.prints("ready")
        #expect(
            run.errors
                == "agent-launcher: message_ignored: ignored from the sidecar: an unknown word, "
                + "\"stop!\"; said only once\n"
        )
    }

    private func restarted(_ sidecar: FakeSidecar, _ run: LauncherRun) async throws -> FakeSidecar {
        sidecar.stop()
        return try FakeSidecar(in: run.directory)
    }
}
