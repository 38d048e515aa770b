import CLibcurl

/// One request on its way: an easy handle and what has come back so far. Lives on the loop
/// thread only.
///
/// The handle is fresh for each request, since a reused one signs the body of the request before
/// it (connections are the multi handle's and are reused all the same).
final class Transfer {
    typealias Answer = Result<HTTPResponse, HTTPFailure>

    let handle: UnsafeMutableRawPointer
    private var headerList: UnsafeMutablePointer<curl_slist>?
    /// Which the handle reads where they are.
    private let authorities: Authorities?
    private let mayRepeat: Bool
    private let maximumResponseBytes: Int
    /// How often libcurl was about to send this request.
    private var attempts = 0
    private var refusedRepeat = false
    private var overflowed = false
    private var headers = HTTPHeaders()
    private var headerBytes = 0
    private var body: [UInt8] = []

    /// More header bytes than any server in use sends, so that no peer fills the memory.
    static let maximumHeaderBytes = 64 << 10

    /// - Throws: when the request cannot be set up; nothing was sent.
    init(
        _ request: CheckedRequest,
        _ configuration: CurlConfiguration,
        _ authorities: Authorities?,
        sessions: UnsafeMutableRawPointer?
    ) throws(HTTPFailure) {
        self.authorities = authorities
        guard let handle = curl_easy_init() else {
            throw Self.failure(CURLE_OUT_OF_MEMORY, mayHaveTakenEffect: false)
        }
        self.handle = handle
        mayRepeat = request.method.isIdempotent
        maximumResponseBytes = request.maximumResponseBytes
        let context = Unmanaged.passUnretained(self).toOpaque()
        for line in request.headerLines {
            guard let longer = curl_slist_append(headerList, line) else {
                throw Self.failure(CURLE_OUT_OF_MEMORY, mayHaveTakenEffect: false)
            }
            headerList = longer
        }
        var options = EasyOptions(handle)
        options.setRules(configuration, authorities, isLocal: request.isLocal)
        if let sessions { options.check(easy_set_share(handle, sessions)) }
        options.setDeadlines(request, configuration)
        options.setMessage(request, headerList: headerList)
        options.setSigning(request.signing)
        options.setCallbacks(context)
        if let failed = options.failure {
            throw Self.failure(failed, mayHaveTakenEffect: false)
        }
    }

    /// Must be off the multi handle by now; libcurl may still read the list until the handle is
    /// cleaned up.
    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(headerList)
    }

    /// Whether any byte of the request may have left this machine.
    var mayHaveTakenEffect: Bool { attempts > 0 }

    /// - Parameter code: libcurl's result for the finished transfer.
    func answer(for code: CURLcode) -> Answer {
        if overflowed { return .failure(HTTPFailure(.tooLarge, mayHaveTakenEffect: true)) }
        if refusedRepeat {
            // What libcurl would have repeated: a kept connection that closed without an answer.
            return .failure(Self.failure(CURLE_GOT_NOTHING, mayHaveTakenEffect: true))
        }
        guard code == CURLE_OK else {
            return .failure(Self.failure(code, mayHaveTakenEffect: mayHaveTakenEffect))
        }
        var status = 0
        easy_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        return .success(HTTPResponse(status: status, headers: headers, body: body))
    }

    // MARK: Callbacks

    /// - Returns: whether the request may be sent.
    ///
    /// libcurl sends a request again by itself when a kept connection closed without a byte of
    /// answer. The peer may have acted on the first one, so a POST is not sent twice.
    fileprivate func beforeRequest() -> Bool {
        if attempts > 0, !mayRepeat {
            refusedRepeat = true
            return false
        }
        attempts += 1
        return true
    }

    /// - Returns: whether the transfer goes on.
    fileprivate func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headerBytes += bytes.count
        guard headerBytes <= Self.maximumHeaderBytes else {
            overflowed = true
            return false
        }
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // An interim answer (100 Continue) came before.
            headers = HTTPHeaders()
        } else if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...]
            headers.append((name: String(line[..<colon]), value: value.trimmed))
        }
        return true
    }

    /// - Returns: whether the transfer goes on.
    fileprivate func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= maximumResponseBytes - body.count else {
            overflowed = true
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    fileprivate static func at(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }
}

extension EasyOptions {
    /// The callbacks come on the loop thread, inside `curl_multi_perform`, while the loop's table
    /// holds the transfer.
    fileprivate mutating func setCallbacks(_ transfer: UnsafeMutableRawPointer) {
        check(
            easy_set_receiver(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                let received = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return Transfer.at(context)?.receiveHeader(received) == true ? size * count : 0
            }
        )
        check(easy_set_context(handle, CURLOPT_HEADERDATA, transfer))
        check(
            easy_set_receiver(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                let received = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return Transfer.at(context)?.receiveBody(received) == true ? size * count : 0
            }
        )
        check(easy_set_context(handle, CURLOPT_WRITEDATA, transfer))
        check(
            easy_set_before_request(handle) { context, _, _, _, _ in
                Transfer.at(context)?.beforeRequest() == true
                    ? Int32(CURL_PREREQFUNC_OK) : Int32(CURL_PREREQFUNC_ABORT)
            }
        )
        check(easy_set_context(handle, CURLOPT_PREREQDATA, transfer))
    }
}

extension Transfer {
    fileprivate static func failure(_ code: CURLcode, mayHaveTakenEffect: Bool) -> HTTPFailure {
        let text = String(cString: curl_easy_strerror(code))
        let kind: HTTPFailure.Kind =
            switch code {
            case CURLE_OPERATION_TIMEDOUT: .timedOut
            case CURLE_COULDNT_CONNECT: .couldNotConnect
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .nameNotResolved
            case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .badRequest(cause: text)
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
                CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
                CURLE_SSL_INVALIDCERTSTATUS:
                .tls(cause: text)
            default: .other(code: Int(code.rawValue), cause: text)
            }
        return HTTPFailure(kind, mayHaveTakenEffect: mayHaveTakenEffect)
    }
}

extension Substring {
    fileprivate var trimmed: String {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d || $0 == 0x0a }
        let tail = utf8.drop(while: isSpace)
        guard let last = tail.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(decoding: tail[...last], as: UTF8.self)
    }
}
