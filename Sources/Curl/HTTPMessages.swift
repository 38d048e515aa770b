/// Header fields in the order they were given or received; names compare without regard to case
/// (RFC 9110, section 5.1).
package struct HTTPHeaders: Sendable, Sequence, ExpressibleByArrayLiteral {
    package typealias Field = (name: String, value: String)

    package private(set) var fields: [Field]

    package init(_ fields: [Field] = []) { self.fields = fields }
    package init(arrayLiteral fields: Field...) { self.fields = fields }

    /// The value of the first field of this name.
    package subscript(name: String) -> String? {
        let wanted = name.lowercased()
        return fields.first { $0.name.lowercased() == wanted }?.value
    }

    package mutating func append(_ field: Field) { fields.append(field) }
    package func makeIterator() -> IndexingIterator<[Field]> { fields.makeIterator() }
}

/// One request. Nothing in it is ever part of an error's text: URLs, headers and bodies carry
/// tokens and keys.
package struct HTTPRequest: Sendable {
    package enum Method: String, Sendable, CaseIterable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"

        /// Whether sending twice is the same as sending once (RFC 9110, section 9.2.2).
        package var isIdempotent: Bool {
            switch self {
            case .get, .put, .delete: true
            case .post, .patch: false
            }
        }
    }

    package var method: Method
    /// `http` or `https`, without user information.
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]?
    /// For the whole request, name lookup and connecting included. Nil waits for the answer for
    /// ever, which only the Lambda runtime's next invocation may ask for.
    package var deadline: Duration?
    /// A longer answer is abandoned as soon as it is known to be longer.
    package var maximumResponseBytes: Int
    package var signing: SigV4Signing?

    /// Room for every answer of those who name no other limit, and a bound on what a faulty peer
    /// makes this process hold.
    package static let defaultMaximumResponseBytes = 1 << 20

    package init(
        _ method: Method,
        _ url: String,
        headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil,
        deadline: Duration? = .seconds(10),
        maximumResponseBytes: Int = defaultMaximumResponseBytes,
        signing: SigV4Signing? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.maximumResponseBytes = maximumResponseBytes
        self.signing = signing
    }
}

/// What AWS Signature Version 4 needs besides the request. The signature itself is made by
/// libcurl when the request is sent, with the time of that moment.
package struct SigV4Signing: Sendable {
    package let service: String
    package let region: String
    package let accessKeyID: String
    package let secretAccessKey: String
    /// Sent as `X-Amz-Security-Token`, and signed like every header.
    package let sessionToken: String?

    package init(
        service: String,
        region: String,
        accessKeyID: String,
        secretAccessKey: String,
        sessionToken: String? = nil
    ) {
        self.service = service
        self.region = region
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }
}

extension SigV4Signing: CustomStringConvertible {
    /// Without the keys, so that a log of a request cannot hold them.
    package var description: String { "SigV4 for \(service) in \(region)" }
}

/// An answer of any status: what a status means is for the caller to say.
package struct HTTPResponse: Sendable {
    package let status: Int
    package let headers: HTTPHeaders
    package let body: [UInt8]

    package init(status: Int, headers: HTTPHeaders = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
