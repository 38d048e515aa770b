package import Curl
internal import FoundationEssentials
import StrictJSON

/// Why a call of HCP Terraform's API has no answer that can be used. All calls in use read, so
/// nothing was changed.
package enum TerraformFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// 401: the token is missing, wrong or revoked.
    case unauthorized
    /// There is no token to ask with; nothing was sent.
    case noToken(cause: String)
    /// 404: it does not exist, or the token may not see it; the API does not say which.
    case notFound
    /// 429; nothing may be asked before this time has passed.
    case throttled(Duration)
    case status(Int)
    case transport(HTTPFailure)
    case malformedAnswer

    package var description: String {
        switch self {
        case .unauthorized: "HCP Terraform refuses TFE_TOKEN (status 401)"
        case .noToken(let cause): "there is no API token: \(cause)"
        case .notFound:
            "HCP Terraform does not find it, or TFE_TOKEN may not see it (status 404)"
        case .throttled(let wait):
            "HCP Terraform asks to wait \(wait.components.seconds) s (status 429)"
        case .status(let status): "HCP Terraform answers with status \(status)"
        case .transport(let failure): "HCP Terraform cannot be reached: \(failure)"
        case .malformedAnswer: "HCP Terraform's answer is not what its API documents"
        }
    }
}

/// The API's token as it is at the moment, for those who keep it where it can be replaced.
package struct TokenSource: Sendable {
    fileprivate let current: @Sendable () async throws -> String
    fileprivate let wasRefused: @Sendable (String) async -> Void

    /// - Parameters:
    ///   - current: reads the token for one call; what it throws is a failure of that call.
    ///   - wasRefused: hears of a token that HCP Terraform answered with 401.
    package init(
        current: @escaping @Sendable () async throws -> String,
        wasRefused: @escaping @Sendable (String) async -> Void
    ) {
        self.current = current
        self.wasRefused = wasRefused
    }

    /// A token that stays as it is.
    package init(_ token: String) {
        self.init(current: { token }, wasRefused: { _ in })
    }
}

/// The reading side of HCP Terraform's API, version 2, and Terraform Enterprise's.
package struct TerraformAPI: Sendable {
    private let http: any HTTPClient
    private let base: String
    private let token: TokenSource

    /// - Parameters:
    ///   - address: scheme, host and port, without a path.
    ///   - token: of a user, a team or an organization; agent pool tokens are not valid here
    ///     ("API tokens").
    package init(_ http: any HTTPClient, address: String, token: TokenSource) {
        self.http = http
        self.base = address + "/api/v2"
        self.token = token
    }

    /// With a token that stays as it is.
    package init(_ http: any HTTPClient, address: String, token: String) {
        self.init(http, address: address, token: TokenSource(token))
    }

    /// - Parameters:
    ///   - path: begins with a slash; every name in it is encoded already.
    ///   - deadline: for this one try; nothing is tried twice.
    func get<Answer: Decodable>(
        _ path: String,
        deadline: Duration,
        maximumResponseBytes: Int = HTTPRequest.defaultMaximumResponseBytes,
        as type: Answer.Type = Answer.self
    ) async throws(TerraformFailure) -> Answer {
        let token: String
        do {
            token = try await self.token.current()
        } catch {
            throw .noToken(cause: "\(error)")
        }
        let request = HTTPRequest(
            .get,
            base + path,
            headers: [
                ("Authorization", "Bearer " + token), ("Accept", "application/vnd.api+json"),
            ],
            deadline: deadline,
            maximumResponseBytes: maximumResponseBytes
        )
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            throw .transport(error)
        }
        switch response.status {
        case 200: break
        case 401:
            await self.token.wasRefused(token)
            throw .unauthorized
        case 404: throw .notFound
        case 429: throw .throttled(Self.wait(response))
        default: throw .status(response.status)
        }
        do {
            return try StrictJSON.decode(Answer.self, from: response.body)
        } catch {
            throw .malformedAnswer
        }
    }

    /// How long to stay away: the documented header holds seconds, with a fraction.
    private static func wait(_ response: HTTPResponse) -> Duration {
        let seconds = response.headers["x-ratelimit-reset"].flatMap(Double.init) ?? 0
        guard seconds.isFinite else { return longestWait }
        return min(max(.seconds(seconds.clamped(to: 0...3_600)), shortestWait), longestWait)
    }

    /// The header has been seen to say 0.0 for a limit that was just reached.
    static let shortestWait: Duration = .seconds(1)
    /// The longest window of its limits is a minute; a longer wait would be a fault of theirs.
    static let longestWait: Duration = .seconds(300)
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}

extension String {
    /// As one segment of a path or one value of a query (RFC 3986, section 2.3).
    var percentEncoded: String {
        let digits = Array("0123456789ABCDEF")
        var result = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return result
    }
}
