@preconcurrency import Glibc
import Renewal
import Telemetry

/// How this program, started by the launcher, becomes the agent as another user. As arguments it gets
/// whom to become, then the agent's file and its arguments.
enum AgentEntry {
    private static let mark = "--become-agent"
    /// In place of a file: try what an agent's process could do that it must not.
    private static let trial = "--try"

    /// This program itself, whatever has become of the name that it was started by.
    static let program = "/proc/self/exe"

    static func arguments(
        _ command: AgentCommand,
        as identity: AgentIdentity
    ) -> [UnsafeMutablePointer<CChar>?] {
        [strdup("agent-launcher"), strdup(mark), strdup(identity.argument), strdup(command.path)]
            + command.arguments
    }

    /// Whether the launcher has started this process. To anybody but root it means nothing.
    static var isAskedFor: Bool {
        guard getuid() == 0, CommandLine.argc >= 4, let first = CommandLine.unsafeArgv[1] else {
            return false
        }
        return strcmp(first, mark) == 0
    }

    static func run() -> Never {
        guard let text = CommandLine.unsafeArgv[2], let path = CommandLine.unsafeArgv[3],
            let identity = AgentIdentity(argument: String(cString: text))
        else { end("nobody to become", LaunchFailure.launcherFailed) }
        do throws(Confinement.Fault) {
            try Confinement.enter(identity)
        } catch {
            end("the agent cannot be confined: " + error.text, LaunchFailure.launcherFailed)
        }
        if strcmp(path, trial) == 0 {
            Notice.write(Confinement.firstGap(identity) ?? "", to: STDOUT_FILENO)
            _exit(0)
        }
        execve(path, CommandLine.unsafeArgv + 4, environ)
        let code = errno
        end(
            String(cString: path) + ": cannot be executed: " + Notice.errorText(code),
            code == ENOENT ? LaunchFailure.notFound : LaunchFailure.cannotExecute
        )
    }

    private static func end(_ text: String, _ code: Int32) -> Never {
        Notice.say(.notStarted, text)
        _exit(code)
    }

    /// Lets a process become the agent's user, and asks it what it could do.
    ///
    /// - Returns: Why an agent cannot be confined here, as a sentence's end; nil if it can.
    static func firstGap(_ identity: AgentIdentity) -> String? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return "pipe: " + Notice.errorText(errno) }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        defer { posix_spawn_file_actions_destroy(&actions) }
        let words = ["agent-launcher", mark, identity.argument, trial]
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for text in arguments { free(text) } }
        let nothing: [UnsafeMutablePointer<CChar>?] = [nil]
        var pid = pid_t()
        let result = posix_spawn(&pid, program, &actions, nil, arguments, nothing)
        close(ends[1])
        guard result == 0 else { return "posix_spawn: " + Notice.errorText(result) }
        var answer = [UInt8](repeating: 0, count: 512)
        let count = read(ends[0], &answer, answer.count)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        guard status == 0, count >= 0 else { return "it does not become the agent's user" }
        return count == 0 ? nil : String(decoding: answer.prefix(count), as: UTF8.self)
    }
}
