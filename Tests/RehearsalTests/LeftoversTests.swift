import Decisions
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

    @Test("of two rehearsals with tasks of one name each finds its own agent")
    func agents() async throws {
        let task = TaskID("task-of-\(getpid())")
        let (ends, feed) = AsyncStream<Int>.makeStream()
        let ids = ["first-\(getpid())", "second-\(getpid())"]
        var agents: [Int] = []
        for id in ids {
            let agent = Program(
                path: "/usr/bin/env",
                arguments: ["unshare", "--pid", "--fork", "sleep", "600"],
                environment: [
                    "PATH": "/usr/bin:/bin", "STAND_IN_TASK": "\(task)",
                    Leftovers.rehearsalName: id, Leftovers.containerName: id,
                ],
                directory: "/"
            )
            _ = try ChildProcess.start(agent, line: { _, _ in }, exit: { feed.yield($0) })
            let sleep = try await first(with: "\(Leftovers.rehearsalName)=\(id)")
            agents.append(sleep)
        }
        for (id, agent) in zip(ids, agents) {
            let processes = AgentProcesses(rehearsal: id)
            // As each of them sees itself.
            processes.register(1, for: task)
            #expect(processes.pid(of: task) == agent)
            #expect(processes.isAlive(task))
        }
        for id in ids { Leftovers.kill(marker: id) }
        var left = ids.count
        for await _ in ends {
            left -= 1
            if left == 0 { break }
        }
    }

    /// The first process of a container, once it is there.
    private func first(with entry: String) async throws -> Int {
        while true {
            let found = Leftovers.processes(with: entry).map { Int($0) }
            if let first = found.first(where: {
                Leftovers.ownNumber(of: $0) == 1
                    && Leftovers.contents(of: "/proc/\($0)/comm") == Array("sleep\n".utf8)
            }) {
                return first
            }
            try await Task.sleep(for: .milliseconds(5))
        }
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
