import Seeded

/// The kinds of secret that design rule 8 keeps out of logs and ledger.
///
/// Every secret made here carries its kind's mark, so that a leak is found even where only a part
/// of the secret is shown, and a line is searched for a few short texts instead of hundreds.
enum SecretKind: String, CaseIterable, Sendable {
    case agentToken = "the agent token"
    case apiToken = "the API token"
    case hmacKey = "the HMAC key"
    case accessToken = "a run task's access token"
    case callback = "a run task's callback URL"
    case credentials = "AWS credentials"

    /// Text common to all secrets of this kind: hexadecimal, so that it fits into a UUID.
    var mark: String {
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

    /// A new secret: the mark and `length` random hexadecimal digits.
    func make(_ length: Int = 40, from random: inout SeededRandom) -> String {
        mark + random.hex(length)
    }

    /// What kind of secret `text` shows, or `nil`.
    static func found(in text: String) -> SecretKind? {
        guard Array(text.utf8).firstIndex(ofSequence: commonMark) != nil else { return nil }
        return allCases.first { text.contains($0.mark) }
    }
}
