import Curl
import Operators
import Testing

@Suite("The doctor")
struct DoctorTests {
    @Test(
        "of a sound pool every check is sound, whoever asks",
        arguments: [Examination.Seat.person, .function, .task]
    )
    func sound(seat: Examination.Seat) async throws {
        let checkup = try await SoundCloud().checkup(seat)
        let bad = checkup.diagnoses.filter { $0.severity != .sound }
        #expect(bad.isEmpty, "\(bad)")
        #expect(checkup.exitCode == 0)
        #expect(checkup.diagnoses.count > 50)
    }

    @Test("each planted fault is found by its name, and nothing else is", arguments: PoolFaults.all)
    func finds(fault: SoundCloud.Fault) async throws {
        let cloud = try SoundCloud(fault)
        let checkup = try await cloud.checkup(fault.seat)
        let found = checkup.diagnoses.filter { $0.severity >= .doubtful }
        #expect(Set(found.map(\.name)) == fault.names, "\(found)")
        #expect(found.allSatisfy { $0.advice != nil })
        #expect(cloud.isPlanted)
        #expect(checkup.exitCode >= 2)
    }

    @Test("what may not be looked at is never sound, and never takes the rest with it")
    func denied() async throws {
        let checkup = try await SoundCloud(isDenied: true).checkup()
        let sound = checkup.diagnoses.filter { $0.severity == .sound }.map(\.name)
        let others = [
            "terraform.", "endpoint.", "operation.clock", "operation.libraries",
            "permissions.credentials",
        ]
        let unasked = sound.filter { name in !others.contains { name.hasPrefix($0) } }
        #expect(unasked.isEmpty)
        #expect(checkup.diagnoses.contains { $0.name == "service.described" })
        #expect(checkup.exitCode == 1)
    }

    @Test("of a role that lacks a right it is a fault, and of a person it says nothing")
    func missingRight() async throws {
        let fault = SoundCloud.Fault(
            ["permissions.protect_tasks"],
            in: "UpdateTaskProtection",
            #"{"protectedTasks":[],"failures":[{"reason":"MISSING"}]}"#,
            #"{"__type":"AccessDeniedException","message":"no"}"#,
            status: 400
        )
        for (seat, severity) in [
            (Examination.Seat.task, Diagnosis.Severity.faulty), (.person, .cannotTell),
        ] {
            let checkup = try await SoundCloud(fault).checkup(seat)
            let found = checkup.diagnoses.first { $0.name == "permissions.protect_tasks" }
            #expect(found?.severity == severity)
        }
    }

    @Test("without a token and a key it cannot tell, and says which one is missing")
    func withoutToken() async throws {
        let checkup = try await SoundCloud().checkup(
            without: ["TFE_TOKEN", "RUN_TASK_HMAC_KEY_PARAMETER"]
        )
        #expect(checkup.exitCode == 1)
        let token = checkup.diagnoses.first { $0.name == "terraform.token" }
        #expect(token?.found == "there is no TFE_TOKEN to ask with")
        let key = checkup.diagnoses.first { $0.name == "endpoint.signature" }
        #expect(key?.found.contains("RUN_TASK_HMAC_KEY") == true)
    }

    @Test("a checkup fits on a terminal of 80 columns, and is one line of JSON")
    func shown() async throws {
        let fault = PoolFaults.all[0]
        let checkup = try await SoundCloud(fault).checkup()
        let lines = checkup.page.text().split(separator: "\n")
        // Only the name of an image is longer, and stays whole.
        let long = lines.filter { $0.count > 80 }
        #expect(long.allSatisfy { $0.contains(".dkr.ecr.") }, "\(long)")
        #expect(lines.contains { $0.hasPrefix("X") && $0.contains("active") })
        #expect(checkup.json.contains(#""name":"service.active","severity":"faulty""#))
        #expect(!checkup.json.contains("\n"))
    }
}
