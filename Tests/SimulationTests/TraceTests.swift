import Model
import Simulation
import Testing

@Suite("Simulation, trace")
struct TraceTests {
    private static let header = "time,plan_seconds,approval_seconds,apply_seconds,outcome\n"

    @Test("runs come at their distance from the first one")
    func times() throws {
        let trace = try Trace(
            csv: Self.header + """
                2026-02-28T23:59:50Z,60.5,300,120,applied
                2026-03-01T01:00:10.250+01:00,30,,,planned
                2026-03-01T00:00:30Z,10,,,errored

                """
        )
        #expect(trace.runs.map(\.at) == [60_000, 80_250, 100_000])
        #expect(trace.runs[0].plan == 60_500)
        #expect(trace.runs[0].apply == 120_000)
        #expect(trace.runs.map(\.outcome) == [.applied, .planned, .errored])
    }

    @Test("a sixth column tells workspaces apart by any names")
    func workspaces() throws {
        let trace = try Trace(
            csv: "time,plan_seconds,approval_seconds,apply_seconds,outcome,workspace\n"
                + "0,5,0,5,applied,net\n1,5,0,5,applied,\n2,5,0,5,applied,net\n"
        )
        #expect(trace.runs.map(\.workspace) == [0, 1, 0])
        #expect(trace.runs.map(\.outcome) == [.applied, .applied, .applied])
    }

    @Test("seconds, Windows line ends, quotes and a byte order mark are understood")
    func spreadsheets() throws {
        let text = "\u{feff}" + Self.header + "0,5,0,5,applied\n\"12.5\",\"5\",,,\"canceled\"\n"
        let windows = text.split(separator: "\n", omittingEmptySubsequences: false)
            .joined(separator: "\r\n")
        for csv in [text, windows] {
            let trace = try Trace(csv: csv)
            #expect(trace.runs.map(\.at) == [60_000, 72_500])
            #expect(trace.runs[1].outcome == .canceled)
        }
    }

    @Test(
        "a trace that cannot be used is refused with its line and the reason",
        arguments: [
            ("", 1, "the file is empty; expected \(Trace.header)"),
            ("time,plan\n1,2\n", 1, "the columns are \"time,plan\"; expected \"\(Trace.header)\""),
            (header, 1, "there are no runs below the columns"),
            (header + "0,5,0,5,applied\n\n1,5,0,5,applied\n", 3, "the row is empty"),
            (header + "0,5,0,5,applied\n,,,,\n", 3, "the row is empty"),
            (header + "0,5,0,5\n", 2, "4 columns where 5 are expected"),
            (header + "0,5,0,5,applied,x\n", 2, "6 columns where 5 are expected"),
            (
                header + "100,5,0,5,applied\n99,5,0,5,applied\n", 3,
                "its time is before that of line 2; sort the file by time"
            ),
            (
                header + "yesterday,5,0,5,applied\n", 2,
                "time is \"yesterday\"; expected ISO 8601, for example 2026-11-23T08:01:12Z, "
                    + "or seconds"
            ),
            (
                header + "2026-02-29T00:00:00Z,5,0,5,applied\n", 2,
                "time is \"2026-02-29T00:00:00Z\"; expected ISO 8601, for example "
                    + "2026-11-23T08:01:12Z, or seconds"
            ),
            (
                header + "0,-5,0,5,applied\n", 2,
                "plan_seconds is \"-5\"; expected seconds from 0 to 604800"
            ),
            (
                header + "0,5,,5,applied\n", 2,
                "approval_seconds is empty; expected seconds from 0 to 604800"
            ),
            (
                header + "0,5,1,99999999,applied\n", 2,
                "apply_seconds is \"99999999\"; expected seconds from 0 to 604800"
            ),
            (
                header + "0,nan,1,1,applied\n", 2,
                "plan_seconds is \"nan\"; expected seconds from 0 to 604800"
            ),
            (
                header + "0,5,0,5,done\n", 2,
                "outcome is \"done\"; expected one of applied, planned, errored, apply_errored, "
                    + "discarded, canceled"
            ),
        ]
    )
    func refused(_ csv: String, _ line: Int, _ reason: String) {
        let fault = #expect(throws: TraceFault.self) { try Trace(csv: csv) }
        #expect(fault?.line == line)
        #expect(fault?.reason == reason)
    }

    @Test("no text, however broken, ends in anything but runs or a refusal")
    func fuzz() {
        var state: UInt64 = 7
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let good = Array((Self.header + "2026-02-28T23:59:50Z,60.5,300,120,applied\n").utf8)
        for _ in 0..<2_000 {
            var bytes = good
            for _ in 0...next(6) {
                switch next(3) {
                case 0: bytes[next(bytes.count)] = UInt8(next(256))
                case 1: bytes.remove(at: next(bytes.count))
                default: bytes.insert(UInt8(next(128)), at: next(bytes.count))
                }
            }
            do {
                let trace = try Trace(csv: String(decoding: bytes, as: UTF8.self))
                #expect(!trace.runs.isEmpty)
            } catch {
                #expect(error.line >= 1)
            }
        }
    }
}
