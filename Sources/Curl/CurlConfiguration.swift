/// What holds for every request of a ``CurlClient``.
package struct CurlConfiguration: Sendable {
    package var userAgent: String
    /// A file of trusted certificates in PEM form; nil for libcurl's default.
    package var caBundlePath: String?
    /// More of them, as PEM text, trusted beside those.
    package var moreAuthorities: String?
    /// Bounds name lookup, connecting and the TLS handshake, within the request's own deadline.
    package var connectTimeout: Duration
    /// Open connections kept for later requests. A sidecar talks to five hosts.
    package var maximumConnectionsKept: Int

    package init(
        userAgent: String = "hcp-terraform-agents-on-ecs",
        caBundlePath: String? = nil,
        moreAuthorities: String? = nil,
        connectTimeout: Duration = .seconds(5),
        maximumConnectionsKept: Int = 8
    ) {
        self.userAgent = userAgent
        self.caBundlePath = caBundlePath
        self.moreAuthorities = moreAuthorities
        self.connectTimeout = connectTimeout
        self.maximumConnectionsKept = maximumConnectionsKept
    }
}

/// Why there can be no ``CurlClient`` in this process. Nothing was started.
package enum CurlSetupFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Before 7.86.0 libcurl leaves `X-Amz-Target` and the session token out of the signature.
    case tooOld(found: String)
    case lacksTLS(found: String)
    /// A build without AWS signatures (`CURL_DISABLE_AWS`).
    case lacksSigV4(found: String)
    case unreadableCABundle(path: String)
    case badUserAgent
    /// Memory or threads have run out.
    case noResources

    package var description: String {
        switch self {
        case .tooOld(let found): "libcurl 7.86.0 or newer is needed; found \(found)"
        case .lacksTLS(let found): "libcurl \(found) was built without TLS"
        case .lacksSigV4(let found): "libcurl \(found) was built without AWS SigV4 signatures"
        case .unreadableCABundle(let path): "the CA bundle \(path) cannot be read"
        case .badUserAgent: "the user agent must not be empty or hold control characters"
        case .noResources: "libcurl could not be started: out of memory or threads"
        }
    }
}
