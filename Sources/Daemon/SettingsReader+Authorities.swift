internal import FoundationEssentials

/// Whose certificates are trusted.
package struct TrustedAuthorities: Hashable, Sendable {
    /// A file in PEM form; nil for the system's.
    package let path: String?
    /// More of them, as PEM text; nil for none.
    package let more: String?

    package init(path: String?, more: String?) {
        self.path = path
        self.more = more
    }
}

extension SettingsReader {
    /// `SSL_CERT_FILE`, in place of the system's, and `CA_BUNDLE`, beside whichever it is.
    package mutating func authorities() -> TrustedAuthorities {
        let more = value("CA_BUNDLE")
        if let more, !PEM.isCertificates(more) {
            problem(
                "CA_BUNDLE is not what is expected: certificates in PEM form, each whole, from "
                    + "-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
            )
        }
        return TrustedAuthorities(path: value("SSL_CERT_FILE"), more: more)
    }
}

/// Certificates as text (RFC 7468).
enum PEM {
    private static let begin = "-----BEGIN CERTIFICATE-----"
    private static let end = "-----END CERTIFICATE-----"

    /// Whether it holds one certificate at least, and each is whole. What stands between them is
    /// left to whoever wrote it, but for keys, which nobody should have put here.
    static func isCertificates(_ text: String) -> Bool {
        guard text.utf8.allSatisfy({ $0 != 0 }), !text.contains("PRIVATE KEY-----") else {
            return false
        }
        var body: String?
        var count = 0
        for line in text.split(whereSeparator: \.isNewline).map({ $0.filter { $0 != " " } }) {
            switch line {
            case begin.filter({ $0 != " " }):
                guard body == nil else { return false }
                body = ""
            case end.filter({ $0 != " " }):
                guard let base64 = body, isWhole(base64) else { return false }
                body = nil
                count += 1
            default: body?.append(contentsOf: line)
            }
        }
        return body == nil && count > 0
    }

    /// Whether it is one sequence of ASN.1, as long as that says itself (X.690, 8.1.3): a text that
    /// was cut off on its way, as by a limit of its length, is not.
    private static func isWhole(_ base64: String) -> Bool {
        guard let der = Data(base64Encoded: base64).map(Array.init), der.count > 4,
            der[0] == 0x30, der[1] == 0x82
        else { return false }
        return der.count == 4 + Int(der[2]) << 8 + Int(der[3])
    }
}
