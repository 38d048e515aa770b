/// The kinds of secret that no log and no ledger shows.
///
/// A made-up secret carries its kind's mark, so that a leak is found even where only a part of it
/// is shown, and a text is searched for a few short marks instead of hundreds of secrets.
package enum SecretKind: String, CaseIterable, Sendable {
    case agentToken = "the agent token"
    case apiToken = "the API token"
    case hmacKey = "the HMAC key"
    case accessToken = "a run task's access token"
    case callback = "a run task's callback URL"
    case credentials = "AWS credentials"

    /// Text common to all secrets of this kind: hexadecimal, so that it fits into a UUID.
    package var mark: String {
        switch self {
        case .agentToken: "5ec2e70a"
        case .apiToken: "5ec2e70b"
        case .hmacKey: "5ec2e70c"
        case .accessToken: "5ec2e70d"
        case .callback: "5ec2e70e"
        case .credentials: "5ec2e70f"
        }
    }

    private static let commonMark = Array("5ec2e70".utf8)

    /// What kind of secret the text shows, if any.
    package static func found(in text: String) -> SecretKind? {
        guard holds(text, commonMark) else { return nil }
        return allCases.first { holds(text, Array($0.mark.utf8)) }
    }

    private static func holds(_ text: String, _ mark: [UInt8]) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count >= mark.count else { return false }
        return bytes.indices.dropLast(mark.count - 1).contains { start in
            bytes[start] == mark[0] && bytes[start..<start + mark.count].elementsEqual(mark)
        }
    }
}
