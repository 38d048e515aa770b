import AWS
import Daemon
import Telemetry
import Testing

@Suite("Settings reader")
struct SettingsReaderTests {
    @Test("a secret is never part of a fault")
    func secrets() throws {
        var reader = SettingsReader(["KEY": "top secret"])
        _ = reader.requiredSecret("KEY", expected: "a key")
        let fault = #expect(throws: SettingsFault.self) { try reader.check() }
        let text = try #require(fault).description
        #expect(!text.contains("top secret"))
        #expect(text.contains("KEY is \"(secret)\""))
    }

    @Test(
        "an address is https, or http on loopback, without path",
        arguments: [
            ("https://tfe.example.com", true), ("https://tfe.example.com/", true),
            ("http://127.0.0.1:8080", true), ("http://tfe.example.com", false),
            ("http://127.0.0.1.example.com", false), ("https://", false),
            ("https://a/b", false), ("https://user@a", false), ("app.terraform.io", false),
        ]
    )
    func addresses(_ text: String, _ accepted: Bool) {
        var reader = SettingsReader(["ADDRESS": text])
        _ = reader.address("ADDRESS", default: "https://app.terraform.io")
        #expect(((try? reader.check()) != nil) == accepted)
    }

    @Test(
        "a value that may hold a secret is not shown when it is refused",
        arguments: [
            "https://user:hunter2hunter2@tfe.example.com", "https://hunter2hunter2@tfe.example.com",
            "user:hunter2hunter2@tfe.example.com", "http:/user:hunter2hunter2@tfe",
            "https://tfe.example.com/?token=hunter2hunter2",
            "https://tfe.example.com/hunter2hunter2",
            "https://tfe.example.com#hunter2hunter2",
            String(repeating: "hunter2hunter2", count: 3),
        ]
    )
    func passwords(_ text: String) throws {
        var reader = SettingsReader([
            "TFC_ADDRESS": text, "MAX_COUNT": text, "LOG_LEVEL": text, "ECS_CLUSTER": text,
        ])
        _ = reader.address("TFC_ADDRESS", default: "https://app.terraform.io")
        _ = reader.limits()
        _ = reader.logLevel()
        _ = reader.ecsNames()
        let fault = try #require(throws: SettingsFault.self) { try reader.check() }
        #expect(fault.entries.count >= 3)
        #expect(!fault.description.contains("hunter2"))
        #expect(fault.description.contains("not shown"))
    }

    @Test("a word or an address that was mistyped is shown")
    func shown() throws {
        var reader = SettingsReader(["TFC_ADDRESS": "http://tfe.example.com", "MAX_COUNT": "ten"])
        _ = reader.address("TFC_ADDRESS", default: "https://app.terraform.io")
        _ = reader.limits()
        let fault = try #require(throws: SettingsFault.self) { try reader.check() }
        #expect(fault.description.contains("TFC_ADDRESS is \"http://tfe.example.com\""))
        #expect(fault.description.contains("MAX_COUNT is \"ten\""))
    }

    @Test(
        "LOG_LEVEL is read in either case, warn is warning, and empty is unset",
        arguments: [
            ("trace", .debug), ("DEBUG", .debug), ("Info", .info), ("notice", .warning),
            ("warning", .warning), ("warn", .warning), ("WARN", .warning), ("error", .error),
            ("CRITICAL", .error), ("", .info),
        ] as [(String, LogLevel)]
    )
    func levels(_ text: String, _ level: LogLevel) throws {
        var reader = SettingsReader(["LOG_LEVEL": text])
        #expect(reader.logLevel() == level)
        try reader.check()
    }

    @Test("a level that is none is a fault, not silence")
    func noLevel() throws {
        var reader = SettingsReader(["LOG_LEVEL": "verbose"])
        _ = reader.logLevel()
        let fault = try #require(throws: SettingsFault.self) { try reader.check() }
        #expect(fault.description.contains("LOG_LEVEL is \"verbose\""))
    }

    @Test("cluster and service are read as names or as ARNs, which must not contradict each other")
    func names() throws {
        let arn = "arn:aws:ecs:eu-central-1:111122223333:"
        var reader = SettingsReader([
            "ECS_CLUSTER": arn + "cluster/agents", "ECS_SERVICE": arn + "service/agents/pool",
        ])
        #expect(reader.requiredECSPlace() == ECSPlace(cluster: "agents", service: "pool"))
        try reader.check()
        reader = SettingsReader([
            "ECS_CLUSTER": "others", "ECS_SERVICE": arn + "service/agents/pool",
        ])
        _ = reader.ecsNames()
        let fault = try #require(throws: SettingsFault.self) { try reader.check() }
        #expect(fault.description.contains("ECS_SERVICE is in cluster agents"))
        reader = SettingsReader(["ECS_CLUSTER": "", "ECS_SERVICE": ""])
        #expect(reader.ecsNames() == (nil, nil))
        _ = reader.requiredECSPlace()
        #expect(throws: SettingsFault.self) { try reader.check() }
    }
}

@Suite("JSON log lines")
struct JSONLogTests {
    @Test(
        "every text becomes one valid JSON string on one line",
        arguments: [
            ("plain", #""plain""#), ("a\"b\\c", #""a\"b\\c""#), ("a\nb\tc\r", #""a\nb\tc\r""#),
            ("\u{1}\u{7f}", #""\u0001\u007f""#), ("größe", #""größe""#),
        ]
    )
    func escaping(_ text: String, _ json: String) {
        var line = ""
        line.appendJSONString(text)
        #expect(line == json)
    }
}
