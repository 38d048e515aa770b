import AWS
import Curl
import Decisions
import FoundationEssentials
import Synchronization
import Testing

@Suite("Where credentials come from")
struct CredentialsSourceTests {
    @Test("plain ones win over the container's")
    func fixed() throws {
        let source = try CredentialsSource([
            "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S", "AWS_SESSION_TOKEN": "T",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x",
        ])
        let expected = Credentials(accessKeyID: "A", secretAccessKey: "S", sessionToken: "T")
        #expect(source == .fixed(expected))
    }

    @Test("a relative URI leads to the container agent, and wins over a full one")
    func relative() throws {
        let source = try CredentialsSource([
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/id",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/",
        ])
        let url = "http://169.254.170.2/v2/credentials/id"
        #expect(source == .container(url: url, authorization: nil))
    }

    @Test(
        "a full URI may be unencrypted only where nobody else listens",
        arguments: [
            ("http://169.254.170.2/x", true), ("http://169.254.170.23/x", true),
            ("http://[fd00:ec2::23]/x", true), ("http://localhost:51679/x", true),
            ("http://127.0.0.1/x", true), ("http://127.9.9.9/x", true), ("http://[::1]/x", true),
            ("https://credentials.example/x", true), ("http://credentials.example/x", false),
            ("http://127.0.0.1.example/x", false), ("http://169.254.169.254/x", false),
            ("file:///x", false), ("x", false),
        ]
    )
    func full(url: String, isAllowed: Bool) {
        let source = try? CredentialsSource([
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
        ])
        #expect(
            source == (isAllowed ? .container(url: url, authorization: .token("token")) : nil)
        )
    }

    @Test(
        "what is missing is said, without the values that are there",
        arguments: [
            ["AWS_ACCESS_KEY_ID": "very-secret"], ["AWS_SECRET_ACCESS_KEY": "very-secret"], [:],
            ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "very-secret"],
        ]
    )
    func missing(variables: [String: String]) throws {
        let failure = #expect(throws: AWSSettingsFailure.self) {
            try CredentialsSource(variables)
        }
        let text = try #require(failure).description
        #expect(!text.contains("very-secret"))
        #expect(text.contains("AWS_"))
    }

    @Test("a description of credentials holds none of them")
    func description() {
        let credentials = Credentials(
            accessKeyID: "AKID",
            secretAccessKey: "SECRET",
            sessionToken: "TOKEN"
        )
        #expect("\(credentials)" == "credentials")
    }
}

@Suite("Keeping credentials fresh")
struct CredentialsProviderTests {
    let clock = FakeWallClock("2026-01-31T10:00:00Z")
    let time = FakeTime()
    let source = CredentialsSource.container(url: "http://169.254.170.2/c", authorization: nil)

    static func answer(_ key: String, expires: String) -> HTTPResponse {
        .json(
            #"{"AccessKeyId":"\#(key)","SecretAccessKey":"s","Token":"t","RoleArn":"r","#
                + #""Expiration":"\#(expires)"}"#
        )
    }

    func provider(_ http: FakeHTTP, _ source: CredentialsSource? = nil) -> CredentialsProvider {
        CredentialsProvider(
            source ?? self.source,
            http: http,
            retry: time.retry,
            now: { [clock] in clock.now }
        )
    }

    @Test("they are fetched once and kept while they are good")
    func kept() async throws {
        let http = FakeHTTP { _, _ in Self.answer("one", expires: "2026-01-31T16:00:00Z") }
        let provider = provider(http)
        for _ in 0..<3 {
            #expect(try await provider.credentials().accessKeyID == "one")
            clock.pass(.seconds(3600))
        }
        #expect(http.requests.count == 1)
        #expect(http.requests.first?.url == "http://169.254.170.2/c")
    }

    @Test("callers at the same time share one request")
    func oneFlight() async throws {
        let begun = Event()
        let go = Event()
        let http = FakeHTTP { _, _ in
            begun.happened()
            await go.wait()
            return Self.answer("one", expires: "2026-01-31T16:00:00Z")
        }
        let provider = provider(http)
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 {
                group.addTask { try await provider.credentials().accessKeyID }
            }
            await begun.wait()
            go.happened()
            for try await key in group { #expect(key == "one") }
        }
        #expect(http.requests.count == 1)
    }

    @Test("near the end the old ones are used at once while new ones are fetched")
    func advisory() async throws {
        let second = Event()
        let http = FakeHTTP { _, number in
            if number == 2 { second.happened() }
            return Self.answer(
                "\(number)",
                expires: number == 1 ? "2026-01-31T11:00:00Z" : "2026-01-31T17:00:00Z"
            )
        }
        let provider = provider(http)
        #expect(try await provider.credentials().accessKeyID == "1")
        clock.pass(.seconds(50 * 60))
        #expect(try await provider.credentials().accessKeyID == "1")
        await second.wait()
        clock.pass(.seconds(11 * 60))
        #expect(try await provider.credentials().accessKeyID == "2")
        #expect(http.requests.count == 2)
    }

    @Test("the old ones are used while new ones cannot be had, until they are about to expire")
    func refreshFails() async throws {
        let http = FakeHTTP { _, number in
            guard number == 1 else { return .json("{}", status: 500) }
            return Self.answer("1", expires: "2026-01-31T11:00:00Z")
        }
        let provider = provider(http)
        #expect(try await provider.credentials().accessKeyID == "1")
        clock.pass(.seconds(50 * 60))
        #expect(try await provider.credentials().accessKeyID == "1")
        clock.pass(.seconds(8 * 60))
        #expect(try await provider.credentials().accessKeyID == "1")
        clock.pass(.seconds(70))
        let failure = await failing { () throws(CredentialsFailure) in
            _ = try await provider.credentials()
        }
        #expect(failure == .refused(status: 500))
    }

    @Test("an error is not remembered, and passing ones are tried again at once")
    func errors() async throws {
        let http = FakeHTTP { _, number throws(HTTPFailure) in
            switch number {
            case 1: return .json(#"{"code":"InvalidIdInRequest"}"#, status: 400)
            case 2: throw .notConnected
            case 3: return .json("slow down", status: 429)
            default: return Self.answer("one", expires: "2026-01-31T16:00:00Z")
            }
        }
        let provider = provider(http)
        let failure = await failing { () throws(CredentialsFailure) in
            _ = try await provider.credentials()
        }
        #expect(failure == .refused(status: 400))
        #expect(http.requests.count == 1)
        #expect(try await provider.credentials().accessKeyID == "one")
        #expect(http.requests.count == 4)
        #expect(time.slept.count == 2)
    }

    @Test(
        "a malformed answer is an error that quotes nothing",
        arguments: [
            "", "[]", #"{"AccessKeyId":"hush"}"#,
            #"{"AccessKeyId":"hush","SecretAccessKey":"hush","Token":"hush","Expiration":"soon"}"#,
            #"{"AccessKeyId":"","SecretAccessKey":"hush","Token":"t","Expiration":"2027-01-01T00:00:00Z"}"#,
            #"{"AccessKeyId":"a","SecretAccessKey":"hush","Token":"t","Expiration":"2020-01-01T00:00:00Z"}"#,
        ]
    )
    func malformed(body: String) async throws {
        let provider = provider(FakeHTTP { _, _ in .json(body) })
        let failure = await failing { () throws(CredentialsFailure) in
            _ = try await provider.credentials()
        }
        guard case .malformed(let cause) = failure else {
            Issue.record("not malformed: \(String(describing: failure))")
            return
        }
        #expect(!cause.contains("hush"))
    }

    @Test("a token file is read anew for each request")
    func tokenFile() async throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("token-\(UUID().uuidString)").path
        try Data("first\n".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let http = FakeHTTP { _, number in
            Self.answer("\(number)", expires: "2026-01-31T11:00:00Z")
        }
        let provider = provider(
            http,
            .container(url: "http://localhost/c", authorization: .file(path: path))
        )
        #expect(try await provider.credentials().accessKeyID == "1")
        #expect(http.requests.first?["authorization"] == "first")
        try Data("second".utf8).write(to: URL(fileURLWithPath: path))
        clock.pass(.seconds(59 * 60 + 30))
        #expect(try await provider.credentials().accessKeyID == "2")
        #expect(http.requests.last?["authorization"] == "second")
        try FileManager.default.removeItem(atPath: path)
        clock.pass(.seconds(30))
        let failure = await failing { () throws(CredentialsFailure) in
            _ = try await provider.credentials()
        }
        #expect(failure == .unreadableToken(path: path))
    }
}
