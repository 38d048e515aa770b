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

    /// The value of a header that must be there exactly once; names compare without case.
    func single(_ name: String) -> String? {
        let values = headers.filter { $0.name.lowercased() == name }
        return values.count == 1 ? values[0].value : nil
    }
}

/// The answer. HCP Terraform acts on the status alone: 200 is done, anything else is tried again.
package struct EndpointResponse: Hashable, Sendable {
    package let status: Int
    /// One sentence for a person with curl; holds nothing of the request.
    package let body: String

    package init(_ status: Int, _ body: String) {
        self.status = status
        self.body = body
    }
}
