import AgentLink
import Glibc
import Testing

@Suite("The agent's output passes through", .timeLimit(.minutes(1)))
struct OutputTests {
    static let withoutSidecar: [String: String?] = [
        "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "0",
        "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "0",
    ]

    @Test("byte for byte, binary data and lines of 1 MiB included, on both streams")
    func unchanged() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent(
            "head -c 3000000 /dev/urandom > \(run.directory)/data; "
                + "for i in 1 2 3; do head -c 1048576 /dev/zero | tr '\\0' l; echo; done "
                + ">> \(run.directory)/data; echo unended | tr -d '\\n' >> \(run.directory)/data"
        )
        run.tellAgent("cat \(run.directory)/data; cat \(run.directory)/data >&2; exit 0")
        try await sidecar.hears(.exited(code: 0))
        let data = run.bytes(of: "data")
        #expect(data.count == 6_145_738)
        // Compared outside the macro, which would print both sides.
        let isSame = run.bytes(of: "stdout") == Array("ready\n".utf8) + data
        let isSameError = run.bytes(of: "stderr") == data
        #expect(isSame)
        #expect(isSameError)
    }

    @Test("though no sidecar is there, and nothing of the output is lost by leaving at once")
    func withoutSidecar() async throws {
        let run = try LauncherRun(
            ["/bin/sh", "-c", "head -c 50000000 /dev/zero; exit 7"],
            environment: Self.withoutSidecar
        )
        #expect(try await run.exitCode() == 7)
        #expect(run.bytes(of: "stdout").count == 50_000_000)
    }

    @Test("though the sidecar never reads and the agent writes nothing but status lines")
    func sidecarNeverReads() async throws {
        let run = try LauncherRun(
            ["/bin/sh", "-c", "yes 'core: Waiting for next job' | head -n 1000000; exit 7"],
            environment: [
                "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "200",
                "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "0",
            ]
        )
        let listener = try UnixSocket.listen(at: Link.socketPath(in: run.directory))
        defer { close(listener) }
        #expect(try await run.exitCode() == 7)
        #expect(run.bytes(of: "stdout").count == 27_000_000)
    }

    @Test("a sidecar that did not read learns the last state when it comes to its senses")
    func sidecarReadsAtLast() async throws {
        let run = try LauncherRun()
        let listener = try UnixSocket.listen(at: Link.socketPath(in: run.directory))
        var client: Int32 = -1
        try await eventually("connection") {
            if case .success(let descriptor) = UnixSocket.accept(listener) { client = descriptor }
            return client >= 0
        }
        var name = try SidecarMessage.name("a").serialised()
        #expect(Descriptor.send(client, &name))
        try await run.prints("ready")
        run.tellAgent("yes 'Waiting for next job' | head -n 300000; echo 'Job received'; echo done")
        try await run.prints("done")
        close(client)
        close(listener)
        let sidecar = try FakeSidecar(in: run.directory)
        try await sidecar.hears(.status("Job received"))
        #expect(sidecar.messages.count == 2)
    }

    @Test("if nobody reads it any more, the agent works on unharmed")
    func closedStdout() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let run = try LauncherRun(
            ["/bin/sh", "-c", "head -c 5000000 /dev/zero && echo alive >&2; exit 7"],
            environment: Self.withoutSidecar,
            stdout: ends[1]
        )
        close(ends[0])
        close(ends[1])
        #expect(try await run.exitCode() == 7)
        #expect(run.errors.contains("alive\n"))
    }

    @Test("while nobody reads it, a stop signal and the news of the exit are not held up")
    func blockedStdout() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let run = try LauncherRun(stdout: ends[1])
        close(ends[1])
        defer { close(ends[0]) }
        let sidecar = try FakeSidecar(in: run.directory)
        run.tellAgent("trap 'echo got it >&2; exit 5' TERM; head -c 500000 /dev/zero; echo on >&2")
        try await eventually("output is blocked") { run.errors.contains("on\n") }
        run.signal(SIGTERM)
        try await sidecar.hears(.exited(code: 5))
        sidecar.send(.release)
        // Held open for the rest of the output all the same.
        try await Task.sleep(for: .milliseconds(100))
        #expect(!run.isOver)
        var total = 0
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(ends[0], &piece, piece.count), count > 0 { total += count }
        #expect(total == 500_006)
        #expect(try await run.exitCode() == 5)
    }

    @Test("status lines reach the sidecar raw and in order, split writes and no newline included")
    func statusLines() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        let job = #"{"@level":"info","@message":"Job received","@module":"core"}"#
        run.tellAgent("echo 'core: Agent registered successfully with HCP Terraform: a'")
        run.tellAgent("printf 'core: Waiting for'; sleep 0.2; printf ' next job\\nnoise\\n'")
        // Between the two streams there is no order: what comes on the other one has to be later.
        try await sidecar.hears(.status("core: Waiting for next job"))
        run.tellAgent("echo '\(job)' >&2; head -c 1048576 /dev/zero | tr '\\0' x")
        try await sidecar.hears(.status(job))
        run.tellAgent("echo 'Job received'; printf 'Waiting for next job'; exit 0")
        try await sidecar.hears(.exited(code: 0))
        #expect(
            sidecar.messages == [
                .hello(version: 1),
                .status("core: Agent registered successfully with HCP Terraform: a"),
                .status("core: Waiting for next job"), .status(job),
                .unreadable(bytes: 1_048_588), .status("Waiting for next job"), .exited(code: 0),
            ]
        )
        #expect(sidecar.faults.isEmpty)
    }

    @Test("a process that the agent leaves behind with the pipes does not hold up the end")
    func leftBehind() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("sleep 600 & echo last words; exit 4")
        try await sidecar.hears(.exited(code: 4))
        #expect(run.output == "ready\nlast words\n")
        sidecar.send(.release)
        #expect(try await run.exitCode() == 4)
    }
}
