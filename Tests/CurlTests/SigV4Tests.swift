import Curl
import FoundationEssentials
import Peers
import Testing

@Suite("SigV4 against botocore's signer")
struct SigV4Tests {
    /// What the peer found when it signed the request that it received.
    struct Report: Decodable {
        let match: Bool
        let unsigned: [String]
        let token: String?
        let scope: String
        let length: Int
    }

    static let longBody: [UInt8] = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    enum Body: String, CaseIterable {
        case json, utf8, empty, binary, long

        var bytes: [UInt8] {
            switch self {
            case .json: Array("{}".utf8)
            case .utf8: Array(#"{"name":"Zürich ☂ 中"}"#.utf8)
            case .empty: []
            case .binary: [0, 255, 10, 0]
            case .long: longBody
            }
        }
    }

    static func signing(token: String? = nil, service: String = "ecs") -> SigV4Signing {
        SigV4Signing(
            service: service,
            region: "eu-central-1",
            accessKeyID: "AKIDEXAMPLE",
            secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            sessionToken: token
        )
    }

    static func request(_ body: [UInt8], _ signing: SigV4Signing?) async throws -> HTTPRequest {
        HTTPRequest(
            .post,
            try await HTTPPeer.url(signing == nil ? "/echo" : "/signature"),
            headers: [
                (name: "Content-Type", value: "application/x-amz-json-1.1"),
                (name: "X-Amz-Target", value: "AmazonEC2ContainerServiceV20141113.UpdateService"),
            ],
            body: body,
            signing: signing
        )
    }

    static func report(_ request: HTTPRequest, _ client: CurlClient) async throws -> Report {
        let response = try await client.send(request)
        return try JSONDecoder().decode(Report.self, from: Data(response.body))
    }

    @Test(
        "the signature is botocore's for every kind of body, and covers every x-amz header",
        arguments: Body.allCases,
        [nil, "IQoJb3JpZ2luX2VjE/abc+def=="]
    )
    func bodies(body: Body, token: String?) async throws {
        let request = try await Self.request(body.bytes, Self.signing(token: token))
        let client = try CurlClient()
        defer { client.stop() }
        let report = try await Self.report(request, client)
        #expect(report.match)
        #expect(report.unsigned == [])
        #expect(report.token == token)
        #expect(report.scope == "ecs/eu-central-1")
        #expect(report.length == body.bytes.count)
    }

    @Test("signed and unsigned requests on one connection do not disturb each other")
    func mixed() async throws {
        let long = try await Self.request(Self.longBody, Self.signing(token: "first+/="))
        let short = try await Self.request([65], Self.signing(service: "dynamodb"))
        let plain = HTTPRequest(.get, try await HTTPPeer.url("/echo"))
        let client = try CurlClient()
        defer { client.stop() }
        #expect(try await Self.report(long, client).match)
        #expect(try await Self.report(long, client).match)
        let echo = try await HTTPPeer.Echo(client.send(plain))
        #expect(echo["authorization"] == nil)
        #expect(echo["x-amz-security-token"] == nil)
        let report = try await Self.report(short, client)
        #expect(report.match)
        #expect(report.token == nil)
        #expect(report.scope == "dynamodb/eu-central-1")
    }

    @Test(
        "what libcurl is known to sign wrongly is refused before sending",
        arguments: [
            (path: "/?a=b", name: "X-A", value: "b", token: "t"),
            (path: "/", name: "X-A", value: "", token: "t"),
            (path: "/", name: "X-A", value: "  ", token: "t"),
            (path: "/", name: "content-type", value: "again", token: "t"),
            (path: "/", name: "X-Amz-Date", value: "20260101T000000Z", token: "t"),
            (path: "/", name: "X-Amz-Target-Foo", value: "begins with another", token: "t"),
            (path: "/", name: "Host", value: "elsewhere", token: "t"),
            (path: "/", name: "Authorization", value: "mine", token: "t"),
            (path: "/", name: "X-A", value: "b", token: "t\r\nX-B: c"),
            (path: "/", name: "X-A", value: "b", token: ""),
        ]
    )
    func traps(path: String, name: String, value: String, token: String) async throws {
        var request = try await Self.request([65], Self.signing(token: token))
        request.url = try await HTTPPeer.url(path)
        request.headers.append((name: name, value: value))
        let client = try CurlClient()
        defer { client.stop() }
        let failure = await failing(request, client)
        guard case .badRequest = failure?.kind else {
            Issue.record("not refused: \(String(describing: failure))")
            return
        }
        #expect(failure?.mayHaveTakenEffect == false)
    }

    @Test("a description of the signing holds no key")
    func description() {
        let text = "\(Self.signing(token: "token"))"
        #expect(text == "SigV4 for ecs in eu-central-1")
    }
}
