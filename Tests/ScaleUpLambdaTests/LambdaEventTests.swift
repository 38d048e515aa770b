import FoundationEssentials
import HCPTerraform
import ScaleUp
import Testing

@testable import ScaleUpLambda

private let key = RunTaskKey("the key")

/// A function URL event as Lambda documents it, with other fields than are read.
private func event(
    headers: String = #"{"content-type":"application/json"}"#,
    body: String = #""{}""#,
    rest: String = #""isBase64Encoded":false"#
) -> [UInt8] {
    Array(
        """
        {"version":"2.0","routeKey":"$default","rawPath":"/","rawQueryString":"",\
        "cookies":["a=b"],"headers":\(headers),"requestContext":{"accountId":"anonymous",\
        "http":{"method":"POST","path":"/","protocol":"HTTP/1.1","sourceIp":"192.0.2.1",\
        "userAgent":"TFC/1.0"},"requestId":"r","timeEpoch":1583348638390},\
        "body":\(body),\(rest)}
        """.utf8
    )
}

private func request(_ event: [UInt8]) throws -> EndpointRequest? {
    if case .request(let request) = try LambdaEvent(event) { request } else { nil }
}

private func status(_ event: [UInt8]) throws -> Int? {
    let policy = Verdict.Policy(origin: .hcpTerraform, announceStages: [.prePlan])
    switch Verdict(try #require(try request(event)), keys: [key], policy) {
    case .refuse(let refusal): return refusal.response.status
    case .unknownSignature: return 401
    case .verification, .unanswerable, .nothingFollows: return 200
    case .act, .heed: return nil
    }
}

@Suite("Lambda events")
struct LambdaEventTests {
    @Test(
        "a body is the bytes that were signed, as text or as base64",
        arguments: [
            (#""{\"run\":\"é\\n\"}""#, false, #"{"run":"é\n"}"#),
            (#""\u00e9\ud83d\ude00""#, false, "é😀"),
            (#""eyJhIjoxfQ==""#, true, #"{"a":1}"#),
            (#""""#, true, ""),
            ("null", false, ""),
        ]
    )
    func body(json: String, isBase64: Bool, bytes: String) throws {
        let event = event(body: json, rest: #""isBase64Encoded":\#(isBase64)"#)
        let request = try #require(try request(event))
        #expect(request.body == Array(bytes.utf8))
        #expect(request.method == "POST")
    }

    @Test("base64 may hold bytes that are no text")
    func binary() throws {
        let event = event(body: #""/wD+""#, rest: #""isBase64Encoded":true"#)
        #expect(try request(event)?.body == [0xff, 0x00, 0xfe])
    }

    @Test("path and source address are those that Lambda says")
    func place() throws {
        #expect(try request(event())?.sender == .address("192.0.2.1"))
        let bare =
            #"{"version":"2.0","rawPath":"/pools/a","headers":{},"requestContext":{"#
            + #""http":{"method":"POST"}}}"#
        let request = try #require(try request(Array(bare.utf8)))
        #expect(request.sender == .address("") && request.pool == "a")
    }

    @Test("an event without body and flag is a request with an empty body")
    func noBody() throws {
        let text = #"{"version":"2.0","headers":{},"requestContext":{"http":{"method":"GET"}}}"#
        let request = try #require(try request(Array(text.utf8)))
        #expect(request.body.isEmpty)
        #expect(request.method == "GET")
    }

    @Test("a signature header that came twice is refused, whether its values agree or not")
    func duplicatedSignature() throws {
        let right = key.sign(Array("{}".utf8))
        func signed(_ value: String) -> [UInt8] {
            event(headers: #"{"x-tfc-task-signature":"\#(value)"}"#)
        }
        #expect(try status(signed(right)) == 200)
        let notification = #"{"x-tfe-notification-signature":"\#(right)"}"#
        #expect(try status(event(headers: notification)) == 200)
        #expect(try status(signed(right + "," + right)) == 401)
        #expect(try status(signed(right + ",00")) == 401)
        let twice = #"{"x-tfc-task-signature":"\#(right)","X-TFC-Task-Signature":"\#(right)"}"#
        #expect(try status(event(headers: twice)) == 401)
        let both = #"{"x-tfc-task-signature":"\#(right)","x-tfe-notification-signature":""}"#
        #expect(try status(event(headers: both)) == 401)
    }

    @Test("the size limit holds for what base64 stands for")
    func size() throws {
        // Four signs of base64 are three bytes.
        func encoded(_ bytes: Int) -> [UInt8] {
            let text = String(repeating: "YWFh", count: bytes / 3)
            return event(
                headers: #"{"x-tfc-task-signature":"\#(key.sign([]))"}"#,
                body: "\"\(text)\"",
                rest: #""isBase64Encoded":true"#
            )
        }
        let limit = Verdict.maximumBodyBytes
        #expect(try status(encoded(limit / 3 * 3)) == 401)
        #expect(try status(encoded(limit + 3)) == 413)
    }

    @Test(
        "schedules ask for a sweep",
        arguments: [
            #"{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events"}"#,
            #"{"source":"aws.scheduler"}"#,
            #"{"action":"sweep"}"#,
            #"{"action":"sweep","source":7}"#,
        ]
    )
    func scheduled(text: String) throws {
        guard case .sweep = try LambdaEvent(Array(text.utf8)) else {
            Issue.record("no sweep")
            return
        }
    }

    @Test("whoever knows the URL cannot ask for a sweep")
    func noForgery() throws {
        let forged = event(body: #""{\"action\":\"sweep\"}""#, rest: #""action":"sweep""#)
        #expect(try request(forged)?.body == Array(#"{"action":"sweep"}"#.utf8))
    }

    @Test(
        "an event of no known shape is refused with what was expected",
        arguments: ["{}", #"{"action":"stop"}"#, #"{"source":"aws.s3"}"#, #"{"action":null}"#]
    )
    func unknown(text: String) {
        #expect(throws: LambdaEventFault.unknown) { try LambdaEvent(Array(text.utf8)) }
        let sentence = "\(LambdaEventFault.unknown)"
        #expect(sentence.contains("payload format 2.0"))
        #expect(sentence.contains("aws.scheduler"))
    }

    @Test(
        "what is no JSON object is refused",
        arguments: ["", "[]", "7", "{", "\"sweep\"", "null"]
    )
    func notJSON(text: String) {
        #expect(throws: LambdaEventFault.notJSON) { try LambdaEvent(Array(text.utf8)) }
    }

    @Test(
        "a function URL event with a wrong or missing field is refused by the field's name",
        arguments: [
            (#"{"requestContext":{}}"#, "version"),
            (#"{"version":2,"headers":{},"requestContext":{}}"#, "version"),
            (
                #"{"version":"1.0","headers":{},"requestContext":{"http":{"method":"GET"}}}"#,
                "2.0"
            ),
            (#"{"version":"2.0","requestContext":{"http":{"method":"GET"}}}"#, "headers"),
            (#"{"version":"2.0","headers":[],"requestContext":{}}"#, "headers"),
            (#"{"version":"2.0","headers":{"s3cret":[1]},"requestContext":{}}"#, "headers"),
            (#"{"version":"2.0","headers":{},"requestContext":null}"#, "requestContext"),
            (
                #"{"version":"2.0","headers":{},"requestContext":{"elb":{}}}"#,
                "requestContext.http"
            ),
            (
                #"{"version":"2.0","headers":{},"requestContext":{"http":{"method":7}}}"#,
                "requestContext.http.method"
            ),
        ]
    )
    func wrongField(text: String, field: String) {
        expectFault(Array(text.utf8), naming: field)
    }

    @Test(
        "a body of another type or with bad base64 is refused",
        arguments: [
            ("7", "false", "body"), (#"{"a":"s3cret"}"#, "false", "body"),
            (#""{}""#, #""yes""#, "isBase64Encoded"), (#""s3cret!""#, "true", "base64"),
            (#""YQ""#, "true", "base64"),
        ]
    )
    func wrongBody(body: String, flag: String, field: String) {
        expectFault(event(body: body, rest: #""isBase64Encoded":\#(flag)"#), naming: field)
    }

    private func expectFault(_ event: [UInt8], naming field: String) {
        do {
            _ = try LambdaEvent(event)
            Issue.record("was taken")
        } catch {
            guard case .functionURL(let what) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(what.contains(field))
            #expect(!what.contains("s3cret"))
        }
    }
}

@Suite("Lambda answers")
struct LambdaAnswerTests {
    @Test("an answer is what a function URL turns into status and text")
    func answer() {
        #expect(
            LambdaAnswer(EndpointResponse(401, "No \"é\"\n")).json
                == #"{"statusCode":401,"headers":{"content-type":"text/plain; charset=utf-8"},"#
                + #""body":"No \"é\"\n","isBase64Encoded":false}"#
        )
    }

    @Test("an error has the three fields that Lambda documents, and its type as a header")
    func error() {
        let error = FunctionError(type: "A.B", message: "a\u{1}\\")
        #expect(
            error.body == #"{"errorMessage":"a\u0001\\","errorType":"A.B","stackTrace":[]}"#
        )
        #expect(error.headers.map(\.value) == ["A.B"])
    }

    private func question(_ event: String) throws -> Question? {
        if case .ask(let question) = try LambdaEvent(Array(event.utf8)) { question } else { nil }
    }

    @Test("whoever may invoke the function asks for status or doctor, as an object or as lines")
    func questions() throws {
        #expect(try question(#"{"ask":"status"}"#) == .about(.status, .object))
        #expect(try question(#"{"ask":"status","as":"text"}"#) == .about(.status, .text))
        #expect(
            try question(#"{"ask":"status","pool":"b"}"#) == .about(.status, .object, pool: "b")
        )
        #expect(try question(#"{"ask":"doctor"}"#) == .about(.doctor, .object))
        #expect(
            try question(#"{"ask":"doctor","as":"text","pool":"b"}"#)
                == .about(.doctor, .text, pool: "b")
        )
    }

    @Test("a dashboard's widget asks with its context, and for its manual with describe")
    func widget() throws {
        let context = #""widgetContext":{"dashboardName":"d","params":{"ask":"status"}}"#
        #expect(try question(#"{"ask":"status",\#(context)}"#) == .about(.status, .widget))
        #expect(try question("{\(context)}") == .about(.status, .widget))
        let other = context.replacing("status", with: "doctor")
        #expect(try question(#"{"ask":"doctor",\#(other)}"#) == .about(.doctor, .widget))
        #expect(try question(#"{"describe":true}"#) == .manual)
    }

    @Test(
        "what nobody knows how to answer is no question",
        arguments: [
            #"{"ask":"size"}"#, #"{"ask":1}"#, #"{"ask":"status","as":"xml"}"#,
            #"{"describe":false}"#, #"{"ask":"status","pool":1}"#, #"{"ask":null}"#,
            #"{"ask":"size","widgetContext":{}}"#,
        ]
    )
    func noQuestion(event: String) {
        #expect(throws: LambdaEventFault.unknown) { try LambdaEvent(Array(event.utf8)) }
    }

    @Test("through the function URL a question is a request without a signature, whatever it holds")
    func publicQuestion() throws {
        for part in [
            #""ask":"status""#, #""ask":"doctor""#, #""describe":true"#, #""widgetContext":{}"#,
        ] {
            let inBody = event(body: try text("{\(part)}"))
            #expect(try status(inBody) == 401)
            let beside = event(rest: #""isBase64Encoded":false,"# + part)
            #expect(try status(beside) == 401)
        }
    }

    /// A JSON string.
    private func text(_ text: String) throws -> String {
        String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    }
}
