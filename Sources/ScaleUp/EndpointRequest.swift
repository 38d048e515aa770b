package import HCPTerraform

/// One HTTP request to the endpoint, whoever carried it: a server or a Lambda event.
package struct EndpointRequest: Sendable {
    /// Where it comes from.
    package enum Sender: Hashable, Sendable {
        /// Whoever carried it here has let it in.
        case admitted
        case address(String)
    }

    package let sender: Sender
    package let method: String
    /// Of its URL, without the query.
    package let path: String
    package let headers: [(name: String, value: String)]
    /// The raw bytes as they were signed; base64 of an event is already undone.
    package let body: [UInt8]

    package init(
        from sender: Sender = .admitted,
        method: String,
        path: String = "/",
        headers: [(name: String, value: String)],
        body: [UInt8]
    ) {
        self.sender = sender
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
    }

    /// The values of all its signature headers, of which one must be there, whatever its kind;
    /// names compare without case.
    package var signatures: [(kind: CallKind, value: String)] {
        headers.compactMap { header in
            CallKind(header: header.name).map { (kind: $0, value: header.value) }
        }
    }

    /// The values of its `X-Forwarded-For` headers.
    var forwardedFor: [String] {
        headers.filter { $0.name.lowercased() == "x-forwarded-for" }.map(\.value)
    }

    /// The pool that the address names. Nobody signs it, so it decides no more than which of the
    /// pools is meant.
    package var pool: String? { Self.pool(in: path) }

    /// - Returns: `NAME` of a path that ends with `/pools/NAME`, nil of any other.
    package static func pool(in path: String) -> String? {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        if parts.last == "" { parts.removeLast() }
        guard parts.count >= 2, parts[parts.endIndex - 2] == "pools" else { return nil }
        return String(parts[parts.endIndex - 1])
    }

    /// Judged by the keys of notifications.
    var isNotification: Bool { signatures.first?.kind == .notification }
}

/// The answer. HCP Terraform acts on the status alone: 200 is done, anything else is tried again.
package struct EndpointResponse: Hashable, Sendable {
    package let status: Int
    /// One sentence for a person with curl; holds nothing of the request.
    package let body: String
    /// Beside those that say what the body is; names in lower case.
    package let headers: [String: String]

    package init(_ status: Int, _ body: String, headers: [String: String] = [:]) {
        self.status = status
        self.body = body
        self.headers = headers
    }

    /// 503, with a header that says when.
    package static func tryAgain(_ body: String) -> EndpointResponse {
        EndpointResponse(503, body, headers: ["retry-after": "2"])
    }
}
