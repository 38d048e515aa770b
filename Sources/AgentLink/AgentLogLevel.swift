/// The agent's log level, as far as it decides whether the lines are there that its state is read
/// from: the agent writes them at `info` (HCP Terraform agents documentation, "-log-level").
package enum AgentLogLevel {
    /// The level that the status lines need.
    package static let needed = "info"

    /// Whether an agent at this level says nothing of its state. A word that is none of the agent's
    /// levels is taken to hide it.
    package static func hidesState(_ level: String) -> Bool {
        !["", "trace", "debug", "info"].contains(plain(level))
    }

    /// The level in words that a log may show: a stranger's word is not repeated.
    package static func described(_ level: String) -> String {
        let word = plain(level)
        return ["warn", "error", "off"].contains(word) ? word : "an unknown level"
    }

    /// Arguments with every level that would hide the agent's state made `info`.
    ///
    /// - Parameter arguments: The agent's arguments, with flags as Go writes them: one dash or two,
    ///   the value after "=" or in the next argument.
    /// - Returns: What replaces which argument, by its place, and the last hiding level of all; nil
    ///   when there is none.
    package static func uncovered(
        _ arguments: [String]
    ) -> (replacements: [Int: String], level: String)? {
        var replacements: [Int: String] = [:]
        var level: String?
        for (place, argument) in arguments.enumerated() {
            for flag in ["-log-level", "--log-level"] {
                let following = place + 1
                if argument == flag, following < arguments.count {
                    guard hidesState(arguments[following]) else { continue }
                    replacements[following] = needed
                    level = arguments[following]
                } else if argument.hasPrefix(flag + "=") {
                    let value = String(argument.dropFirst(flag.count + 1))
                    guard hidesState(value) else { continue }
                    replacements[place] = flag + "=" + needed
                    level = value
                }
            }
        }
        return level.map { (replacements, $0) }
    }

    private static func plain(_ level: String) -> String {
        let blanks: Set<UInt8> = [0x20, 0x09]
        let bytes = level.utf8.filter { !blanks.contains($0) }
        return String(
            decoding: bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 },
            as: UTF8.self
        )
    }
}
