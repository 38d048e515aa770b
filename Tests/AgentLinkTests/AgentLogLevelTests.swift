import AgentLink
import Testing

@Suite("The agent's log level")
struct AgentLogLevelTests {
    @Test("levels from info down show the agent's state, and no other word does")
    func levels() {
        for level in ["", "trace", "debug", "info", "INFO", " Debug "] {
            #expect(!AgentLogLevel.hidesState(level))
        }
        for level in ["warn", "WARN", "error", "off", "warning", "information", "3"] {
            #expect(AgentLogLevel.hidesState(level))
        }
    }

    @Test("a level that is none is not repeated: it may be anything")
    func described() {
        #expect(AgentLogLevel.described("Warn") == "warn")
        #expect(AgentLogLevel.described("se\ncret") == "an unknown level")
    }

    static let table: [([String], [Int: String]?, String?)] = [
        (["tfc-agent"], nil, nil),
        (["tfc-agent", "-log-level", "info"], nil, nil),
        (["tfc-agent", "-log-level=warn"], [1: "-log-level=info"], "warn"),
        (["a", "--log-level", "error", "-single"], [2: "info"], "error"),
        (
            ["a", "-log-level", "off", "--log-level=warn"], [2: "info", 3: "--log-level=info"],
            "warn"
        ),
        (["a", "-log-level"], nil, nil),
        (["a", "-log-level-of-mine=warn", "log-level=warn", "---log-level=warn"], nil, nil),
    ]

    @Test("arguments that hide the agent's state are replaced, all others kept", arguments: table)
    func arguments(_ given: [String], _ replacements: [Int: String]?, _ level: String?) {
        let found = AgentLogLevel.uncovered(given)
        #expect(found?.replacements == replacements)
        #expect(found?.level == level)
    }
}
