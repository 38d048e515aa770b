internal import Crypto
internal import FoundationEssentials

/// What a call of either kind is signed with: HMAC-SHA512 of the raw body, in hex, in the header of
/// its ``CallKind``.
package struct RunTaskSignature: Sendable {
    fileprivate let code: [UInt8]

    /// - Parameter hex: the header's value.
    /// - Returns: nil for what no key can have made: anything but 128 hex digits.
    package init?(_ hex: String) {
        let digits = Array(hex.utf8)
        guard digits.count == SHA512.byteCount * 2 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(SHA512.byteCount)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(digits[index]), let low = Self.value(digits[index + 1])
            else { return nil }
            bytes.append(high << 4 | low)
        }
        code = bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// The key that a run task is configured with, or the token of a notification configuration, and the check of what it signs.
package struct RunTaskKey: Sendable {
    private let key: SymmetricKey

    package init(_ secret: String) { key = SymmetricKey(data: Data(secret.utf8)) }

    /// True when `signature` is this key's for `body`. Takes the same time wherever they differ.
    package func signed(_ body: [UInt8], _ signature: RunTaskSignature) -> Bool {
        HMAC<SHA512>.isValidAuthenticationCode(
            signature.code,
            authenticating: body,
            using: key
        )
    }

    /// The signature of a body, as HCP Terraform would send it.
    package func sign(_ body: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let code = HMAC<SHA512>.authenticationCode(for: body, using: key)
        let hex = code.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: hex, as: UTF8.self)
    }
}

/// What HCP Terraform calls about. Both come to the same address, are signed in the same way, and
/// are told apart by the header that the signature is in.
package enum CallKind: String, Sendable, CaseIterable {
    /// A run task at one of its stages (run tasks integration API, "Securing your run task").
    case runTask = "x-tfc-task-signature"
    /// A notification of a workspace or of a project ("Notification configurations", "Notification
    /// authenticity"). The header is empty where the configuration has no token.
    case notification = "x-tfe-notification-signature"

    /// The name of its header, in lower case.
    package var header: String { rawValue }

    /// - Parameter header: a name in letters of any case.
    package init?(header: String) { self.init(rawValue: header.lowercased()) }
}
