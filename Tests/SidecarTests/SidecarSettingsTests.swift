import AWS
import AgentLink
import Daemon
import Decisions
import Glibc
import Telemetry
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
    @Test("with what ECS sets and a table, the defaults are those that the help names")
    func defaults() throws {
        let settings = try SidecarSettings(complete)
        #expect(settings.idleTimeout == .seconds(120))
        #expect(settings.firstJobTimeout == .seconds(300))
        #expect(settings.maxLifetime == nil)
        #expect(settings.protectionMinutes == 2_880)
        #expect(settings.announcedJobTimeout == .seconds(3_600))
        #expect(SharedVolume(complete).directory == "/run/agent-link")
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
    }

    @Test("a floor above the ceiling is refused")
    func floorAboveCeiling() throws {
        let fault = try #require(throws: SettingsFault.self) {
            try SidecarSettings(complete.merging(["DESIRED_COUNT": "6", "MAX_COUNT": "5"]) { $1 })
        }
        #expect(fault.entries.map(\.name) == ["DESIRED_COUNT"])
    }

    @Test("an empty setting counts as unset, each of them")
    func empty() throws {
        let names = [
            "ECS_CLUSTER", "ECS_SERVICE", "DESIRED_COUNT", "MAX_COUNT", "SPARE_COUNT",
            "IDLE_TIMEOUT_SECONDS", "FIRST_JOB_TIMEOUT_SECONDS", "MAX_LIFETIME_SECONDS",
            "PROTECTION_MINUTES", "ANNOUNCED_JOB_TIMEOUT_SECONDS", "AGENT_LINK_DIR", "TFC_ADDRESS",
            "TFE_TOKEN", "TFE_TOKEN_PARAMETER", "SSL_CERT_FILE", "LOG_LEVEL", "CA_BUNDLE",
            "HAND_OVER_LIMIT_SECONDS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
        ]
        let blank = Dictionary(uniqueKeysWithValues: names.map { ($0, "") })
        let settings = try SidecarSettings(complete.merging(blank) { $1 })
        #expect(settings.cluster == nil)
        #expect(settings.service == nil)
        #expect(settings.terraformToken == nil)
        #expect(settings.authorities == TrustedAuthorities(path: nil, more: nil))
        #expect(settings.timing.handOverPatience == Timing.shipped.handOverPatience)
        #expect(settings.logLevel == .info)
        #expect(settings.terraformAddress == "https://app.terraform.io")
        #expect(SharedVolume(blank).directory == "/run/agent-link")
    }

    @Test("the time that a deployment has for a task that is handed over can be set, within bounds")
    func handOver() throws {
        let set = try SidecarSettings(complete.merging(["HAND_OVER_LIMIT_SECONDS": "900"]) { $1 })
        #expect(set.timing.handOverPatience == .seconds(900))
        for wrong in ["119", "7201", "soon"] {
            let fault = #expect(throws: SettingsFault.self) {
                try SidecarSettings(complete.merging(["HAND_OVER_LIMIT_SECONDS": wrong]) { $1 })
            }
            #expect(fault?.entries.map(\.name) == ["HAND_OVER_LIMIT_SECONDS"])
        }
    }

    @Test("an agent's lifetime is without limit, or long enough for a boot and a first job")
    func lifetime() throws {
        func lifetime(_ text: String) throws -> Duration? {
            try SidecarSettings(complete.merging(["MAX_LIFETIME_SECONDS": text]) { $1 }).maxLifetime
        }
        #expect(try lifetime("0") == nil)
        #expect(try lifetime("600") == .seconds(600))
        for text in ["1", "599", "-1"] {
            let fault = try #require(throws: SettingsFault.self) { try lifetime(text) }
            #expect(fault.description.contains("MAX_LIFETIME_SECONDS is \"\(text)\""))
            #expect(fault.description.contains("long enough to receive a job"))
        }
    }

    @Test("the mode is one of three words, and jobs are counted where a container is renewed")
    func mode() throws {
        func settings(_ mode: String, _ maxJobs: String) throws -> SidecarSettings {
            try SidecarSettings(
                complete.merging(["AGENT_MODE": mode, "MAX_JOBS": maxJobs]) { $1 }
            )
        }
        #expect(try settings("", "").mode == .single)
        #expect(try settings("shared", "0").mode == .shared)
        #expect(try settings("renewed", "").maxJobs == nil)
        #expect(try settings("renewed", "20").maxJobs == 20)
        for (mode, maxJobs, name) in [
            ("fresh", "0", "AGENT_MODE"), ("renewed", "-1", "MAX_JOBS"),
            ("renewed", "many", "MAX_JOBS"), ("", "2", "MAX_JOBS"), ("shared", "2", "MAX_JOBS"),
        ] {
            let fault = try #require(throws: SettingsFault.self) { try settings(mode, maxJobs) }
            #expect(fault.entries.map(\.name) == [name])
        }
    }

    @Test("the volume keeps which of the task's agents was named last")
    func agentNumber() throws {
        var template = Array("/tmp/volume-XXXXXX".utf8CString)
        let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            unlink(directory + "/agents")
            rmdir(directory)
        }
        #expect(SharedVolume(directory: directory).agentNumber == 1)
        try SharedVolume(directory: directory).note(agentNumber: 12)
        try SharedVolume(directory: directory).note(agentNumber: 3)
        #expect(SharedVolume(directory: directory).agentNumber == 3)
    }

    @Test("an announced job counts for as long as the agent that it started needs to have it")
    func announced() {
        let short = ["ANNOUNCED_JOB_TIMEOUT_SECONDS": "119"]
        #expect(throws: SettingsFault.self) { try SidecarSettings(complete.merging(short) { $1 }) }
    }

    @Test("the API token is given, or is in the parameter that is named")
    func token() throws {
        let named = ["TFE_TOKEN": "", "TFE_TOKEN_PARAMETER": "/agents/token"]
        let settings = try SidecarSettings(complete.merging(named) { $1 })
        #expect(settings.terraformToken == .parameter("/agents/token"))
    }

    // MARK: The task itself

    private static let arn = "arn:aws:ecs:eu-central-1:111122223333:"

    private func place(
        _ settings: [String: String],
        cluster: String = "agents",
        clusterARN: String? = Self.arn + "cluster/agents",
        service: String? = "pool"
    ) throws -> ECSPlace {
        try ECSPlace(
            try SidecarSettings(complete.merging(settings) { $1 }),
            TaskMetadata(
                cluster: cluster,
                clusterARN: clusterARN,
                taskARN: Self.arn + "task/agents/1",
                serviceName: service,
                family: "agents",
                revision: "1"
            )
        )
    }

    @Test(
        "names and ARNs of the task's own cluster and service are the same place",
        arguments: [
            [:], ["ECS_CLUSTER": "agents", "ECS_SERVICE": "pool"],
            ["ECS_CLUSTER": arn + "cluster/agents", "ECS_SERVICE": arn + "service/agents/pool"],
            ["ECS_SERVICE": arn + "service/pool"],
        ]
    )
    func samePlace(_ settings: [String: String]) throws {
        let pool = ECSPlace(cluster: "agents", service: "pool")
        #expect(try place(settings) == pool)
        #expect(try place(settings, clusterARN: nil) == pool)
        if settings["ECS_SERVICE"] != nil { #expect(try place(settings, service: nil) == pool) }
    }

    @Test(
        "a cluster or a service that is not the task's own is refused",
        arguments: [
            ["ECS_CLUSTER": "others"], ["ECS_SERVICE": "other"],
            ["ECS_CLUSTER": "arn:aws:ecs:eu-central-1:999922223333:cluster/agents"],
            ["ECS_CLUSTER": "arn:aws:ecs:eu-west-1:111122223333:cluster/agents"],
            ["ECS_SERVICE": arn + "service/others/pool"],
        ]
    )
    func otherPlace(_ settings: [String: String]) throws {
        let fault = try #require(throws: SettingsFault.self) { try place(settings) }
        #expect(fault.description.contains("but this task is of"))
    }

    @Test("a task that does not know its service has to be told")
    func untold() {
        #expect(throws: SettingsFault.self) { try place([:], service: nil) }
    }
}
