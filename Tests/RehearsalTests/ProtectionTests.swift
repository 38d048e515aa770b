import Testing

@testable import Rehearsal

@Suite("Task protection endpoint")
struct ProtectionTests {
    private func service(desired: Int) -> Protection.Service {
        .init(
            desiredCount: desired,
            tasks: ["one", "two"],
            arn: { "arn:\($0)" },
            dateText: { "at \($0)" }
        )
    }

    private func put(_ body: String) -> WebRequest {
        WebRequest("PUT", "/", body: Array(body.utf8))
    }

    @Test("protection is granted for the minutes asked and reported")
    func grants() {
        var protection = Protection()
        let (answer, outcome) = protection.answer(
            put(#"{"ProtectionEnabled":true,"ExpiresInMinutes":5}"#),
            for: "one",
            in: service(desired: 1),
            at: 1000
        )
        #expect(outcome == .protected(until: 301_000))
        #expect(answer.status == 200)
        #expect(answer.json?["protection"]?["ProtectionEnabled"] == true)
        #expect(answer.json?["protection"]?["ExpirationDate"] == "at 301000")
        #expect(protection.isProtected("one", at: 300_999))
        #expect(protection.expire(at: 301_000) == ["one"])
    }

    @Test("more protected tasks than desiredCount is a 200 with DEPLOYMENT_BLOCKED")
    func blocks() {
        var protection = Protection()
        let body = put(#"{"ProtectionEnabled":true}"#)
        _ = protection.answer(body, for: "one", in: service(desired: 1), at: 0)
        let (answer, outcome) = protection.answer(
            body,
            for: "two",
            in: service(desired: 1),
            at: 0
        )
        #expect(outcome == .refused("DEPLOYMENT_BLOCKED"))
        #expect(answer.status == 200)
        #expect(answer.json?["failure"]?["Reason"] == "DEPLOYMENT_BLOCKED")
        let (renewal, _) = protection.answer(body, for: "one", in: service(desired: 1), at: 9)
        #expect(renewal.json?["protection"]?["ProtectionEnabled"] == true)
    }

    @Test("a task that belongs to no service is TASK_NOT_VALID")
    func notValid() {
        var protection = Protection()
        let (answer, _) = protection.answer(
            put(#"{"ProtectionEnabled":true}"#),
            for: "three",
            in: service(desired: 5),
            at: 0
        )
        #expect(answer.json?["failure"]?["Reason"] == "TASK_NOT_VALID")
    }

    @Test(
        "malformed requests are a 400 with error",
        arguments: [
            "", "[]", #"{"ExpiresInMinutes":5}"#, #"{"ProtectionEnabled":true,"Extra":1}"#,
            #"{"ProtectionEnabled":true,"ExpiresInMinutes":0}"#,
            #"{"ProtectionEnabled":true,"ExpiresInMinutes":"5"}"#,
        ]
    )
    func malformed(body: String) {
        var protection = Protection()
        let (answer, outcome) = protection.answer(
            put(body),
            for: "one",
            in: service(desired: 1),
            at: 0
        )
        #expect(answer.status == 400)
        #expect(answer.json?["error"]?["Code"] == "InvalidParameterException")
        #expect(outcome == .unchanged)
    }
}
