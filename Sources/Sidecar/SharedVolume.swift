import AgentLink
import Daemon
import Glibc

/// The volume that the sidecar shares with the agent's container: it carries the launcher over
/// and holds the marker that makes the task healthy. The link's socket is there too.
struct SharedVolume: Sendable {
    let directory: String

    /// - Parameter environment: the process's variables, of which one names the directory.
    init(_ environment: [String: String]) {
        let named = SettingsReader(environment).value(Link.directoryVariable)
        self.init(directory: named ?? Link.defaultDirectory)
    }

    init(directory: String) { self.directory = directory }

    /// Made once, when the agent may start; never removed. An unhealthy task would be replaced
    /// by ECS whatever it runs, so health is not taken back, not even by a dead sidecar.
    private var marker: String { directory + "/healthy" }

    /// The marker under another name. Giving it its own one needs no room on a volume that has
    /// been filled since, as making it would.
    private var reserved: String { directory + "/healthy.next" }

    var isHealthy: Bool { access(marker, F_OK) == 0 }

    /// True once a sidecar of this task has delivered the launcher, be it this one or one before.
    var hasLauncher: Bool { access(launcher, F_OK) == 0 }

    private var launcher: String { directory + "/agent-launcher" }

    /// Makes room for the marker, as long as there is some.
    func reserveMarker() {
        if !isHealthy { try? Self.touch(reserved) }
    }

    func becomeHealthy() throws(VolumeFault) {
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

    /// Copies the launcher from beside this program, unless a sidecar before this one did. Written
    /// under another name first: the agent's container must never execute half a file, and nor is
    /// there ever half a launcher to be taken for a delivered one.
    func deliverLauncher() throws(VolumeFault) {
        guard !hasLauncher else { return }
        let source = Self.programDirectory() + "/agent-launcher"
        let temporary = launcher + ".new"
        do throws(VolumeFault) {
            try Self.copy(source, to: temporary)
            guard rename(temporary, launcher) == 0 else { throw VolumeFault("rename", temporary) }
        } catch {
            // Half a file would keep the volume full.
            unlink(temporary)
            throw error
        }
    }

    private static func copy(_ source: String, to target: String) throws(VolumeFault) {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw VolumeFault("open", source) }
        defer { close(input) }
        unlink(target)
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

/// The shared volume cannot be used; the task cannot become healthy.
struct VolumeFault: Error, CustomStringConvertible {
    let description: String

    init(_ call: String, _ path: String) {
        let cause = strerror(errno).map { String(cString: $0) } ?? "unknown error"
        description = "cannot \(call) \(path): \(cause)"
    }
}
