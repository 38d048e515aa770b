import CLibcurl

/// An `http` or `https` URL, taken apart by libcurl itself so that whoever checks one and the
/// client that uses it cannot disagree about where it leads.
package struct WebAddress: Hashable, Sendable {
    /// `http` or `https`.
    package let scheme: String
    /// In lower case; an IPv6 address in brackets.
    package let host: String
    /// The scheme's own when the URL names none.
    package let port: Int
    /// Begins with a slash.
    package let path: String
    package let hasQuery: Bool

    /// - Throws: `badRequest`; the cause never quotes the URL, whose path or query may be secret.
    package init(_ url: String) throws(HTTPFailure) {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw CheckedRequest.refused("the URL holds spaces or control characters")
        }
        guard let handle = curl_url() else { throw CheckedRequest.refused("out of memory") }
        defer { curl_url_cleanup(handle) }
        let flags = UInt32(CURLU_NON_SUPPORT_SCHEME)
        guard curl_url_set(handle, CURLUPART_URL, url, flags) == CURLUE_OK,
            let scheme = Self.part(CURLUPART_SCHEME, of: handle)
        else { throw CheckedRequest.refused("the URL is malformed") }
        guard scheme == "http" || scheme == "https" else {
            throw CheckedRequest.refused("the URL's scheme is neither http nor https")
        }
        guard let host = Self.part(CURLUPART_HOST, of: handle), !host.isEmpty else {
            throw CheckedRequest.refused("the URL has no host")
        }
        guard Self.part(CURLUPART_USER, of: handle) == nil,
            Self.part(CURLUPART_PASSWORD, of: handle) == nil
        else { throw CheckedRequest.refused("the URL holds user information") }
        let port = Self.part(CURLUPART_PORT, of: handle, UInt32(CURLU_DEFAULT_PORT))
        self.scheme = scheme
        self.host = host.lowercased()
        self.port = port.flatMap { Int($0) } ?? 0
        self.path = Self.part(CURLUPART_PATH, of: handle) ?? "/"
        self.hasQuery = Self.part(CURLUPART_QUERY, of: handle) != nil
    }

    /// This machine itself.
    package var isLoopback: Bool {
        host == "localhost" || host == "[::1]" || (host.hasPrefix("127.") && isNumeric)
    }

    /// The link-local addresses of the ECS agent and of EKS's (metadata, credentials, task
    /// protection; ECS developer guide, task-metadata-endpoint-v4).
    package var isContainerAgent: Bool {
        host == "169.254.170.2" || host == "169.254.170.23" || host == "[fd00:ec2::23]"
    }

    private var isNumeric: Bool {
        host.utf8.allSatisfy { $0 == 0x2e || (0x30...0x39).contains($0) }
    }

    private static func part(
        _ part: CURLUPart,
        of handle: OpaquePointer,
        _ flags: UInt32 = 0
    ) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
