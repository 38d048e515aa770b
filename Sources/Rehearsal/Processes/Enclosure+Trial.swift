import Glibc
import Synchronization

/// Whether this machine can give a program a root to itself.
extension Enclosure {
    /// What this machine lacks, as a sentence's end; nil where a program can have all that.
    static func lack() -> String? {
        guard geteuid() == 0 else { return "only root can make one" }
        var template = Array("/tmp/rehearsal-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return "no directory in /tmp: errno \(errno)" }
        let place = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        defer { rmdir(place) }
        let codes = Handover<Int>()
        let words = Mutex<[String]>([])
        let program = Program(
            path: "/bin/true",
            environment: ["PATH": ContainerPlan.systemPath],
            directory: "/",
            enclosure: Enclosure(place: place, user: user(0), agent: "/bin/true")
        )
        do {
            _ = try ChildProcess.start(
                program,
                line: { _, line in words.withLock { $0.append(line) } },
                exit: { codes.give($0) }
            )
        } catch {
            return error.description
        }
        let code = codes.take()
        return code == 0 ? nil : words.withLock { $0.last } ?? "exit code \(code)"
    }
}
