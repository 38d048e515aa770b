import AgentLink
import Daemon
import Glibc

/// The volume that the sidecar shares with the agent's container: it carries the launcher over,
/// holds the link's socket, and what a sidecar that is started again has to know.
struct SharedVolume: Sendable {
    let directory: String

    /// - Parameter environment: the process's variables, of which one names the directory.
    init(_ environment: [String: String]) {
        let named = SettingsReader(environment).value(Link.directoryVariable)
        self.init(directory: named ?? Link.defaultDirectory)
    }

    init(directory: String) { self.directory = directory }

    /// Made once, when the agent may start; never removed.
    private var marker: String { directory + "/allowed" }

    /// The marker under another name. Giving it its own one needs no room on a volume that has
    /// been filled since, as making it would.
    private var reserved: String { directory + "/allowed.next" }

    var agentAllowed: Bool { access(marker, F_OK) == 0 }

    /// True once a sidecar of this task has opened the link, be it this one or one before.
    var hasLink: Bool { access(Link.socketPath(in: directory), F_OK) == 0 }

    /// Makes room for the marker, as long as there is some.
    func reserveMarker() {
        if !agentAllowed { try? Self.touch(reserved) }
    }

    func allowAgent() throws(VolumeFault) {
        if rename(reserved, marker) == 0 { return }
        try Self.touch(marker)
    }

    private static func touch(_ path: String) throws(VolumeFault) {
        let file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw VolumeFault("create", path) }
        close(file)
    }

    /// Which of the task's agents was named last; the first one where nothing is noted.
    var agentNumber: Int {
        let file = open(counter, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return 1 }
        defer { close(file) }
        var digits = [UInt8](repeating: 0, count: Self.mostDigits)
        let count = read(file, &digits, digits.count)
        return Int(String(decoding: digits.prefix(max(0, count)), as: UTF8.self)) ?? 1
    }

    private var counter: String { directory + "/agents" }

    /// As many as a task can have.
    private static let mostDigits = 18

    /// Notes which of the task's agents is named now.
    func note(agentNumber: Int) throws(VolumeFault) {
        let temporary = counter + ".next"
        let file = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw VolumeFault("create", temporary) }
        let digits = Array("\(agentNumber)".utf8)
        let written = write(file, digits, digits.count)
        close(file)
        guard written == digits.count else { throw VolumeFault("write", temporary) }
        guard rename(temporary, counter) == 0 else { throw VolumeFault("rename", temporary) }
    }

    /// Copies the launcher from beside this program to where the agent's container starts it.
    func deliverLauncher() throws(VolumeFault) {
        try Self.copy(
            Self.programDirectory() + "/agent-launcher",
            to: directory + "/agent-launcher"
        )
    }

    private static func copy(_ source: String, to target: String) throws(VolumeFault) {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw VolumeFault("open", source) }
        defer { close(input) }
        let output = open(target, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o755)
        guard output >= 0 else { throw VolumeFault("create", target) }
        defer { close(output) }
        // The mask of the shell that started this must not make it private: another user runs it.
        guard fchmod(output, 0o755) == 0 else { throw VolumeFault("chmod", target) }
        while true {
            let count = sendfile(output, input, nil, 1 << 24)
            if count == 0 { return }
            guard count > 0 else { throw VolumeFault("write", target) }
        }
    }

    private static func programDirectory() -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            guard let start = bytes.bindMemory(to: CChar.self).baseAddress else { return 0 }
            return readlink("/proc/self/exe", start, bytes.count)
        }
        let path = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}

/// The shared volume cannot be used.
struct VolumeFault: Error, CustomStringConvertible {
    let description: String

    init(_ call: String, _ path: String) {
        let cause = strerror(errno).map { String(cString: $0) } ?? "unknown error"
        description = "cannot \(call) \(path): \(cause)"
    }
}
