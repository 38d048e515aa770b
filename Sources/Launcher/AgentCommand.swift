import AgentLink
import Glibc
import Telemetry

/// The command that is the agent, found before anything is started.
struct AgentCommand {
    /// The program's file.
    let path: String
    /// The arguments as they came, byte for byte, the program's name first. They live as long as
    /// the process.
    let arguments: [UnsafeMutablePointer<CChar>?]

    /// The name by which the agent's own processes are told from those of its jobs.
    var baseName: String {
        String(decoding: path.utf8.reversed().prefix { $0 != 0x2F }.reversed(), as: UTF8.self)
    }

    /// The same command with a log level at which the agent says what its state is, and a word on
    /// stderr about what was changed. An agent that says nothing would count as busy for ever.
    func showingState() -> AgentCommand {
        if let level = getenv(AgentVariable.logLevel).map({ String(cString: $0) }),
            AgentLogLevel.hidesState(level)
        {
            AgentCommand.sayUncovered(AgentVariable.logLevel, level)
        }
        let texts = arguments.map { $0.map { String(cString: $0) } ?? "" }
        guard let (replacements, level) = AgentLogLevel.uncovered(texts) else { return self }
        AgentCommand.sayUncovered("-log-level", level)
        var shown = arguments
        for (place, text) in replacements { shown[place] = strdup(text) }
        return AgentCommand(path: path, arguments: shown)
    }

    private static func sayUncovered(_ name: String, _ level: String) {
        Notice.say(
            .logLevelOverruled,
            name + " is " + AgentLogLevel.described(level)
                + ", which hides what the agent says of its state: it runs at "
                + AgentLogLevel.needed
        )
    }

    private static let agentName = "tfc-agent"

    /// Where HashiCorp's images have the agent, if not on PATH.
    private static let agentPlaces = ["/home/tfc-agent/bin/tfc-agent", "/bin/tfc-agent"]

    /// What execvp(3) searches when PATH is not set, without the current directory.
    private static let defaultPath = "/usr/local/bin:/bin:/usr/bin"

    /// Finds the command that this process's arguments name.
    ///
    /// - Throws: Exit code 127 if it is nowhere, 126 if what was found cannot be executed.
    static func find() throws(LaunchFailure) -> AgentCommand {
        let given = (1..<max(1, Int(CommandLine.argc))).map { CommandLine.unsafeArgv[$0] }
        guard let first = given.first, let first, first.pointee != CChar(UInt8(ascii: "-")) else {
            let path = try locate(
                agentName,
                onPath(agentName) + agentPlaces,
                "on PATH, in /home/tfc-agent/bin or in /bin"
            )
            return AgentCommand(path: path, arguments: [strdup(agentName)] + given)
        }
        let name = String(cString: first)
        let isPath = name.utf8.contains(UInt8(ascii: "/"))
        let path = try locate(name, isPath ? [name] : onPath(name), isPath ? "" : "on PATH")
        return AgentCommand(path: path, arguments: given)
    }

    private static func onPath(_ name: String) -> [String] {
        let path = getenv("PATH").map { String(cString: $0) } ?? defaultPath
        return path.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            .map { directory in
                // An empty entry is the current directory (execvp(3)).
                (directory.isEmpty ? "." : String(decoding: directory, as: UTF8.self)) + "/" + name
            }
    }

    private static func locate(
        _ name: String,
        _ places: [String],
        _ searched: String
    ) throws(LaunchFailure) -> String {
        var inexecutable: String?
        for place in places {
            var status = stat()
            guard stat(place, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { continue }
            if access(place, X_OK) == 0 { return place }
            inexecutable = inexecutable ?? place
        }
        if let inexecutable {
            throw LaunchFailure(
                text: inexecutable + ": cannot be executed: permission denied",
                exitCode: LaunchFailure.cannotExecute
            )
        }
        throw LaunchFailure(
            text: name + ": not found" + (searched.isEmpty ? "" : " ") + searched,
            exitCode: LaunchFailure.notFound
        )
    }
}
