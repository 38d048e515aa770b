import CLibcurl

/// Sets the options of one easy handle and keeps the first result that is not `CURLE_OK`.
struct EasyOptions {
    let handle: UnsafeMutableRawPointer
    private(set) var failure: CURLcode?

    init(_ handle: UnsafeMutableRawPointer) { self.handle = handle }

    mutating func check(_ result: CURLcode) {
        if result != CURLE_OK, failure == nil { failure = result }
    }

    /// What holds for every request.
    ///
    /// - Parameter authorities: to be kept until the handle is gone; nil for those of a file.
    mutating func setRules(
        _ configuration: CurlConfiguration,
        _ authorities: Authorities?,
        isLocal: Bool
    ) {
        // Signals are main's business; libcurl would use SIGALRM and touch SIGPIPE.
        check(easy_set_long(handle, CURLOPT_NOSIGNAL, 1))
        check(easy_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https"))
        check(easy_set_long(handle, CURLOPT_FOLLOWLOCATION, 0))
        // One dialect everywhere: AWS's JSON services speak 1.1, and so do the ECS endpoints.
        check(easy_use_http_1_1(handle))
        check(easy_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1))
        check(easy_set_string(handle, CURLOPT_USERAGENT, configuration.userAgent))
        if let authorities {
            authorities.set(on: &self)
        } else if let path = configuration.caBundlePath {
            check(easy_set_string(handle, CURLOPT_CAINFO, path))
        }
        // Other hosts are reached as the environment says (https_proxy, no_proxy, ...).
        if isLocal { check(easy_set_string(handle, CURLOPT_PROXY, "")) }
        // An older library than the header's may refuse; it then only waits longer.
        _ = easy_abandon_lookups(handle)
    }

    mutating func setDeadlines(_ request: CheckedRequest, _ configuration: CurlConfiguration) {
        check(easy_set_long(handle, CURLOPT_TIMEOUT_MS, request.deadlineMilliseconds ?? 0))
        let connect = configuration.connectTimeout.wholeMilliseconds
        check(easy_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, connect))
    }

    mutating func setMessage(
        _ request: CheckedRequest,
        headerList: UnsafeMutablePointer<curl_slist>?
    ) {
        check(easy_set_string(handle, CURLOPT_URL, request.url))
        if let headerList { check(easy_set_list(handle, CURLOPT_HTTPHEADER, headerList)) }
        if let body = request.body ?? (request.method.sendsBody ? [] : nil) {
            // The size first: without it libcurl copies up to the first zero byte.
            check(easy_set_long(handle, CURLOPT_POSTFIELDSIZE, body.count))
            // One byte more than is sent: an empty array may have no address, and a null one would
            // make libcurl read the body from standard input.
            check(easy_set_bytes(handle, CURLOPT_COPYPOSTFIELDS, body + [0]))
        } else {
            check(easy_set_long(handle, CURLOPT_HTTPGET, 1))
        }
        if request.method != .get, request.method != .post {
            check(easy_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method.rawValue))
        }
    }

    mutating func setSigning(_ signing: SigV4Signing?) {
        guard let signing else { return }
        let scope = "aws:amz:\(signing.region):\(signing.service)"
        check(easy_set_string(handle, CURLOPT_AWS_SIGV4, scope))
        check(easy_set_string(handle, CURLOPT_USERNAME, signing.accessKeyID))
        check(easy_set_string(handle, CURLOPT_PASSWORD, signing.secretAccessKey))
    }
}

extension HTTPRequest.Method {
    /// These go with a length even when there is nothing to send.
    fileprivate var sendsBody: Bool {
        switch self {
        case .post, .put, .patch: true
        case .get, .delete: false
        }
    }
}
