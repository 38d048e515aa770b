package import HCPTerraform

/// One HTTP request to the endpoint, whoever carried it: a server or a Lambda event.
package struct EndpointRequest: Sendable {
    package let method: String
    package let headers: [(name: String, value: String)]
    /// The raw bytes as they were signed; base64 of an event is already undone.
    package let body: [UInt8]

    package init(method: String, headers: [(name: String, value: String)], body: [UInt8]) {
        self.method = method
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
