import Curl
import FoundationEssentials
import Peers
import Testing

@Suite("HTTPS", .enabled(if: isInstalled("openssl"), "openssl is not installed"))
struct TLSTests {
    @Test("a server is trusted under the CA bundle that is set")
    func trusted() async throws {
        let ready = try await HTTPPeer.overTLS.peer.ready
        let client = try CurlClient(CurlConfiguration(caBundlePath: ready.ca))
        defer { client.stop() }
        for host in ["localhost", "127.0.0.1"] {
            let request = HTTPRequest(.post, "https://\(host):\(ready.port)/echo", body: [65])
            #expect(try await HTTPPeer.Echo(client.send(request)).body == "A")
        }
    }

    @Test("authorities that come as text are trusted beside those of the file or of the system")
    func more() async throws {
        let ready = try await HTTPPeer.overTLS.peer.ready
        let ours = try String(contentsOfFile: #require(ready.ca), encoding: .utf8)
        let request = HTTPRequest(.post, "https://localhost:\(ready.port)/echo", body: [65])
        for configuration in [
            CurlConfiguration(moreAuthorities: ours),
            // What comes as text is none that helps here; the file's are still trusted.
            CurlConfiguration(caBundlePath: ready.ca, moreAuthorities: "# none\n"),
        ] {
            let client = try CurlClient(configuration)
            defer { client.stop() }
            for _ in 0..<2 { #expect(try await HTTPPeer.Echo(client.send(request)).body == "A") }
        }
        #expect(throws: CurlSetupFailure.unreadableCABundle(path: "/nonexistent")) {
            try CurlClient(CurlConfiguration(caBundlePath: "/nonexistent", moreAuthorities: ours))
        }
    }

    @Test("a new connection takes up the session of an earlier one")
    func resumed() async throws {
        let ready = try await HTTPPeer.overTLS.peer.ready
        let client = try CurlClient(CurlConfiguration(caBundlePath: ready.ca))
        defer { client.stop() }
        let request = HTTPRequest(
            .post,
            "https://localhost:\(ready.port)/echo",
            headers: [(name: "Connection", value: "close")],
            body: [65]
        )
        var echoes: [HTTPPeer.Echo] = []
        for _ in 0..<3 { echoes.append(try HTTPPeer.Echo(await client.send(request))) }
        #expect(Set(echoes.map(\.connection)).count == 3)
        #expect(echoes.map(\.resumed) == [false, true, true])
    }

    @Test("without it the same server is refused before anything is sent")
    func refused() async throws {
        let ready = try await HTTPPeer.overTLS.peer.ready
        let client = try CurlClient()
        defer { client.stop() }
        let request = HTTPRequest(.post, "https://localhost:\(ready.port)/echo", body: [65])
        let failure = await failing(request, client)
        guard case .tls = failure?.kind else {
            Issue.record("not a TLS failure: \(String(describing: failure))")
            return
        }
        #expect(failure?.mayHaveTakenEffect == false)
    }

    @Test("a trusted certificate of another name is refused")
    func otherName() async throws {
        let ready = try await HTTPPeer.overTLS.peer.ready
        let client = try CurlClient(CurlConfiguration(caBundlePath: ready.ca))
        defer { client.stop() }
        let request = HTTPRequest(.get, "https://127.0.0.2:\(ready.port)/echo")
        let failure = await failing(request, client)
        #expect(failure?.mayHaveTakenEffect == false)
    }
}
