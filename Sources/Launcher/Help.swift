import Glibc
import ProductVersion

/// `--help` or `--version`, alone: beside other arguments it is the command's.
enum Help {
    /// Shows what is asked for, and ends; returns when nothing is.
    static func showWhereAsked() {
        // Not by `CommandLine.arguments`, which would be copies that nobody overwrites.
        guard CommandLine.argc == 2, let argument = CommandLine.unsafeArgv[1] else { return }
        if strcmp(argument, "--help") == 0 { show(text) }
        if strcmp(argument, "--version") == 0 { show(ProductVersion.current + "\n") }
    }

    private static func show(_ text: String) -> Never {
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

        --help and --version, alone, start nothing.

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
          AGENT_MODE           single (default): one job, then the container ends
                               renewed: after each job that ends well, all that it left is ended and
                               removed, and the sidecar may name a next agent; the container starts as
                               root, and what stands against renewal is said on stderr
                               shared: one agent for many jobs, which find what others left
                               where it is set, TFC_AGENT_SINGLE is what follows from it
          AGENT_USER           whom the agent runs as where AGENT_MODE is renewed, default tfc-agent:
                               a user of the image's /etc/passwd, without any right of root's
          AGENT_KEEP           directories that renewal leaves as they are, a colon between two: what
                               one job puts there the next one finds; default none
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
