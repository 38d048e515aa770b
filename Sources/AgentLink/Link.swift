/// What both ends of the link agree on before a single message is exchanged.
package enum Link {
    /// The protocol's version, said in each connection's first line.
    package static let version = 1

    /// The longest message in bytes, its newline included. Bounds what either end ever buffers for
    /// a peer that does not end its lines.
    package static let messageLimitBytes = 64 * 1024

    /// The environment variable that names the shared volume's directory, on both ends.
    package static let directoryVariable = "AGENT_LINK_DIR"

    /// Where the shared volume is mounted unless the environment says otherwise.
    package static let defaultDirectory = "/run/agent-link"

    /// The longest path that a Unix socket can have: `sun_path` holds 108 bytes, its final NUL
    /// included (unix(7)).
    package static let socketPathLimitBytes = 107

    /// The path of the sidecar's listening socket on a shared volume.
    package static func socketPath(in directory: String) -> String {
        directory + "/link.sock"
    }
}

/// The names of the agent's own settings that the launcher sets or reads (HCP Terraform agents
/// documentation, "Environment variables").
package enum AgentVariable {
    /// What the agent is called in its pool.
    package static let name = "TFC_AGENT_NAME"

    /// How much it logs; the flag `-log-level` wins over it.
    package static let logLevel = "TFC_AGENT_LOG_LEVEL"

    /// Whether it logs JSON.
    package static let logsJSON = "TFC_AGENT_LOG_JSON"

    /// Whether it takes one job and ends; the flag `-single` wins over it.
    package static let single = "TFC_AGENT_SINGLE"
}
