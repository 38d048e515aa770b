@preconcurrency import Glibc
import Testing

/// A failure of the test's own means.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
}

/// Looks for something until it is so: the last resort where nothing tells.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(15),
    _ isSo: () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try !isSo() {
        guard ContinuousClock.now < deadline else {
            throw TestFailure(description: "not within \(limit): \(what)")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// A launcher as a real process, with an agent that obeys commands on its stdin.
final class LauncherRun {
    let directory: String
    private(set) var pid: pid_t = 0
    private let commands: Int32
    private var code: Int32?
    private let mark: String

    /// An agent in a few lines: says every signal that it gets, and does what its stdin says. The
    /// shell's own `read` waits without a child process.
    static let obedientAgent = """
        #!/bin/sh
        for signal in TERM INT QUIT HUP; do trap "echo got $signal" $signal; done
        echo ready $*
        failures=0
        while [ $failures -lt 100 ]; do
            if read -r line; then failures=0; eval "$line"; else failures=$((failures + 1)); fi
        done
        exit 99
        """

    /// - Parameters:
    ///   - arguments: The launcher's; nil for the obedient agent.
    ///   - environment: Besides PATH, the link's directory, and limits that never come.
    ///   - wrapper: What runs the launcher, before its path.
    ///   - stdout: The launcher's stdout; nil for a file.
    init(
        _ arguments: [String]? = nil,
        environment: [String: String?] = [:],
        wrapper: [String] = [],
        stdout: Int32? = nil
    ) throws {
        var template = Array("/tmp/launcher-test-XXXXXX".utf8CString)
        directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        mark = "LAUNCHER_TEST_RUN=" + directory
        // Another user's agent has to get at it too.
        chmod(directory, 0o755)
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        commands = ends[1]
        _ = fcntl(commands, F_SETFD, FD_CLOEXEC)
        try write(Self.obedientAgent, to: "obedient-agent")
        try spawn(
            wrapper + [try Self.launcherPath()] + (arguments ?? [directory + "/obedient-agent"]),
            environment,
            stdin: ends[0],
            stdout: stdout
        )
        close(ends[0])
    }

    /// Writes an executable file into the run's directory.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let path = directory + "/" + name
        let file = creat(path, 0o755)
        try #require(file >= 0)
        defer { close(file) }
        var text = text
        let count = text.withUTF8 { Glibc.write(file, $0.baseAddress, $0.count) }
        try #require(count == text.utf8.count)
        return path
    }

    /// What a file of the run holds now.
    func bytes(of name: String) -> [UInt8] {
        fileBytes(directory + "/" + name)
    }

    var output: String { String(decoding: bytes(of: "stdout"), as: UTF8.self) }
    var errors: String { String(decoding: bytes(of: "stderr"), as: UTF8.self) }

    /// Gives the obedient agent a line of shell.
    func tellAgent(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        #expect(Glibc.write(commands, bytes, bytes.count) == bytes.count)
    }

    func signal(_ signal: Int32) {
        #expect(kill(pid, signal) == 0)
    }

    func prints(_ text: String) async throws {
        try await eventually("output \(text), which is \(output)") { output.contains(text) }
    }

    /// Waits for the launcher's end.
    ///
    /// - Returns: The code as a shell reports it.
    func exitCode(within limit: Duration = .seconds(20)) async throws -> Int32 {
        try await eventually("exit of the launcher", within: limit) { isOver }
        return code ?? -1
    }

    var isOver: Bool {
        guard code == nil else { return true }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return false }
        let signal = status & 0x7F
        code = signal == 0 ? status >> 8 & 0xFF : 128 + signal
        return true
    }

    /// The process ids below the launcher, by their mark in the environment.
    func processes() -> [pid_t] {
        var found: [pid_t] = []
        guard let proc = opendir("/proc") else { return [] }
        defer { closedir(proc) }
        while let item = readdir(proc) {
            let name = withUnsafeBytes(of: &item.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let id = pid_t(name), id != pid else { continue }
            let entries = fileBytes("/proc/\(name)/environ").split(separator: 0)
            if entries.contains(where: { $0.elementsEqual(mark.utf8) }) { found.append(id) }
        }
        return found
    }

    deinit {
        close(commands)
        if !isOver {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        for process in processes() {
            kill(process, SIGKILL)
        }
        for name in ["stdout", "stderr", "link.sock", "obedient-agent"] {
            unlink(directory + "/" + name)
        }
        guard let left = opendir(directory) else { return }
        while let item = readdir(left) {
            let name = withUnsafeBytes(of: &item.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            unlink(directory + "/" + name)
        }
        closedir(left)
        rmdir(directory)
    }

    private func spawn(
        _ arguments: [String],
        _ environment: [String: String?],
        stdin: Int32,
        stdout: Int32?
    ) throws {
        var variables: [String: String?] = [
            "PATH": "/usr/bin:/bin", "AGENT_LINK_DIR": directory,
            "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "600000",
            "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "600000",
        ]
        variables.merge(environment) { $1 }
        let entries = variables.compactMap { name, value in value.map { name + "=" + $0 } } + [mark]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, stdin, 0)
        if let stdout {
            posix_spawn_file_actions_adddup2(&actions, stdout, 1)
        } else {
            posix_spawn_file_actions_addopen(
                &actions,
                1,
                directory + "/stdout",
                O_WRONLY | O_CREAT | O_APPEND,
                0o644
            )
        }
        posix_spawn_file_actions_addopen(
            &actions,
            2,
            directory + "/stderr",
            O_WRONLY | O_CREAT | O_APPEND,
            0o644
        )
        // What else this process has open belongs to other tests that run beside this one.
        for descriptor: Int32 in 3..<512 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        let argv = arguments.map { strdup($0) } + [nil]
        let envp = entries.map { strdup($0) } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        let result = posix_spawnp(&pid, arguments[0], &actions, nil, argv, envp)
        guard result == 0 else {
            throw TestFailure(description: "\(arguments[0]): \(String(cString: strerror(result)))")
        }
    }

    /// The executable beside the test bundle, or the one that AGENT_LAUNCHER names.
    private static func launcherPath() throws -> String {
        if let path = getenv("AGENT_LAUNCHER") { return String(cString: path) }
        var places = CommandLine.arguments.prefix(1).map { parents(of: $0) }.joined() + []
        if let test = realpath("/proc/self/exe", nil) {
            places += parents(of: String(cString: test))
            free(test)
        }
        places += [".build/debug", ".build/release"]
        for place in places where access(place + "/agent-launcher", X_OK) == 0 {
            guard let path = realpath(place + "/agent-launcher", nil) else { continue }
            defer { free(path) }
            return String(cString: path)
        }
        throw TestFailure(
            description: "agent-launcher is not built: swift build --product agent-launcher"
        )
    }

    private static func parents(of path: String) -> [String] {
        var parents: [String] = []
        var rest = path[...]
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            parents.append(String(rest))
        }
        return parents
    }
}

/// The whole of a file, or nothing if it cannot be read.
func fileBytes(_ path: String) -> [UInt8] {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(file, &piece, piece.count)
        guard count > 0 else { return bytes }
        bytes += piece.prefix(count)
    }
}
