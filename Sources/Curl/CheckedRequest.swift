import CLibcurl

/// A request that has passed every check that can be made before sending, in the form in which
/// libcurl takes it.
struct CheckedRequest: Sendable {
    let method: HTTPRequest.Method
    let url: String
    /// `Name: value` lines.
    let headerLines: [String]
    let body: [UInt8]?
    let deadlineMilliseconds: Int?
    let maximumResponseBytes: Int
    let signing: SigV4Signing?
    /// The host is this machine or the ECS agent: a proxy set in the environment would look for
    /// them at its own place.
    let isLocal: Bool

    /// - Throws: `badRequest`, or `timedOut` for a deadline that has passed already.
    init(_ request: HTTPRequest) throws(HTTPFailure) {
        let address = try WebAddress(request.url)
        var headers = request.headers
        try Self.check(headers)
        if request.method == .get, request.body != nil {
            throw Self.refused("a GET has no body")
        }
        if let signing = request.signing {
            if let token = signing.sessionToken {
                headers.append((name: "X-Amz-Security-Token", value: token))
            }
            try Self.checkSigned(headers, body: request.body, address: address, signing)
        }
        if let deadline = request.deadline, deadline <= .zero {
            throw HTTPFailure(.timedOut, mayHaveTakenEffect: false)
        }
        method = request.method
        url = request.url
        headerLines = Self.lines(headers, hasBody: request.body != nil)
        body = request.body
        deadlineMilliseconds = request.deadline.map(\.wholeMilliseconds)
        maximumResponseBytes = request.maximumResponseBytes
        signing = request.signing
        isLocal = address.isLoopback || address.isContainerAgent
    }

    /// A line break in a name or value would add headers, or a request, of someone else's making.
    private static func check(_ headers: [HTTPHeaders.Field]) throws(HTTPFailure) {
        for (name, value) in headers {
            guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
                throw refused("a header's name is not a token")
            }
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
                throw refused("the value of header \(name) holds control characters")
            }
        }
    }

    /// libcurl signs some requests wrongly: a query before 8.3.0, repeated, empty or suppressed
    /// headers, a header whose name begins with another's before 8.10.0, a body that it did not
    /// get as a whole. None is needed for AWS JSON, so none is sent.
    private static func checkSigned(
        _ headers: [HTTPHeaders.Field],
        body: [UInt8]?,
        address: WebAddress,
        _ signing: SigV4Signing
    ) throws(HTTPFailure) {
        guard !address.hasQuery else { throw refused("a signed request has no query") }
        for part in [signing.service, signing.region] {
            guard !part.isEmpty, part.utf8.count < 64, part.utf8.allSatisfy(isNameByte) else {
                throw refused("the signature's service or region is not a name")
            }
        }
        guard isPlain(signing.accessKeyID), isPlain(signing.secretAccessKey) else {
            throw refused("the credentials are empty or hold control characters")
        }
        guard body == nil || headers.contains(where: { $0.name.lowercased() == "content-type" })
        else { throw refused("a signed body needs a content type") }
        let reserved = ["host", "x-amz-date"]
        var names = reserved
        for (name, value) in headers {
            let name = name.lowercased()
            guard value.utf8.contains(where: { $0 != 0x20 && $0 != 0x09 }) else {
                throw refused("header \(name) of a signed request is empty")
            }
            guard name != "authorization" else {
                throw refused("a signed request brings its own authorization")
            }
            guard !names.contains(where: { $0.hasPrefix(name) || name.hasPrefix($0) }) else {
                throw refused("header \(name) of a signed request repeats or begins another")
            }
            names.append(name)
        }
    }

    private static func lines(_ headers: [HTTPHeaders.Field], hasBody: Bool) -> [String] {
        // libcurl takes `Name:` for a wish to leave the header out, and `Name;` for an empty one.
        var lines = headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        if hasBody, !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            // Otherwise libcurl calls every body a web form.
            lines.append("Content-Type:")
        }
        return lines
    }

    static func refused(_ cause: String) -> HTTPFailure {
        HTTPFailure(.badRequest(cause: cause), mayHaveTakenEffect: false)
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        isNameByte(byte) || "!#$%&'*+.^_`|~".utf8.contains(byte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
    }
}

extension Duration {
    /// Rounded up, since libcurl takes zero for no limit at all; at most about 24 days.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        let limit = Int(Int32.max)
        guard seconds < limit / 1000 else { return limit }
        let perMillisecond: Int64 = 1_000_000_000_000_000
        let rest = (attoseconds + perMillisecond - 1) / perMillisecond
        return max(1, Int(seconds * 1000 + rest))
    }
}
