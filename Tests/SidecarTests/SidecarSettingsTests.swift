import Daemon
import Decisions
import Testing

@testable import Sidecar

private let complete = [
    "LEDGER_TABLE": "ledger",
    "ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x",
    "ECS_AGENT_URI": "http://169.254.170.2/api/x",
    "AWS_REGION": "eu-central-1",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x",
]

@Suite("Sidecar settings")
struct SidecarSettingsTests {
    @Test("with what ECS sets and a table, the defaults are those of the design")
    func defaults() throws {
        let settings = try SidecarSettings(complete)
        #expect(settings.idleTimeout == .seconds(120))
        #expect(settings.firstJobTimeout == .seconds(300))
        #expect(settings.maxLifetime == nil)
        #expect(settings.protectionMinutes == 120)
        #expect(settings.announcedJobTimeout == .seconds(3_600))
        #expect(settings.linkDirectory == "/run/agent-link")
    }

    @Test("every faulty setting is named at once, with its value and what is expected")
    func allFaults() throws {
        let fault = try #require(throws: SettingsFault.self) {
            try SidecarSettings([
                "IDLE_TIMEOUT_SECONDS": "0", "FIRST_JOB_TIMEOUT_SECONDS": "soon",
                "MAX_COUNT": "-1", "PROTECTION_MINUTES": "2881",
            ])
        }
        #expect(
            fault.entries.map(\.name).sorted() == [
                "ECS_AGENT_URI", "ECS_CONTAINER_METADATA_URI_V4", "FIRST_JOB_TIMEOUT_SECONDS",
                "IDLE_TIMEOUT_SECONDS", "LEDGER_TABLE", "MAX_COUNT", "PROTECTION_MINUTES",
            ]
        )
        #expect(fault.description.contains("IDLE_TIMEOUT_SECONDS is \"0\""))
        #expect(fault.description.contains("before it could receive a job"))
    }

    @Test("a floor above the ceiling is refused")
    func floorAboveCeiling() throws {
        let fault = try #require(throws: SettingsFault.self) {
            try SidecarSettings(complete.merging(["DESIRED_COUNT": "6", "MAX_COUNT": "5"]) { $1 })
        }
        #expect(fault.entries.map(\.name) == ["DESIRED_COUNT"])
    }

    @Test("an empty setting counts as unset")
    func empty() throws {
        let settings = try SidecarSettings(complete.merging(["ECS_SERVICE": ""]) { $1 })
        #expect(settings.service == nil)
    }
}
