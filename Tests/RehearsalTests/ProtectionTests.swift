import Testing

@testable import Rehearsal

@Suite("Task protection endpoint")
struct ProtectionTests {
    private let endpoint = ProtectionEndpoint(arn: "arn:one")

    private func put(_ body: String) -> WebRequest {
        WebRequest("PUT", "/", body: Array(body.utf8))
    }

    @Test(
        "what a task asks for is understood",
        arguments: [
            (#"{"ProtectionEnabled":true,"ExpiresInMinutes":5}"#, 5),
            (#"{"ProtectionEnabled":true}"#, 120),
            (#"{"ProtectionEnabled":true,"ExpiresInMinutes":null}"#, 120),
        ]
    )
    func protects(body: String, minutes: Int) {
        guard case .protect(minutes) = endpoint.parse(put(body)) else {
            return #expect(Bool(false), "\(body)")
        }
    }

    @Test("protection given back, and a question, are understood")
    func others() {
        if case .unprotect = endpoint.parse(put(#"{"ProtectionEnabled":false}"#)) {
        } else {
            Issue.record("unprotect")
        }
        if case .read = endpoint.parse(WebRequest("GET", "/", body: [])) {
        } else {
            Issue.record("read")
        }
    }

    @Test("answers have the agent's shapes: state, refusal by ECS")
    func answers() {
        let state = endpoint.state(until: "at 301000")
        #expect(state.status == 200)
        #expect(state.json?["protection"]?["ProtectionEnabled"] == true)
        #expect(state.json?["protection"]?["ExpirationDate"] == "at 301000")
        #expect(endpoint.state(until: nil).json?["protection"]?["ProtectionEnabled"] == false)
        let refusal = endpoint.refusal("DEPLOYMENT_BLOCKED")
        #expect(refusal.status == 200)
        #expect(refusal.json?["failure"]?["Reason"] == "DEPLOYMENT_BLOCKED")
        #expect(refusal.json?["failure"]?["Arn"] == "arn:one")
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
        guard case .wrong(let answer) = endpoint.parse(put(body)) else {
            return #expect(Bool(false), "\(body)")
        }
        #expect(answer.status == 400)
        #expect(answer.json?["error"]?["Code"] == "InvalidParameterException")
    }
}
