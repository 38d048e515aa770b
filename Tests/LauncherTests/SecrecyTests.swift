import AgentLink
import Glibc
import Peers
import Testing

/// What the processes of a run, which have the agent's user, can get out of the launcher: with real
/// users, in a PID namespace where the launcher is PID 1 as it is in its container.
@Suite("The launcher keeps to itself", .timeLimit(.minutes(1)))
struct SecrecyTests {
    /// Tries every way into a process that Linux has, first with one of its own as the proof that
    /// the way is there at all.
    private static let probe = """
        import ctypes, os, subprocess, sys, time
        libc = ctypes.CDLL(None, use_errno=True)
        def read(path):
            with open(path, "rb") as file: file.read(1)
        def write(path):
            os.close(os.open(path, os.O_WRONLY))
        def call(result):
            if result < 0: raise OSError(ctypes.get_errno(), "refused")
            return result
        class Piece(ctypes.Structure):
            _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
        def readv(pid):
            room = ctypes.create_string_buffer(8)
            here = Piece(ctypes.addressof(room), 8)
            there = Piece(1, 8)
            try: call(libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
            except OSError as fault:
                if fault.errno != 14: raise
        def attach(request, pid):
            call(libc.ptrace(request, pid, 0, 0))
            os.waitpid(pid, 0) if request == 16 else None
            os.kill(pid, 19) if request != 16 else None
            os.waitpid(pid, 0) if request != 16 else None
            call(libc.ptrace(17, pid, 0, 0))
            os.kill(pid, 18)
        def duplicate(pid):
            call(libc.syscall(438, call(libc.syscall(434, pid, 0)), 0, 0))
        ways = {
            "environ": lambda pid: read(f"/proc/{pid}/environ"),
            "maps": lambda pid: read(f"/proc/{pid}/maps"),
            "mem": lambda pid: os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR)),
            "fd": lambda pid: os.readlink(f"/proc/{pid}/fd/1"),
            "write to fd": lambda pid: write(f"/proc/{pid}/fd/1"),
            "cwd": lambda pid: os.readlink(f"/proc/{pid}/cwd"),
            "process_vm_readv": readv,
            "pidfd_getfd": duplicate,
            "attach": lambda pid: attach(16, pid),
            "seize": lambda pid: attach(0x4206, pid),
        }
        def attempt(who, pid):
            for name, way in ways.items():
                try:
                    way(pid)
                    print(who, name, "open")
                except OSError as fault:
                    print(who, name, "refused" if fault.errno in (1, 13) else fault)
        other = subprocess.Popen(["sleep", "600"], stdout=subprocess.PIPE)
        attempt("other", other.pid)
        other.kill()
        attempt("launcher", 1)
        with open("/proc/1/cmdline", "rb") as file: shown = file.read()
        print("cmdline", b"secret" in shown)
        with open("/proc/self/environ", "rb") as file: own = file.read()
        print("token", b"TFC_AGENT_TOKEN=secret-token" in own, sys.argv[1:])
        print("dumpable", libc.prctl(3, 0, 0, 0, 0), os.stat("/proc/self/environ").st_uid == os.getuid())
        print("user", os.getuid(), open("/proc/self/status").read().split("CapEff:")[1].split()[0])
        """

    private static let ways = [
        "environ", "maps", "mem", "fd", "write to fd", "cwd", "process_vm_readv", "pidfd_getfd",
        "attach", "seize",
    ]

    private static let secrets: [String: String?] = [
        "TFC_AGENT_TOKEN": "secret-token", "TF_VAR_password": "secret-password",
    ]

    private static let namespace = [
        "/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
    ]

    @Test(
        "no process of a run gets into the launcher, which is PID 1, and the agent has its token",
        arguments: [
            ["--reuid", "1000", "--regid", "1000", "--clear-groups"],
            ["--bounding-set=-all", "--inh-caps=-all"],
        ],
        [false, true]
    )
    func refusesProcesses(_ user: [String], _ hidesTaskRole: Bool) async throws {
        try Namespaces.require()
        let python = getenv("TEST_PYTHON").map { String(cString: $0) } ?? "/usr/bin/python3"
        var environment = OutputTests.withoutSidecar.merging(Self.secrets) { $1 }
        if hidesTaskRole {
            // The launcher executes itself anew then.
            environment["AGENT_HIDE_TASK_ROLE"] = "true"
            environment["ECS_AGENT_URI"] = "http://169.254.170.2/api/id"
        }
        let run = try LauncherRun(
            [python, "-c", Self.probe, "-token", "secret-argument"],
            environment: environment,
            wrapper: Self.namespace + ["/usr/bin/setpriv"] + user
        )
        #expect(try await run.exitCode() == 0)
        let expected =
            Self.ways.map { "other \($0) open" } + Self.ways.map { "launcher \($0) refused" } + [
                "cmdline False", "token True ['-token', 'secret-argument']", "dumpable 1 True",
                "user \(user[0] == "--reuid" ? 1000 : 0) 0000000000000000",
            ]
        #expect(run.output.split(separator: "\n").map(String.init) == expected)
    }

    @Test(
        "even who may trace the launcher finds no secret in its memory that it was started with",
        .unsanitized
    )
    func forgetsStart() async throws {
        let run = try LauncherRun(
            [
                "/bin/sh", "-c", "echo got ${TFC_AGENT_TOKEN#secret-} ${1#secret-}; read line",
                "sh", "secret-argument",
            ],
            environment: Self.secrets
        )
        // Before the agent has it all, it is there to be found.
        #expect(try Self.memory(of: run.pid).contains { Self.holds($0, "secret-token") })
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("got token argument\n")
        for file in ["environ", "cmdline"] {
            let bytes = fileBytes("/proc/\(run.pid)/\(file)")
            #expect(!bytes.isEmpty)
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(!text.contains("secret"))
            #expect(file == "environ" || text.contains("agent-launcher"))
        }
        for secret in ["secret-token", "secret-password", "secret-argument"] {
            #expect(try !Self.memory(of: run.pid).contains { Self.holds($0, secret) })
        }
        sidecar.stop()
    }

    @Test("nor when it has looked at the environment of an agent below a script", .unsanitized)
    func forgetsAgent() async throws {
        let run = try LauncherRun(
            ["/bin/sh", "-c", "$AGENT_LINK_DIR/tfc-agent $AGENT_LINK_DIR/obedient-agent; exit $?"],
            environment: Self.secrets
        )
        let sidecar = try FakeSidecar(in: run.directory)
        try await eventually("the agent is found") { run.errors.contains("the agent is process") }
        for secret in ["secret-token", "secret-password"] {
            #expect(try !Self.memory(of: run.pid).contains { Self.holds($0, secret) })
        }
        sidecar.stop()
    }

    /// All that a process may write to, of its own memory.
    private static func memory(of pid: pid_t) throws -> [[UInt8]] {
        let memory = open("/proc/\(pid)/mem", O_RDONLY)
        try #require(memory >= 0)
        defer { close(memory) }
        return try mappings(of: pid, "rw").compactMap { start, end in
            var bytes = [UInt8](repeating: 0, count: end - start)
            let count = pread(memory, &bytes, bytes.count, start)
            return count > 0 ? Array(bytes.prefix(count)) : nil
        }
    }

    private static func holds(_ bytes: [UInt8], _ text: String) -> Bool {
        let text = Array(text.utf8)
        var rest = bytes[...]
        while let start = rest.firstIndex(of: text[0]) {
            if rest[start...].starts(with: text) { return true }
            rest = rest[(start + 1)...]
        }
        return false
    }

    /// Where a process's memory is that has these rights.
    private static func mappings(of pid: pid_t, _ rights: String) throws -> [(Int, Int)] {
        let maps = String(decoding: fileBytes("/proc/\(pid)/maps"), as: UTF8.self)
        return try maps.split(separator: "\n").filter { $0.contains(" \(rights)") }.map { line in
            let ends = line.prefix { $0 != " " }.split(separator: "-")
                .compactMap { Int($0, radix: 16) }
            try #require(ends.count == 2)
            return (ends[0], ends[1])
        }
    }

    @Test("a launcher that crashes leaves no core, where another program leaves one", .unsanitized)
    func leavesNoCore() async throws {
        let wrapper = [
            "/bin/sh", "-c", "cd $AGENT_LINK_DIR; ulimit -c unlimited; \"$@\"; exit $?", "sh",
        ]
        let run = try LauncherRun(wrapper: wrapper)
        let sidecar = try FakeSidecar(in: run.directory)
        try await run.prints("ready")
        let launcher = try #require(ProcessTests.children(of: run.pid).first)
        // The agent first: it is a program like any other.
        let agent = try #require(ProcessTests.children(of: launcher).first)
        try Self.crash(agent)
        // By a fault of memory or, where zeros are no instruction, one of those.
        try await eventually("the agent's crash") {
            [SIGSEGV, SIGILL].contains { sidecar.messages.contains(.exited(code: 128 + Int($0))) }
        }
        let cores = { run.files.filter { $0.hasPrefix("core") } }
        #expect(cores().count == 1)
        // The next one may have the same name.
        for core in cores() { unlink(run.directory + "/" + core) }
        try Self.crash(launcher)
        #expect(try await run.exitCode() >= 128)
        #expect(cores() == [])
    }

    /// Takes a process's code away, so that it faults by itself: no signal from outside makes the
    /// launcher end, as a fault of its own would.
    private static func crash(_ pid: pid_t) throws {
        let memory = open("/proc/\(pid)/mem", O_RDWR)
        try #require(memory >= 0)
        defer { close(memory) }
        for (start, end) in try mappings(of: pid, "r-xp") {
            let nothing = [UInt8](repeating: 0, count: end - start)
            // The kernel's own page is not to be written to.
            _ = pwrite(memory, nothing, nothing.count, start)
        }
        // Makes it go on where it waits.
        kill(pid, SIGSTOP)
        kill(pid, SIGCONT)
    }
}
