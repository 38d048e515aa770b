import AWS
import Decisions
import Testing

@Suite("Times of RFC 3339")
struct WallTimeTests {
    @Test(
        "a time is read to the millisecond, whatever its form",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2023-12-20T21:57:44Z", 1_703_109_464_000),
            ("2023-12-20T21:57:44.837Z", 1_703_109_464_837),
            ("2023-12-20T21:57:44.837999Z", 1_703_109_464_837),
            ("2023-12-20T21:57:44.5+01:00", 1_703_105_864_500),
            ("2023-12-20T21:57:44-00:30", 1_703_111_264_000),
            ("2000-02-29T12:00:00Z", 951_825_600_000), ("2024-12-31T23:59:60Z", 1_735_689_600_000),
            ("1969-12-31T23:59:59.250Z", -750),
        ]
    )
    func valid(text: String, milliseconds: Int) {
        #expect(WallTime(rfc3339: text)?.milliseconds == milliseconds)
    }

    @Test("each millisecond is the one that was written")
    func everyMillisecond() {
        for millisecond in 0..<1_000 {
            let digits = "00\(millisecond)".suffix(3)
            let time = WallTime(rfc3339: "2026-11-25T22:24:13.\(digits)Z")
            #expect(time?.milliseconds == 1_795_645_453_000 + millisecond)
        }
    }

    @Test(
        "anything else is not a time",
        arguments: [
            "", "now", "2023-12-20", "2023-12-20T21:57Z", "2023-12-20T21:57:44",
            "2023-13-01T00:00:00Z", "2023-12-20T21:57:44.Z", "2023-12-20T21:57:44Zx", "1703109464",
            "2023-12-20 21:57:44Z",
        ]
    )
    func invalid(text: String) {
        #expect(WallTime(rfc3339: text) == nil)
    }
}
