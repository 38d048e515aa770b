import Curl
import FoundationEssentials
import Glibc
import Peers

/// `http_peer.py`, once for all tests and over TLS a second time.
enum HTTPPeer {
    static let plain = SharedPeer { try await Peer.start("http_peer.py") }
    static let overTLS = SharedPeer { try await Peer.start("http_peer.py", ["--tls"]) }

    static func url(_ path: String) async throws -> String {
        "http://127.0.0.1:\(try await plain.peer.ready.port)\(path)"
    }

    /// How often a name was asked for.
    static func count(_ name: String, _ client: CurlClient) async throws -> Int {
        struct Counted: Decodable { let count: Int }
        let response = try await client.send(HTTPRequest(.get, try await url("/counted/\(name)")))
        return try JSONDecoder().decode(Counted.self, from: Data(response.body)).count
    }

    /// What the peer says it received.
    struct Echo: Decodable {
        let method: String
        let body: String
        let headers: [[String]]
        let connection: Int
        /// Whether the connection took up an earlier TLS session.
        let resumed: Bool

        init(_ response: HTTPResponse) throws {
            self = try JSONDecoder().decode(Echo.self, from: Data(response.body))
        }

        subscript(name: String) -> String? {
            headers.first { $0[0].lowercased() == name.lowercased() }?[1]
        }
    }
}

/// The failure of a request that must fail.
func failing(_ request: HTTPRequest, _ client: CurlClient) async -> HTTPFailure? {
    do {
        _ = try await client.send(request)
        return nil
    } catch {
        return error
    }
}

/// Whether the search path has a program of this name.
func isInstalled(_ program: String) -> Bool {
    guard let path = getenv("PATH") else { return false }
    return String(cString: path).split(separator: ":").contains {
        access("\($0)/\(program)", X_OK) == 0
    }
}
