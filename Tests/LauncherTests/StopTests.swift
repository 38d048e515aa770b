import AgentLink
import Glibc
import Testing

@Suite("Stop signals", .timeLimit(.minutes(1)))
struct StopTests {
    /// What is done to the launcher, one after the other: a signal's number, or 0 for a drain.
    static let sequences: [[Int32]] = [
        [SIGTERM], [SIGINT], [SIGQUIT], [SIGHUP], [0], [SIGTERM, SIGTERM, SIGTERM],
        [SIGTERM, SIGINT, SIGQUIT, SIGHUP, 0], [0, 0, 0, SIGTERM, SIGINT], [SIGINT, 0, SIGTERM, 0],
    ]

    @Test("F17: exactly one SIGTERM reaches the agent, whoever asks", arguments: sequences)
    func oneSignal(_ sequence: [Int32]) async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        let state: LauncherMessage = sequence.first == 0 ? .drained : .stopping
        var answers = 0
        for (number, signal) in sequence.enumerated() {
            if signal == 0 { sidecar.send(.drain) } else { run.signal(signal) }
            // Each is answered before the next one comes; a repeated signal is not answered.
            if signal == 0 || number == 0 { answers += 1 }
            try await sidecar.hears(state, times: answers)
        }
        // A signal too many would be printed before what is asked for now.
        run.tellAgent("sleep 0.3; echo done")
        try await run.prints("done")
        #expect(run.output == "ready\ngot TERM\ndone\n")
        run.tellAgent("exit 0")
        try await sidecar.hears(.exited(code: 0))
        #expect(!sidecar.messages.contains(state == .drained ? .stopping : .drained))
        sidecar.send(.release)
        #expect(try await run.exitCode() == 0)
    }

    @Test("signals all at once are one signal too")
    func burst() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        for _ in 0..<50 {
            run.signal(SIGTERM)
            run.signal(SIGINT)
            sidecar.send(.drain)
        }
        try await eventually("an answer for each drain, in \(sidecar.messages.count)") {
            sidecar.messages.count >= 51
        }
        run.tellAgent("sleep 0.3; echo done")
        try await run.prints("done")
        #expect(run.output == "ready\ngot TERM\ndone\n")
    }

    @Test("no signal but a stop ends a launcher, whatever it does to other processes")
    func otherSignals() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        for signal in Self.otherSignals { run.signal(signal) }
        run.tellAgent("echo alive")
        try await run.prints("alive")
        #expect(!run.isOver)
        #expect(run.output == "ready\nalive\n")
        run.signal(SIGTERM)
        try await sidecar.hears(.stopping)
        try await run.prints("got TERM")
    }

    /// All but the four stops, SIGCHLD, and those that stop a process, let it go on, or cannot be
    /// refused.
    static let otherSignals = (Int32(1)...64).filter {
        ![
            SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN,
            SIGTTOU,
        ].contains($0)
    }

    @Test("a stop before the agent was started starts nothing, and the sidecar is told")
    func beforeStart() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory, name: nil)
        try await sidecar.hears(.hello(version: 1))
        run.signal(SIGTERM)
        #expect(try await run.exitCode() == 143)
        try await sidecar.hears(.exited(code: 143))
        #expect(sidecar.messages == [.hello(version: 1), .stopping, .exited(code: 143)])
        #expect(run.output.isEmpty)
    }

    @Test("a drain before the agent was started starts nothing, and the release is waited for")
    func drainBeforeStart() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory, name: nil)
        try await sidecar.hears(.hello(version: 1))
        sidecar.send(.drain)
        try await sidecar.hears(.exited(code: 143))
        #expect(!run.isOver)
        sidecar.send(.release)
        #expect(try await run.exitCode() == 143)
        #expect(sidecar.messages == [.hello(version: 1), .drained, .exited(code: 143)])
        #expect(run.output.isEmpty)
    }

    @Test("the agent begins with default signals, none blocked, in a process group of its own")
    func freshSignals() async throws {
        let run = try LauncherRun(
            [
                "/bin/sh", "-c",
                "grep -E '^Sig(Blk|Ign)' /proc/self/status; exec ps -o pid=,pgid= $$",
            ],
            environment: OutputTests.withoutSidecar,
            wrapper: ["/bin/sh", "-c", "trap '' TERM PIPE USR1 CHLD; exec \"$@\"", "sh"]
        )
        #expect(try await run.exitCode() == 0)
        let lines = run.output.split(separator: "\n")
        // Bit N - 1 stands for signal N; 32 and 33 are glibc's own, which its posix_spawn ignores.
        for line in lines.prefix(2) {
            let set = try #require(UInt64(line.suffix(16), radix: 16))
            #expect(set & ~0x1_8000_0000 == 0)
        }
        let ids = lines.last?.split(separator: " ") ?? []
        #expect(ids.count == 2 && ids.first == ids.last)
    }

    @Test("a drain is refused while the agent has a child of a job, and granted after")
    func drainWaitsForChildren() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("sleep 600 & child=$!; sh -c 'sleep 600; :' & other=$!; echo started")
        try await run.prints("started")
        // Two children, and in time the second one's own.
        try await eventually("three child processes") { run.processes().count == 4 }
        sidecar.send(.drain)
        try await sidecar.hears(.busy(processes: 3))
        #expect(!run.output.contains("got"))
        run.tellAgent("kill $child $other; wait; echo ended")
        try await run.prints("ended")
        sidecar.send(.drain)
        try await sidecar.hears(.drained)
        try await run.prints("got TERM")
    }

    @Test("a refused drain is no stop signal: one from outside still reaches the agent")
    func stopWhileBusy() async throws {
        let run = try LauncherRun()
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("sleep 600 & child=$!; echo started")
        try await run.prints("started")
        sidecar.send(.drain)
        try await sidecar.hears(.busy(processes: 1))
        run.signal(SIGTERM)
        try await sidecar.hears(.stopping)
        try await run.prints("got TERM")
    }

    @Test("the agent's own processes and dead ones do not count as work")
    func ownProcesses() async throws {
        let run = try LauncherRun(AgentTests.agent())
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        let core = run.directory + "/tfc-agent-core"
        // A dead child, which the core does not take note of.
        run.tellAgent("cp /bin/sleep \(core); sh -c 'sh -c : & exec \(core) 600' &")
        try await run.runs("tfc-agent-core")
        sidecar.send(.drain)
        try await sidecar.hears(.drained)
        try await run.prints("got TERM")
    }

    @Test("if the child processes cannot be counted the agent is taken as busy")
    func unknownIsBusy() async throws {
        try Namespaces.require()
        let run = try LauncherRun(wrapper: ["/usr/bin/unshare", "--mount"])
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        run.tellAgent("mount -t tmpfs none /proc && echo hidden")
        try await run.prints("hidden")
        sidecar.send(.drain)
        try await sidecar.hears(.busy(processes: 0))
        run.tellAgent("umount /proc && echo visible")
        try await run.prints("visible")
        sidecar.send(.drain)
        try await sidecar.hears(.drained)
    }
}

/// Whether this machine lets tests have namespaces of their own. Where it does not, a test that
/// needs one fails: passed over, nobody would know that a promise was not looked at.
enum Namespaces {
    private static let work = canUnshare()

    static func require() throws {
        try #require(work, "this machine gives no namespaces: the test needs root and unshare(1)")
    }

    private static func canUnshare() -> Bool {
        guard getuid() == 0 else { return false }
        var pid = pid_t()
        let words = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"]
        let argv = words.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var status: Int32 = -1
        return posix_spawnp(&pid, "unshare", nil, nil, argv, nil) == 0
            && waitpid(pid, &status, 0) == pid && status == 0
    }
}
