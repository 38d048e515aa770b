@preconcurrency import Glibc
import Renewal

/// The first process of a test's container: does one step after another, as its arguments say, and
/// prints what came of it.
///
///     renewal-trial USER STEP...
///
/// - `root:COMMAND` and `job:COMMAND` run a line of shell and wait for it alone: as root, or as what
///   the launcher makes of the agent.
/// - `prepare` and `renew` do what the launcher does before its first agent and after each.
/// - `entries:N` and `milliseconds:N`, before `prepare`, are the bounds; `keep:PATHS` is what stays.
@main
enum RenewalTrial {
    private static let asAgent = "--as-agent"

    static func main() {
        setvbuf(stdout, nil, _IONBF, 0)
        var arguments = CommandLine.arguments.dropFirst()
        guard let first = arguments.popFirst() else { fail("no user") }
        if first == asAgent { becomeAgent(Array(arguments)) }
        guard let agent = AgentIdentity.find(first) else { fail("no user \(first)") }
        var bounds = Renewer.Bounds()
        var kept = KeptDirectories()
        var renewer: Renewer?
        for step in arguments {
            let words = step.split(separator: ":", maxSplits: 1).map(String.init)
            switch (words[0], words.count > 1 ? words[1] : "") {
            case ("root", let command): run(["/bin/sh", "-c", command])
            case ("job", let command):
                run(["/proc/self/exe", asAgent, agent.argument, command])
            case ("keep", let paths): kept = KeptDirectories(parsing: paths) ?? kept
            case ("entries", let number): bounds.entries = Int(number) ?? 0
            case ("milliseconds", let number): bounds.milliseconds = Int(number) ?? 0
            case ("prepare", _):
                do throws(RenewalObstacle) {
                    renewer = try Renewer(agent: agent, kept: kept, bounds: bounds)
                    print("prepared")
                } catch {
                    print("impossible:", error)
                }
            case ("renew", _):
                switch renewer?.renew() {
                case .renewed(let milliseconds)?: print("renewed in", milliseconds, "ms")
                case .spoiled(let reason, let text)?: print("spoiled \(reason): \(text)")
                case nil: print("nothing was prepared")
                }
            default: fail("no step \(step)")
            }
        }
    }

    private static func fail(_ text: String) -> Never {
        print("renewal-trial:", text)
        exit(2)
    }

    private static func becomeAgent(_ arguments: [String]) -> Never {
        guard arguments.count == 2, let agent = AgentIdentity(argument: arguments[0]) else {
            fail("no identity")
        }
        do throws(Confinement.Fault) {
            try Confinement.enter(agent)
        } catch {
            fail(error.text)
        }
        // For the trial of the trial: what a job could do all the same.
        if arguments[1] == "gap" {
            print("gap:", Confinement.firstGap(agent) ?? "none")
            exit(0)
        }
        let words: [UnsafeMutablePointer<CChar>?] =
            [strdup("/bin/sh"), strdup("-c"), strdup(arguments[1]), nil]
        execv("/bin/sh", words)
        fail("execv")
    }

    private static func run(_ words: [String]) {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var pid = pid_t()
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        guard posix_spawn(&pid, words[0], nil, &attributes, arguments, environ) == 0 else {
            fail("cannot start \(words[0])")
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        if status != 0 { print("status", status) }
    }
}
