package import Curl
package import Decisions
import FoundationEssentials

/// What requests are signed with.
package struct Credentials: Hashable, Sendable, CustomStringConvertible {
    package let accessKeyID: String
    package let secretAccessKey: String
    package let sessionToken: String?
    /// When they stop being accepted; nil for never.
    package let expires: WallTime?

    package init(
        accessKeyID: String,
        secretAccessKey: String,
        sessionToken: String? = nil,
        expires: WallTime? = nil
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expires = expires
    }

    /// Without the values.
    package var description: String { "credentials" }
}

/// Where credentials come from.
package enum CredentialsSource: Hashable, Sendable {
    /// `AWS_ACCESS_KEY_ID` and its like, as Lambda sets them: they outlive the process.
    case fixed(Credentials)
    /// The container agent's endpoint (ECS developer guide, task-iam-roles).
    case container(url: String, authorization: Authorization?)

    /// What goes into the `Authorization` header for the container's endpoint.
    package enum Authorization: Hashable, Sendable {
        case token(String)
        /// Read anew for each request, since whoever wrote the file replaces it.
        case file(path: String)
    }

    /// The relative URI's host (ECS developer guide, task-iam-roles).
    static let containerHost = "http://169.254.170.2"

    /// - Parameter environment: the process's variables. Plain credentials win over a relative
    ///   URI, that over a full one, as in AWS's own SDKs.
    /// - Throws: ``AWSSettingsFailure`` naming the faulty variables, never their values.
    package init(_ environment: [String: String]) throws(AWSSettingsFailure) {
        let key = environment.setting("AWS_ACCESS_KEY_ID")
        let secret = environment.setting("AWS_SECRET_ACCESS_KEY")
        if let key, let secret {
            let token = environment.setting("AWS_SESSION_TOKEN")
            self = .fixed(
                Credentials(accessKeyID: key, secretAccessKey: secret, sessionToken: token)
            )
        } else if key != nil || secret != nil {
            let missing = key == nil ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY"
            throw AWSSettingsFailure(problems: ["\(missing) is not set, but its counterpart is"])
        } else if let path = environment.setting("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            guard path.hasPrefix("/") else {
                throw AWSSettingsFailure(problems: [
                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash"
                ])
            }
            self = .container(url: Self.containerHost + path, authorization: nil)
        } else if let url = environment.setting("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            self = .container(
                url: try Self.allowed(url),
                authorization: Self.authorization(environment)
            )
        } else {
            throw AWSSettingsFailure(problems: [
                "no AWS credentials: the task or function has no role "
                    + "(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, "
                    + "AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_ACCESS_KEY_ID are not set)"
            ])
        }
    }

    /// Unencrypted only where nobody else listens: this machine and the container agents, as in
    /// botocore (`ContainerMetadataFetcher`).
    private static func allowed(_ url: String) throws(AWSSettingsFailure) -> String {
        let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
        guard let address = try? WebAddress(url) else {
            throw AWSSettingsFailure(problems: ["\(name) is not an http or https URL"])
        }
        guard address.scheme == "https" || address.isLoopback || address.isContainerAgent else {
            throw AWSSettingsFailure(problems: [
                "\(name) is unencrypted and its host is neither loopback nor a container agent"
            ])
        }
        return url
    }

    private static func authorization(_ environment: [String: String]) -> Authorization? {
        if let path = environment.setting("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            return .file(path: path)
        }
        return environment.setting("AWS_CONTAINER_AUTHORIZATION_TOKEN").map { .token($0) }
    }
}

/// Why there are no credentials. Nothing was sent to any service.
package enum CredentialsFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case unreachable(HTTPFailure)
    /// The endpoint's answer was not 200.
    case refused(status: Int)
    case malformed(cause: String)
    case unreadableToken(path: String)

    package var description: String {
        switch self {
        case .unreachable(let failure): "the credentials endpoint gave no answer: \(failure)"
        case .refused(let status): "the credentials endpoint answered HTTP status \(status)"
        case .malformed(let cause): "the credentials endpoint's answer is malformed: \(cause)"
        case .unreadableToken(let path): "the authorization token file \(path) cannot be read"
        }
    }

    /// Whether asking again at once may help.
    var isPassing: Bool {
        switch self {
        case .unreachable(let failure):
            switch failure.kind {
            case .cancelled, .stopped, .badRequest, .tls: false
            default: true
            }
        case .refused(let status): status == 429 || status >= 500
        case .malformed, .unreadableToken: false
        }
    }
}
