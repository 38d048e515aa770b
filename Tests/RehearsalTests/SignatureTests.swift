import FoundationEssentials
import Testing

@testable import Rehearsal

@Suite("SigV4 verifier")
struct SignatureTests {
    /// The expected signature was made by botocore 1.43.11's signer and by a few lines of Python
    /// with `hmac` and `hashlib`; both gave the same.
    private static let signature =
        "4b242f45a9aa7b434bba6819c9c415e8785304f09917212f50bf992d62bca9b2"
    private static let credentials = SigningCredentials(
        accessKeyID: "ASIAEXAMPLE",
        secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        sessionToken: "token/with+signs==",
        expiresAt: .max
    )
    private let verifier = SignatureVerifier(region: "us-east-1", services: ["ecs"])
    private let date = SignatureVerifier.date("20260131T120100Z") ?? Date()

    private func request(
        signature: String = Self.signature,
        signed: String = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
        region: String = "us-east-1"
    ) -> WebRequest {
        WebRequest(
            "POST",
            "/",
            headers: [
                "authorization":
                    "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20260131/\(region)/ecs/aws4_request,"
                    + " SignedHeaders=\(signed), Signature=\(signature)",
                "content-type": "application/x-amz-json-1.1",
                "host": "127.0.0.1:8080",
                "x-amz-date": "20260131T120000Z",
                "x-amz-security-token": "token/with+signs==",
                "x-amz-target": "AmazonEC2ContainerServiceV20141113.ListTasks",
            ],
            body: Array(#"{"cluster":"rehearsal"}"#.utf8)
        )
    }

    private func verify(_ request: WebRequest) throws -> String {
        try verifier.verify(request, date: date) { key in
            key == "ASIAEXAMPLE" ? Self.credentials : nil
        }
    }

    @Test("a signature made by botocore's signer is accepted")
    func accepts() throws {
        #expect(try verify(request()) == "ecs")
    }

    @Test("another body, header or signature is refused with 403")
    func refuses() {
        var changes: [WebRequest] = []
        var body = request()
        body.body.append(32)
        changes.append(body)
        var target = request()
        target.headers["x-amz-target"] = "AmazonEC2ContainerServiceV20141113.UpdateService"
        changes.append(target)
        changes.append(request(signature: String(repeating: "0", count: 64)))
        changes.append(request(region: "eu-west-1"))
        for change in changes {
            let failure = #expect(throws: SignatureVerifier.Failure.self) { try verify(change) }
            #expect(failure?.type == "InvalidSignatureException")
            #expect(failure?.answer.status == 403)
        }
    }

    @Test("a missing signature, an unsigned token and unknown credentials have their own errors")
    func names() {
        var unsigned = request()
        unsigned.headers["authorization"] = nil
        #expect(
            #expect(throws: SignatureVerifier.Failure.self) { try verify(unsigned) }?.type
                == "MissingAuthenticationTokenException"
        )
        var stranger = request()
        stranger.headers["x-amz-security-token"] = "another"
        #expect(
            #expect(throws: SignatureVerifier.Failure.self) { try verify(stranger) }?.type
                == "UnrecognizedClientException"
        )
        let open = request(signed: "content-type;host;x-amz-date;x-amz-target")
        #expect(
            #expect(throws: SignatureVerifier.Failure.self) { try verify(open) }?.type
                == "InvalidSignatureException"
        )
    }

    @Test("a request of another hour is refused")
    func stale() {
        let late = SignatureVerifier.date("20260131T130000Z") ?? Date()
        #expect(throws: SignatureVerifier.Failure.self) {
            try verifier.verify(request(), date: late) { _ in Self.credentials }
        }
    }
}
