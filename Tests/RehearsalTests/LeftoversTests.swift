import Glibc
import Synchronization
import Testing

@testable import Rehearsal

@Suite("Processes of a rehearsal", .timeLimit(.minutes(1)))
struct LeftoversTests {
    /// A shell by the launcher's name, which shows no marker itself and waits for a child that does.
    private struct Stage {
        let directory: String
        let marker: String

        init() throws {
            var template = Array("/tmp/leftovers-XXXXXX".utf8CString)
            directory = try #require(mkdtemp(&template).map { String(cString: $0) })
            marker = directory + "/\(getpid())"
            try #require(symlink("/bin/sh", directory + "/agent-launcher") == 0)
        }

        func start(exit: @escaping @Sendable (Int) -> Void) throws -> Int {
            let child = "\(Leftovers.containerName)=\(marker) sleep 600"
            return try ChildProcess.start(
                Program(
                    path: directory + "/agent-launcher",
                    arguments: ["-c", "\(child); :"],
                    environment: ["PATH": "/usr/bin:/bin"],
                    directory: "/"
                ),
                line: { _, _ in },
                exit: exit
            )
        }

        func remove() {
            unlink(directory + "/agent-launcher")
            rmdir(directory)
        }
    }

    @Test("a launcher ends with its container, though it hides the environment that marks it")
    func launcherEnds() async throws {
        let stage = try Stage()
        defer { stage.remove() }
        let (codes, feed) = AsyncStream<Int>.makeStream()
        let launcher = try stage.start { feed.yield($0) }
        while Leftovers.processes(with: "\(Leftovers.containerName)=\(stage.marker)").isEmpty {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(!Leftovers.has(launcher, "\(Leftovers.containerName)=\(stage.marker)"))
        Leftovers.kill(marker: stage.marker)
        #expect(await codes.first { _ in true } == 137)
        #expect(!Leftovers.isAlive(launcher))
    }

    @Test("a process is told from a later one of its number by its start")
    func starts() async throws {
        let own = try #require(Leftovers.start(of: Int(getpid())))
        #expect(own > 0)
        #expect(Leftovers.start(of: Int(getpid())) == own)
        #expect(Leftovers.start(of: Int(Int32.max)) == nil)
        #expect(Leftovers.isAlive(Int(getpid())))
        #expect(!Leftovers.isAlive(Int(Int32.max)))
    }
}
