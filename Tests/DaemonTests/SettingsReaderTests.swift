import Daemon
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
