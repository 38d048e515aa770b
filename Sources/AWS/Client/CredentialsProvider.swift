package import Curl
package import Decisions
import FoundationEssentials
package import Ports
import StrictJSON

/// Keeps credentials fresh for everyone who signs.
package actor CredentialsProvider {
    private let source: CredentialsSource
    private let http: any HTTPClient
    private let retry: RetryClock
    private let now: @Sendable () -> WallTime
    private var current: Credentials?
    private var flight: Task<Result<Credentials, CredentialsFailure>, Never>?

    /// From this long before they expire, new ones are fetched while the old ones go on being
    /// used. The agent has new ones well before that (botocore's advisory time).
    static let renewalLead: Duration = .seconds(15 * 60)
    /// This close to the end a request may arrive with credentials that have expired.
    static let safetyMargin: Duration = .seconds(60)
    /// The endpoint is on this host.
    static let fetchDeadline: Duration = .seconds(2)
    static let maximumAttempts = 3

    /// - Parameter now: the wall clock, which `Expiration` is compared with.
    package init(
        _ source: CredentialsSource,
        http: any HTTPClient,
        retry: RetryClock = RetryClock(),
        now: @escaping @Sendable () -> WallTime = { .now() }
    ) {
        self.source = source
        self.http = http
        self.retry = retry
        self.now = now
    }

    /// Credentials that are valid for a while yet. Callers at the same time share one request,
    /// and nobody waits for one while the old ones are good.
    ///
    /// - Throws: when there are none; the next call asks again.
    package func credentials() async throws(CredentialsFailure) -> Credentials {
        if case .fixed(let credentials) = source { return credentials }
        if let current {
            let left = current.expires.map { $0.since(now()) }
            guard let left, left <= Self.renewalLead else { return current }
            if left > Self.safetyMargin {
                // Its failure is no news: the next call tries again.
                _ = renewal()
                return current
            }
        }
        return try await renewal().value.get()
    }

    /// The fetch under way, or a new one.
    private func renewal() -> Task<Result<Credentials, CredentialsFailure>, Never> {
        if let flight { return flight }
        let flight = Task {
            let result = await self.fetch()
            self.landed(result)
            return result
        }
        self.flight = flight
        return flight
    }

    private func landed(_ result: Result<Credentials, CredentialsFailure>) {
        flight = nil
        if case .success(let credentials) = result { current = credentials }
    }

    private func fetch() async -> Result<Credentials, CredentialsFailure> {
        guard case .container(let url, let authorization) = source else {
            preconditionFailure("fixed credentials are never fetched")
        }
        var attempt = 1
        while true {
            do throws(CredentialsFailure) {
                return .success(try await fetchOnce(url, authorization))
            } catch {
                guard error.isPassing, attempt < Self.maximumAttempts,
                    await retry.pause(afterTry: attempt)
                else { return .failure(error) }
                attempt += 1
            }
        }
    }

    private func fetchOnce(
        _ url: String,
        _ authorization: CredentialsSource.Authorization?
    ) async throws(CredentialsFailure) -> Credentials {
        var request = HTTPRequest(.get, url, deadline: Self.fetchDeadline)
        if let value = try Self.headerValue(authorization) {
            request.headers.append((name: "Authorization", value: value))
        }
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            throw .unreachable(error)
        }
        guard response.status == 200 else { throw .refused(status: response.status) }
        let credentials = try Self.credentials(in: response.body)
        guard let expires = credentials.expires, expires > now() else {
            throw .malformed(cause: "they have expired already")
        }
        return credentials
    }

    private static func headerValue(
        _ authorization: CredentialsSource.Authorization?
    ) throws(CredentialsFailure) -> String? {
        switch authorization {
        case nil: return nil
        case .token(let token): return token
        case .file(let path):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw .unreadableToken(path: path)
            }
            let text = String(decoding: data, as: UTF8.self)
            guard let token = text.split(whereSeparator: \.isWhitespace).first else {
                throw .unreadableToken(path: path)
            }
            return String(token)
        }
    }

    /// The agent's answer (ecs-agent, `credentials.IAMRoleCredentials`).
    private struct Answer: Decodable {
        let accessKeyID: String
        let secretAccessKey: String
        let token: String
        let expiration: String

        enum CodingKeys: String, CodingKey {
            case accessKeyID = "AccessKeyId"
            case secretAccessKey = "SecretAccessKey"
            case token = "Token"
            case expiration = "Expiration"
        }
    }

    private static func credentials(in body: [UInt8]) throws(CredentialsFailure) -> Credentials {
        guard let answer = try? StrictJSON.decode(Answer.self, from: body) else {
            throw .malformed(
                cause: "expected AccessKeyId, SecretAccessKey, Token and Expiration as text"
            )
        }
        guard !answer.accessKeyID.isEmpty, !answer.secretAccessKey.isEmpty, !answer.token.isEmpty
        else { throw .malformed(cause: "one of the credentials is empty") }
        guard let expires = WallTime(rfc3339: answer.expiration) else {
            throw .malformed(cause: "Expiration is not a time of RFC 3339")
        }
        return Credentials(
            accessKeyID: answer.accessKeyID,
            secretAccessKey: answer.secretAccessKey,
            sessionToken: answer.token,
            expires: expires
        )
    }
}
