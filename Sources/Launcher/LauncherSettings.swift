import AgentLink
import Glibc
import Renewal

/// What the environment says, read once. All faults are reported together.
struct LauncherSettings {
    var socketPath: String
    var startLimit: MonotonicMilliseconds
    var releaseLimit: MonotonicMilliseconds
    var aloneLimit: MonotonicMilliseconds
    /// Whether the agent must not see the task role's credentials.
    var hidesTaskRole: Bool
    var mode: AgentMode
    /// Whether the agent has to end after a job; nil where nobody has chosen a mode, so that the agent's
    /// own setting holds.
    var takesOneJob: Bool?
    /// Whom the agent runs as where the container is renewed.
    var agentUser: String
    /// What a renewal leaves as it is.
    var kept: KeptDirectories

    static let agentUserVariable = "AGENT_USER"
    static let keepVariable = "AGENT_KEEP"
    static let hideTaskRoleVariable = "AGENT_HIDE_TASK_ROLE"
    static let startLimitVariable = "AGENT_LAUNCHER_START_LIMIT_MILLISECONDS"
    static let releaseLimitVariable = "AGENT_LAUNCHER_RELEASE_LIMIT_MILLISECONDS"
    static let aloneLimitVariable = "AGENT_LAUNCHER_ALONE_LIMIT_MILLISECONDS"

    /// What HashiCorp's images call their user.
    static let defaultAgentUser = "tfc-agent"

    /// How long a run may wait for a sidecar that says nothing: the run comes first. One that
    /// answers is waited for, since it is about to protect the task.
    static let defaultStartLimit: MonotonicMilliseconds = 30_000

    /// How long the container is held open for a release: less than the 30 s that ECS gives a
    /// stopped container unless the task definition says otherwise (stopTimeout).
    static let defaultReleaseLimit: MonotonicMilliseconds = 20_000

    /// How long an agent may wait for jobs without a sidecar: ECS starts none again that ended
    /// within its first minute, and one that comes again at all is there within seconds.
    static let defaultAloneLimit: MonotonicMilliseconds = 600_000

    /// An hour: beyond it a number is a mistake of unit.
    static let largestLimit: MonotonicMilliseconds = 3_600_000

    static func read() throws(LaunchFailure) -> LauncherSettings {
        var faults: [String] = []
        let settings = LauncherSettings(
            socketPath: socketPath(&faults),
            startLimit: limit(startLimitVariable, defaultStartLimit, &faults),
            releaseLimit: limit(releaseLimitVariable, defaultReleaseLimit, &faults),
            aloneLimit: limit(aloneLimitVariable, defaultAloneLimit, &faults),
            hidesTaskRole: isTrue(hideTaskRoleVariable, &faults),
            mode: mode(&faults),
            takesOneJob: value(AgentMode.variable).flatMap(AgentMode.init(variable:))?.isSingle,
            agentUser: value(agentUserVariable) ?? defaultAgentUser,
            kept: kept(&faults)
        )
        guard faults.isEmpty else {
            throw LaunchFailure(
                text: "not started, faulty settings:" + faults.map { "\n  " + $0 }.joined(),
                exitCode: LaunchFailure.launcherFailed
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
        _ fallback: MonotonicMilliseconds,
        _ faults: inout [String]
    ) -> MonotonicMilliseconds {
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

    private static func mode(_ faults: inout [String]) -> AgentMode {
        let text = value(AgentMode.variable)
        if let mode = AgentMode(variable: text) { return mode }
        faults.append(
            AgentMode.variable + "=\"" + (text ?? "") + "\": " + AgentMode.words + " is expected"
        )
        return .single
    }

    private static func kept(_ faults: inout [String]) -> KeptDirectories {
        guard let text = value(keepVariable) else { return KeptDirectories() }
        if let kept = KeptDirectories(parsing: text) { return kept }
        faults.append(
            keepVariable + "=\"" + text
                + "\": absolute paths with a colon between two are expected, none in another"
        )
        return KeptDirectories()
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
