import FoundationEssentials
@preconcurrency import Glibc
import Peers
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
    private let process: TestProcess
    private let commands: Int32

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
    ///
    /// Beside the obedient agent there is `tfc-agent`, a shell by the name of the real one: a
    /// program, where a script would go by its interpreter's name.
    init(
        _ arguments: [String]? = nil,
        environment: [String: String?] = [:],
        wrapper: [String] = [],
        stdout: Int32? = nil
    ) throws {
        var template = Array("/tmp/launcher-test-XXXXXX".utf8CString)
        directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        // Another user's agent has to get at it too.
        chmod(directory, 0o755)
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        commands = ends[1]
        let agent = directory + "/obedient-agent"
        try Self.write(Self.obedientAgent, to: agent)
        try Self.write(fileBytes("/bin/sh"), to: directory + "/tfc-agent")
        var variables: [String: String?] = [
            "PATH": "/usr/bin:/bin", "AGENT_LINK_DIR": directory,
            "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS": "600000",
            "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS": "600000",
            Self.markName: directory,
        ]
        variables.merge(environment) { $1 }
        process = try TestProcess(
            wrapper + [try Self.launcherPath()] + (arguments ?? [agent]),
            environment: variables.compactMapValues { $0 },
            input: .descriptor(ends[0]),
            output: stdout.map { .descriptor($0) } ?? .file(directory + "/stdout"),
            errors: .file(directory + "/stderr")
        )
    }

    private static let markName = "LAUNCHER_TEST_RUN"
    private var mark: String { Self.markName + "=" + directory }

    var pid: pid_t { process.pid }

    /// Writes an executable file into the run's directory.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let path = directory + "/" + name
        try Self.write(text, to: path)
        return path
    }

    private static func write(_ text: String, to path: String) throws {
        try write(Array(text.utf8), to: path)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let file = creat(path, 0o755)
        try #require(file >= 0)
        defer { close(file) }
        try #require(Glibc.write(file, bytes, bytes.count) == bytes.count)
    }

    /// What a file of the run holds now.
    func bytes(of name: String) -> [UInt8] {
        fileBytes(directory + "/" + name)
    }

    var output: String { String(decoding: bytes(of: "stdout"), as: UTF8.self) }
    /// What is on stderr; of the launcher's own lines the event and the message.
    var errors: String {
        String(decoding: bytes(of: "stderr"), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
            .map { Self.told($0) ?? String($0) }
            .joined(separator: "\n")
    }

    private static func told(_ line: Substring) -> String? {
        struct Line: Decodable {
            let program: String
            let event: String
            let message: String
        }
        return (try? JSONDecoder().decode(Line.self, from: Data(line.utf8)))
            .map { "\($0.program): \($0.event): \($0.message)" }
    }

    /// Gives the obedient agent a line of shell.
    func tellAgent(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        #expect(Glibc.write(commands, bytes, bytes.count) == bytes.count)
    }

    func signal(_ signal: Int32) {
        #expect(process.isRunning)
        process.signal(signal)
    }

    func prints(_ text: String) async throws {
        try await eventually("output \(text), which is \(output)") { output.contains(text) }
    }

    /// Waits for the launcher's end.
    ///
    /// - Returns: The code as a shell reports it.
    func exitCode(within limit: Duration = .seconds(20)) async throws -> Int32 {
        try await eventually("exit of the launcher", within: limit) { isOver }
        return process.exitCode ?? -1
    }

    var isOver: Bool { !process.isRunning }

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

    /// Waits until so many processes below the launcher run a program of this name: what was forked
    /// goes by its parent's name until then.
    func runs(_ name: String, times: Int = 1) async throws {
        try await eventually("\(times) processes \(name)") {
            processes().count { fileBytes("/proc/\($0)/comm") == Array("\(name)\n".utf8) } >= times
        }
    }

    deinit {
        close(commands)
        // Before its parent: a launcher below a wrapper has overwritten its mark.
        for child in ProcessTests.children(of: pid) { kill(child, SIGKILL) }
        process.end()
        for process in processes() {
            kill(process, SIGKILL)
        }
        for name in files { unlink(directory + "/" + name) }
        rmdir(directory)
    }

    /// The names in the run's directory.
    var files: [String] {
        guard let listing = opendir(directory) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let item = readdir(listing) {
            names.append(
                withUnsafeBytes(of: &item.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
            )
        }
        return names.filter { $0 != "." && $0 != ".." }
    }

    /// The built launcher, or the one that AGENT_LAUNCHER names.
    private static func launcherPath() throws -> String {
        if let path = getenv("AGENT_LAUNCHER") { return String(cString: path) }
        return try TestProcess.built("agent-launcher")
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
