import AgentLink
import Glibc

/// What the environment says, read once. All faults are reported together.
struct Settings {
    var socketPath: String
    var startLimit: Milliseconds
    var releaseLimit: Milliseconds
    var aloneLimit: Milliseconds
    /// Whether the agent must not see the task role's credentials.
    var hidesTaskRole: Bool

    static let hideTaskRoleVariable = "AGENT_HIDE_TASK_ROLE"
    static let startLimitVariable = "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS"
    static let releaseLimitVariable = "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS"

    /// How long a run may wait for a sidecar that does not come: the run comes first.
    static let defaultStartLimit: Milliseconds = 30_000

    /// How long the container is held open for a release: less than the 30 s that ECS gives a
    /// stopped container unless the task definition says otherwise (stopTimeout).
    static let defaultReleaseLimit: Milliseconds = 20_000

    static let aloneLimitVariable = "AGENT_LAUNCHER_ALONE_LIMIT_MILLISECONDS"

    /// How long an agent may wait for jobs without a sidecar: ECS starts none again that ended
    /// within its first minute, and one that comes again at all is there within seconds.
    static let defaultAloneLimit: Milliseconds = 600_000

    /// An hour: beyond it a number is a mistake of unit.
    static let largestLimit: Milliseconds = 3_600_000

    static func read() throws(Refusal) -> Settings {
        var faults: [String] = []
        let settings = Settings(
            socketPath: socketPath(&faults),
            startLimit: limit(startLimitVariable, defaultStartLimit, &faults),
            releaseLimit: limit(releaseLimitVariable, defaultReleaseLimit, &faults),
            aloneLimit: limit(aloneLimitVariable, defaultAloneLimit, &faults),
            hidesTaskRole: isTrue(hideTaskRoleVariable, &faults)
        )
        guard faults.isEmpty else {
            throw Refusal(
                text: "not started, faulty settings:" + faults.map { "\n  " + $0 }.joined(),
                exitCode: Refusal.launcherFailed
            )
        }
        return settings
    }

    private static func socketPath(_ faults: inout [String]) -> String {
        let directory = value(Link.directoryVariable) ?? Link.defaultDirectory
        let path = Link.socketPath(in: directory)
        if !directory.utf8.starts(with: "/".utf8)
            || path.utf8.count > Link.socketPathLimitBytes
        {
            let room = Link.socketPathLimitBytes - Link.socketPath(in: "").utf8.count
            faults.append(
                Link.directoryVariable + "=\"" + directory
                    + "\": an absolute path of at most \(room) bytes is expected"
            )
        }
        return path
    }

    private static func limit(
        _ name: String,
        _ fallback: Milliseconds,
        _ faults: inout [String]
    ) -> Milliseconds {
        guard let text = value(name) else { return fallback }
        guard let number = Int(text), (0...largestLimit).contains(number) else {
            faults.append(
                name + "=\"" + text
                    + "\": a whole number of milliseconds from 0 to \(largestLimit) is expected"
            )
            return fallback
        }
        return number
    }

    private static func isTrue(_ name: String, _ faults: inout [String]) -> Bool {
        switch value(name) {
        case "true": return true
        case "false", nil: return false
        case let text?:
            faults.append(name + "=\"" + text + "\": true or false is expected")
            return false
        }
    }

    /// What the environment says of a name, where an empty value says nothing: a task definition
    /// cannot leave a name out whose value is not known when it is written.
    static func value(_ name: String) -> String? {
        guard let text = getenv(name), text.pointee != 0 else { return nil }
        return String(cString: text)
    }
}

/// `--help`, alone: beside other arguments it is the command's.
enum Help {
    static var isAskedFor: Bool {
        // Not by `CommandLine.arguments`, which would be copies that nobody overwrites.
        guard CommandLine.argc == 2, let argument = CommandLine.unsafeArgv[1] else { return false }
        return strcmp(argument, "--help") == 0
    }

    static func show() -> Never {
        Notice.write(text, to: STDOUT_FILENO)
        _exit(0)
    }

    private static let text = """
        usage: agent-launcher [COMMAND ARGUMENTS...]

        Starts the HCP Terraform agent beside an agent-sidecar, as the entry point (PID 1) of the
        agent's container. The agent's output is passed through unchanged, and the exit code is the
        agent's, or 128 + N when signal N killed it.

        Without COMMAND the agent is found: tfc-agent on PATH, then /home/tfc-agent/bin/tfc-agent,
        then /bin/tfc-agent. Arguments that begin with "-" are arguments for the agent found so:

            agent-launcher                            the agent
            agent-launcher -single                    the agent, for one job
            agent-launcher /opt/bin/start-agent -x    this command in its place

        COMMAND may be a script that starts the agent: the agent is the process below it whose
        program's name begins with tfc-agent, and COMMAND itself where there is none.

        Start   The agent starts when the sidecar has named it (TFC_AGENT_NAME), or without a
                sidecar after 30 s.
        Stop    The agent gets at most one SIGTERM, whoever asks and however often: SIGTERM, SIGINT,
                SIGQUIT or SIGHUP to the launcher, or a drain by the sidecar, which is refused while
                the agent has child processes that work for a job. The agent then finishes its job;
                a second signal would make it drop the job, so none is ever sent.
        End     After the agent's end the container stays open until the sidecar has booked the
                departure, 20 s at most. A task that is to be stopped by a deployment of ECS stays
                open until that stop, unless the sidecar is silent for as long.
        Alone   An agent that waits for a job, and for 10 min had no sidecar that is awake and
                could renew the task's protection or retire it, gets its stop signal; ECS starts a
                fresh task.
        Secrets No other process can look into the launcher, and it overwrites the environment and
                the arguments that it was started with once the agent has them.

        Environment (passed on to the agent, but for what AGENT_HIDE_TASK_ROLE hides):
          AGENT_LINK_DIR       directory of the sidecar's socket, default /run/agent-link
                               (an empty value counts as unset, here and below)
          TFC_AGENT_NAME       set from the sidecar's name unless it is set
          TFC_AGENT_LOG_JSON   set to 1 unless it is set
          TFC_AGENT_LOG_LEVEL  info where it would hide what the agent says of its state (warn,
                               error), and so for the argument -log-level
          AGENT_HIDE_TASK_ROLE true: agent and launcher run without the names by which AWS's SDKs
                               find the task role's credentials, and without those of the task's
                               protection and metadata; default false
          AGENT_LAUNCHER_START_LIMIT_MILLISECONDS    wait for a name, default 30000
          AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS  wait for the release, default 20000
          AGENT_LAUNCHER_ALONE_LIMIT_MILLISECONDS    idle, no sidecar answers, default 600000

        Exit codes of its own: 125 a faulty setting or a failed launcher, 126 the command cannot be
        executed, 127 it was not found.

        """
}
