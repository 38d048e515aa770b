import Crypto
import FoundationEssentials
import Model

/// Credentials as handed out by the credentials endpoint.
struct SigningCredentials: Equatable, Sendable {
    var accessKeyID: String
    var secretAccessKey: String
    var sessionToken: String
    /// End of validity, in milliseconds of the rehearsal's clock.
    var expiresAt: Milliseconds
}

/// Checks AWS Signature Version 4 of a request (IAM user guide, "Create a signed AWS API request"):
/// the signature is computed again from the headers that the request says it signed.
struct SignatureVerifier: Sendable {
    /// AWS refuses a request whose date is further than this from its own clock.
    static let allowedSkewSeconds = 300.0
    /// AWS requires these to be signed; the session token whenever there is one.
    static let requiredHeaders: Set<String> = ["host", "x-amz-date"]

    let region: String
    let services: Set<String>

    struct Failure: Error, Equatable {
        var type: String
        var message: String
        var answer: WebResponse { AWSAnswer.error(type, message, status: 403) }
    }

    /// Verifies `request` and says for which service it was signed.
    ///
    /// - Parameters:
    ///   - request: with all its headers, `host` among them.
    ///   - date: the wall clock, which the request's date is compared with.
    ///   - credentials: finds credentials by access key id, `nil` when none were handed out so.
    /// - Returns: the service of the credential scope.
    /// - Throws: the error that AWS would answer with.
    func verify(
        _ request: WebRequest,
        date: Date,
        credentials: (String) -> SigningCredentials?
    ) throws(Failure) -> String {
        guard let header = request.headers["authorization"] else {
            throw Failure(
                type: "MissingAuthenticationTokenException",
                message: "Missing Authentication Token"
            )
        }
        guard let authorization = Authorization(header) else {
            throw Failure(
                type: "IncompleteSignatureException",
                message: "Authorization header is not an AWS4-HMAC-SHA256 one"
            )
        }
        guard authorization.region == region, services.contains(authorization.service) else {
            throw mismatch("Credential should be scoped to \(region) and a known service")
        }
        let known = credentials(authorization.accessKeyID)
        let token = request.headers["x-amz-security-token"] ?? ""
        guard let known, known.sessionToken == token else {
            throw Failure(
                type: "UnrecognizedClientException",
                message: "The security token included in the request is invalid."
            )
        }
        var required = Self.requiredHeaders
        if !token.isEmpty { required.insert("x-amz-security-token") }
        let unsigned = required.subtracting(authorization.signedHeaders).sorted()
        guard unsigned.isEmpty else {
            throw mismatch("these headers must be signed: \(unsigned.joined(separator: ", "))")
        }
        let stamp = request.headers["x-amz-date"] ?? ""
        guard let sent = Self.date(stamp), stamp.hasPrefix(authorization.day),
            abs(sent.timeIntervalSince(date)) <= Self.allowedSkewSeconds
        else { throw mismatch("Signature expired or not of this day: \(stamp)") }
        let expected = Self.signature(
            of: request,
            signedHeaders: authorization.signedHeaders,
            scope: authorization.scope,
            stamp: stamp,
            secret: known.secretAccessKey
        )
        guard expected == authorization.signature else {
            throw mismatch(
                "The request signature we calculated does not match the signature you provided."
            )
        }
        return authorization.service
    }

    private func mismatch(_ message: String) -> Failure {
        Failure(type: "InvalidSignatureException", message: message)
    }

    // MARK: - The computation

    /// Method, path, query, signed headers and body hash in the order that is signed.
    static func canonicalRequest(_ request: WebRequest, signedHeaders: [String]) -> String {
        let headers = signedHeaders.map { name in
            let words = (request.headers[name] ?? "").split(separator: " ")
            return "\(name):\(words.joined(separator: " "))\n"
        }
        let query = request.query.split(separator: "&").map { part in
            part.contains("=") ? String(part) : part + "="
        }
        return [
            request.method, request.path.isEmpty ? "/" : request.path,
            query.sorted().joined(separator: "&"), headers.joined(),
            signedHeaders.joined(separator: ";"), hex(SHA256.hash(data: request.body)),
        ].joined(separator: "\n")
    }

    static func signature(
        of request: WebRequest,
        signedHeaders: [String],
        scope: String,
        stamp: String,
        secret: String
    ) -> String {
        let canonical = canonicalRequest(request, signedHeaders: signedHeaders)
        let text = [
            "AWS4-HMAC-SHA256", stamp, scope, hex(SHA256.hash(data: Array(canonical.utf8))),
        ].joined(separator: "\n")
        var key = Array("AWS4\(secret)".utf8)
        for part in scope.split(separator: "/") { key = hmac(key, Array(part.utf8)) }
        return hex(hmac(key, Array(text.utf8)))
    }

    private static func hmac(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
    }

    /// An `x-amz-date` such as `20150830T123600Z`.
    static func date(_ stamp: String) -> Date? {
        let digits = Array(stamp)
        guard digits.count == 16, digits[8] == "T", digits[15] == "Z" else { return nil }
        let text =
            "\(String(digits[0..<4]))-\(String(digits[4..<6]))-\(String(digits[6..<8]))T"
            + "\(String(digits[9..<11])):\(String(digits[11..<13])):\(String(digits[13..<15]))Z"
        return try? Date.ISO8601FormatStyle().parse(text)
    }
}

/// Lower-case hexadecimal text of bytes.
func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}

/// The parts of an `Authorization: AWS4-HMAC-SHA256 ...` header.
private struct Authorization {
    var accessKeyID: String
    var day: String
    var region: String
    var service: String
    var signedHeaders: [String]
    var signature: String
    var scope: String { "\(day)/\(region)/\(service)/aws4_request" }

    init?(_ header: String) {
        guard header.hasPrefix("AWS4-HMAC-SHA256 ") else { return nil }
        var fields: [String: String] = [:]
        for part in header.dropFirst("AWS4-HMAC-SHA256 ".count).split(separator: ",") {
            let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { return nil }
            fields[String(pair[0])] = String(pair[1])
        }
        let scope = (fields["Credential"] ?? "").split(separator: "/").map(String.init)
        guard scope.count == 5, scope[4] == "aws4_request", let signature = fields["Signature"],
            let headers = fields["SignedHeaders"]
        else { return nil }
        accessKeyID = scope[0]
        day = scope[1]
        region = scope[2]
        service = scope[3]
        signedHeaders = headers.split(separator: ";").map(String.init)
        self.signature = signature
    }
}
