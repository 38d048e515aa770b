package import Curl

/// moto's server with a cluster, a task definition, a ledger table and a parameter in it, shared
/// by all tests of this process.
package enum Moto {
    private static let shared = SharedPeer { try await Peer.start("moto_peer.py") }

    package static var port: Int { get async throws { try await shared.peer.ready.port } }

    package struct Refusal: Error, CustomStringConvertible {
        package let description: String
    }

    /// A service without tasks; one for each test, so that none sees another's counts.
    package static func createService(_ name: String, over http: any HTTPClient) async throws {
        try await call(
            "ecs",
            "AmazonEC2ContainerServiceV20141113.CreateService",
            #"{"cluster":"agents","serviceName":"\#(name)","taskDefinition":"agent","#
                + #""desiredCount":0}"#,
            over: http
        )
    }

    /// A call past our own adapters.
    ///
    /// - Parameter target: `X-Amz-Target`.
    package static func call(
        _ service: String,
        _ target: String,
        _ body: String,
        over http: any HTTPClient
    ) async throws {
        let version = service == "dynamodb" ? "1.0" : "1.1"
        let answer = try await http.send(
            HTTPRequest(
                .post,
                "http://127.0.0.1:\(try await port)/",
                headers: [
                    ("Content-Type", "application/x-amz-json-\(version)"), ("X-Amz-Target", target),
                ],
                body: Array(body.utf8),
                signing: SigV4Signing(
                    service: service,
                    region: "eu-central-1",
                    accessKeyID: "test",
                    secretAccessKey: "test"
                )
            )
        )
        guard answer.status == 200 else {
            throw Refusal(description: String(decoding: answer.body, as: UTF8.self))
        }
    }
}
