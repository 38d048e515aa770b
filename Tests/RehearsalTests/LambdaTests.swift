import Seeded
import Rules
import Testing

@testable import Rehearsal

@Suite("Lambda stand-in")
struct LambdaTests {
    private let request = WebRequest(
        "POST",
        "/",
        headers: ["x-tfc-task-signature": "00", "host": "h"],
        body: Array("{\"é\":1}".utf8)
    )

    private func event(_ request: WebRequest, base64: Bool) -> JSON {
        FunctionURL.event(for: request, base64: base64, requestID: "r", epochMilliseconds: 1)
    }

    private func stage() -> LambdaStandIn {
        let time = Timebase()
        let journal = PlayJournal(
            time: time,
            paint: Paint(isOn: false),
            directory: "/tmp",
            book: RuleBook()
        )
        return LambdaStandIn(time: time, journal: journal, random: SeededRandom(seed: 1))
    }

    private func api(_ method: String, _ path: String, _ headers: [String: String] = [:])
        -> WebRequest
    {
        WebRequest(
            method,
            "/2018-06-01/runtime/" + path,
            headers: headers,
            body: Array(#"{"statusCode":201,"body":"b"}"#.utf8)
        )
    }

    @Test("a body travels as text or as base64, and says which")
    func carriesBody() {
        let text = event(request, base64: false)
        #expect(text["body"] == "{\"é\":1}")
        #expect(text["isBase64Encoded"] == false)
        #expect(text["requestContext"]?["http"]?["method"] == "POST")
        let encoded = event(request, base64: true)
        #expect(encoded["body"] == "eyLDqSI6MX0=")
        #expect(encoded["isBase64Encoded"] == true)
        var binary = request
        binary.body = [0xff]
        #expect(event(binary, base64: false)["isBase64Encoded"] == true)
    }

    @Test("an answer with a status is that response, one without is 200, none is 502")
    func answers() {
        let full = FunctionURL.response(
            for: Array(#"{"statusCode":401,"headers":{"content-type":"t"},"body":"no"}"#.utf8)
        )
        #expect(full.status == 401)
        #expect(full.contentType == "t")
        #expect(full.body == Array("no".utf8))
        #expect(FunctionURL.response(for: Array(#"{"a":1}"#.utf8)).status == 200)
        #expect(FunctionURL.response(for: []).status == 502)
    }

    @Test("a request becomes the function's work, and its answer the response")
    func roundTrip() async {
        let lambda = stage()
        async let response = lambda.answer(request)
        let work = await lambda.answer(api("GET", "invocation/next"))
        let id = work.headers["Lambda-Runtime-Aws-Request-Id"] ?? ""
        let wrong = ["lambda-runtime-invocation-id": "another"]
        let refused = await lambda.answer(api("POST", "invocation/\(id)/response", wrong))
        #expect(refused.status == 400)
        let right = work.headers["Lambda-Runtime-Invocation-Id"].map {
            ["lambda-runtime-invocation-id": $0]
        }
        let taken = await lambda.answer(api("POST", "invocation/\(id)/response", right ?? [:]))
        #expect(taken.status == 202)
        #expect(await response.status == 201)
        #expect(await lambda.answer(api("POST", "invocation/\(id)/response")).status == 400)
    }

    @Test("what a dead instance worked on is 502, and what waited is for the next one")
    func crash() async {
        let lambda = stage()
        async let first = lambda.answer(request)
        _ = await lambda.answer(api("GET", "invocation/next"))
        async let second = lambda.answer(request)
        await lambda.functionEnded()
        #expect(await first.status == 502)
        let work = await lambda.answer(api("GET", "invocation/next"))
        let id = work.headers["Lambda-Runtime-Aws-Request-Id"] ?? ""
        #expect(await lambda.answer(api("POST", "invocation/\(id)/response")).status == 202)
        #expect(await second.status == 201)
        await lambda.close()
    }
}
