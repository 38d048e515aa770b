import Curl
import Peers
import Testing

@Suite("HTTP exchanges with a real server")
struct ExchangeTests {
    @Test("sequential requests share one connection")
    func reuse() async throws {
        let client = try CurlClient()
        defer { client.stop() }
        var connections: Set<Int> = []
        for _ in 0..<5 {
            let request = HTTPRequest(.post, try await HTTPPeer.url("/echo"), body: [1, 2])
            connections.insert(try await HTTPPeer.Echo(client.send(request)).connection)
        }
        #expect(connections.count == 1)
    }

    @Test("fifty requests at once all get their own answer")
    func parallel() async throws {
        let url = try await HTTPPeer.url("/echo")
        let client = try CurlClient()
        defer { client.stop() }
        let answers = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for number in 0..<50 {
                group.addTask {
                    let request = HTTPRequest(.post, url, body: Array("\(number)".utf8))
                    return (number, try await HTTPPeer.Echo(client.send(request)).body)
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(answers == Dictionary(uniqueKeysWithValues: (0..<50).map { ($0, "\($0)") }))
    }

    @Test("each method arrives as itself, with its body", arguments: HTTPRequest.Method.allCases)
    func methods(method: HTTPRequest.Method) async throws {
        let body: [UInt8]? = method == .get ? nil : Array("a\u{0}b".utf8)
        let headers = [(name: "Content-Type", value: "text/x"), (name: "X-Empty", value: "")]
        let url = try await HTTPPeer.url("/echo")
        let client = try CurlClient()
        defer { client.stop() }
        let request = HTTPRequest(method, url, headers: headers, body: body)
        let echo = try await HTTPPeer.Echo(client.send(request))
        #expect(echo.method == method.rawValue)
        #expect(echo.body == (method == .get ? "" : "a\u{0}b"))
        #expect(echo["content-type"] == "text/x")
        #expect(echo["x-empty"] == "")
        #expect(echo["user-agent"] == "hcp-terraform-agents-on-ecs")
    }

    @Test("a body without a content type is not called a web form")
    func contentType() async throws {
        let url = try await HTTPPeer.url("/echo")
        let client = try CurlClient()
        defer { client.stop() }
        for method in [HTTPRequest.Method.post, .put, .patch] {
            let request = HTTPRequest(method, url, body: [])
            let echo = try await HTTPPeer.Echo(client.send(request))
            #expect(echo["content-type"] == nil)
            #expect(echo["content-length"] == "0")
        }
    }

    @Test("headers of the answer are found whatever their case, the first of a name first")
    func responseHeaders() async throws {
        let url = try await HTTPPeer.url("/echo")
        let client = try CurlClient()
        defer { client.stop() }
        let response = try await client.send(HTTPRequest(.get, url))
        #expect(response.headers["CONTENT-LENGTH"] == "\(response.body.count)")
        #expect(response.headers["x-twice"] == "one")
        #expect(response.headers.filter { $0.name == "X-Twice" }.map(\.value) == ["one", "two"])
    }

    @Test("an error status is an answer", arguments: [400, 404, 429, 500, 503])
    func statuses(status: Int) async throws {
        let url = try await HTTPPeer.url("/status/\(status)")
        let client = try CurlClient()
        defer { client.stop() }
        let response = try await client.send(HTTPRequest(.post, url, body: [1]))
        #expect(response.status == status)
        #expect(response.body == Array("as asked".utf8))
    }

    @Test("a redirect is an answer and is not followed")
    func redirect() async throws {
        let url = try await HTTPPeer.url("/redirect/followed")
        let client = try CurlClient()
        defer { client.stop() }
        let response = try await client.send(HTTPRequest(.get, url))
        #expect(response.status == 302)
        #expect(response.headers["location"] == "/count/followed")
        #expect(try await HTTPPeer.count("followed", client) == 0)
    }

    @Test("an answer up to the size limit arrives, one byte more is refused")
    func sizeLimit() async throws {
        let url = try await HTTPPeer.url("/bytes/70000")
        let client = try CurlClient()
        defer { client.stop() }
        var request = HTTPRequest(.get, url, maximumResponseBytes: 70000)
        #expect(try await client.send(request).body.count == 70000)
        request.maximumResponseBytes = 69999
        let refusal = HTTPFailure(.tooLarge, mayHaveTakenEffect: true)
        #expect(await failing(request, client) == refusal)
    }

    @Test("headers of the answer are bounded too")
    func headerLimit() async throws {
        let url = try await HTTPPeer.url("/long-header/20")
        let client = try CurlClient()
        defer { client.stop() }
        let refusal = HTTPFailure(.tooLarge, mayHaveTakenEffect: true)
        #expect(await failing(HTTPRequest(.get, url), client) == refusal)
    }

    @Test("an answer that ends in its middle is a failure, and may have taken effect")
    func closedMidBody() async throws {
        let url = try await HTTPPeer.url("/half")
        let client = try CurlClient()
        defer { client.stop() }
        let failure = await failing(HTTPRequest(.post, url, body: [1]), client)
        #expect(failure?.mayHaveTakenEffect == true)
        guard case .other(18, _) = failure?.kind else {
            Issue.record("not a partial answer: \(String(describing: failure))")
            return
        }
    }

    @Test("a POST on a kept connection that closes without an answer is not sent again")
    func postIsNotRepeated() async throws {
        let url = try await HTTPPeer.url("/vanish/post")
        let client = try CurlClient()
        defer { client.stop() }
        // The kept connection.
        #expect(try await HTTPPeer.count("post", client) == 0)
        let failure = await failing(HTTPRequest(.post, url, body: [1]), client)
        #expect(failure?.mayHaveTakenEffect == true)
        #expect(try await HTTPPeer.count("post", client) == 1)
    }

    @Test("a GET on a kept connection that closes without an answer is sent again")
    func getIsRepeated() async throws {
        let url = try await HTTPPeer.url("/vanish-once/get")
        let client = try CurlClient()
        defer { client.stop() }
        #expect(try await HTTPPeer.count("get", client) == 0)
        let response = try await client.send(HTTPRequest(.get, url))
        #expect(response.body == Array("second time".utf8))
    }
}
