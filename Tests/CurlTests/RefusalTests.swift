@testable import Curl
import Glibc
import Peers
import Testing

@Suite("Requests that are refused, and what errors say")
struct RefusalTests {
    @Test(
        "a URL that is not plain http or https is refused",
        arguments: [
            "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "127.0.0.1/x", "",
            "http://", "http://user:secret@127.0.0.1/", "http://127.0.0.1/a b",
            "http://127.0.0.1/a\r\nX: y", "http://127.0.0.1:99999/", "http://127.0.0.1/\u{0}",
        ]
    )
    func urls(url: String) async throws {
        let client = try CurlClient()
        defer { client.stop() }
        let failure = await failing(HTTPRequest(.get, url), client)
        guard case .badRequest = failure?.kind else {
            Issue.record("not refused: \(String(describing: failure))")
            return
        }
        #expect(failure?.mayHaveTakenEffect == false)
        #expect(failure?.description.contains("secret") == false)
    }

    @Test(
        "a header that would add another line is refused",
        arguments: [
            ("X-A", "b\r\nX-Evil: 1"), ("X-A", "b\nc"), ("X-A", "b\u{0}"), ("X-A\r\nX-B", "c"),
            ("X A", "b"), ("X-A:", "b"), ("", "b"),
        ]
    )
    func headerInjection(name: String, value: String) async throws {
        let url = try await HTTPPeer.url("/count/injected")
        let client = try CurlClient()
        defer { client.stop() }
        let request = HTTPRequest(.get, url, headers: [(name: name, value: value)])
        let failure = await failing(request, client)
        guard case .badRequest = failure?.kind else {
            Issue.record("not refused: \(String(describing: failure))")
            return
        }
        #expect(failure?.mayHaveTakenEffect == false)
        #expect(try await HTTPPeer.count("injected", client) == 0)
    }

    @Test("a port where nobody listens: nothing was sent")
    func connectionRefused() async throws {
        let port = try unusedPort()
        let client = try CurlClient()
        defer { client.stop() }
        let request = HTTPRequest(.post, "http://127.0.0.1:\(port)/secret?token=1", body: [1])
        let failure = await failing(request, client)
        #expect(failure == HTTPFailure(.couldNotConnect, mayHaveTakenEffect: false))
        #expect(failure?.description == "could not connect; nothing was sent")
    }

    @Test("a name that does not resolve: nothing was sent")
    func unknownName() async throws {
        let client = try CurlClient()
        defer { client.stop() }
        // RFC 6761 keeps this name from ever resolving; without a name server, lookups that
        // take longer than the deadline are stopped in time.
        let request = HTTPRequest(.post, "http://nowhere.invalid/", deadline: .seconds(2))
        let failure = await failing(request, client)
        #expect(failure?.mayHaveTakenEffect == false)
        #expect([.nameNotResolved, .timedOut].contains(failure?.kind))
    }

    @Test("a client without its CA bundle is not made")
    func missingBundle() {
        let configuration = CurlConfiguration(caBundlePath: "/nonexistent/ca.pem")
        #expect(throws: CurlSetupFailure.unreadableCABundle(path: "/nonexistent/ca.pem")) {
            try CurlClient(configuration)
        }
    }

    /// A port that was free a moment ago.
    private func unusedPort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, length)
                _ = getsockname(descriptor, $0, &length)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }
}

@Suite("The library that is found")
struct LibraryTests {
    @Test("libcurl before 7.86.0 is refused by its number")
    func tooOld() {
        #expect(throws: CurlSetupFailure.tooOld(found: "7.85.0")) {
            try CurlLibrary.check(
                number: 0x075500,
                version: "7.85.0",
                hasTLS: true,
                hasSigV4: true
            )
        }
    }

    @Test("7.86.0 is enough")
    func oldest() throws {
        try CurlLibrary.check(number: 0x075600, version: "7.86.0", hasTLS: true, hasSigV4: true)
    }

    @Test("a library without TLS or SigV4 is refused")
    func lacking() {
        #expect(throws: CurlSetupFailure.lacksTLS(found: "8.0.0")) {
            try CurlLibrary.check(number: 0x080000, version: "8.0.0", hasTLS: false, hasSigV4: true)
        }
        #expect(throws: CurlSetupFailure.lacksSigV4(found: "8.0.0")) {
            try CurlLibrary.check(number: 0x080000, version: "8.0.0", hasTLS: true, hasSigV4: false)
        }
    }
}
