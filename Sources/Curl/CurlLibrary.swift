import CLibcurl

/// The library itself: initialised once for the process, and checked before first use.
enum CurlLibrary {
    /// 7.86.0, the first release that signs every header it is given (curl's commit history of
    /// `lib/http_aws_sigv4.c`).
    static let oldestVersion: UInt32 = 0x07_56_00

    /// `curl_global_init` must come before any other call; a `static let` runs it exactly once.
    private static let initialised: Bool =
        curl_global_init(Int(CURL_GLOBAL_SSL)) == CURLE_OK

    static func prepare() throws(CurlSetupFailure) {
        guard initialised, let info = loaded_version() else {
            throw .noResources
        }
        let version = String(cString: info.pointee.version)
        try check(
            number: info.pointee.version_num,
            version: version,
            hasTLS: Int(info.pointee.features) & Int(CURL_VERSION_SSL) != 0,
            hasSigV4: acceptsSigV4()
        )
    }

    /// What is loaded at this moment, not what the program was built with.
    static let loaded: String = {
        guard let info = loaded_version() else { return "unknown" }
        let tls = info.pointee.ssl_version.map { String(cString: $0) } ?? "no TLS"
        return [
            "curl \(String(cString: info.pointee.version))",
            String(tls.map { $0 == "/" ? " " : $0 }),
            "glibc \(String(cString: loaded_libc_version()))",
        ].joined(separator: ", ")
    }()

    static func check(
        number: UInt32,
        version: String,
        hasTLS: Bool,
        hasSigV4: Bool
    ) throws(CurlSetupFailure) {
        guard number >= oldestVersion else { throw .tooOld(found: version) }
        guard hasTLS else { throw .lacksTLS(found: version) }
        guard hasSigV4 else { throw .lacksSigV4(found: version) }
    }

    /// The option's presence in the header says nothing about the library that is loaded.
    private static func acceptsSigV4() -> Bool {
        guard let probe = curl_easy_init() else { return false }
        defer { curl_easy_cleanup(probe) }
        return easy_set_string(probe, CURLOPT_AWS_SIGV4, "aws:amz:eu-west-1:ecs") == CURLE_OK
    }
}
