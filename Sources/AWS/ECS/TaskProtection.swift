package import Curl
package import Decisions
import FoundationEssentials
import StrictJSON

/// What the task scale-in protection endpoint answered (ECS developer guide,
/// task-scale-in-protection-endpoint and api_failures_messages). Only ``protected(until:)`` is
/// protection.
package enum ProtectionAnswer: Hashable, Sendable {
    case protected(until: WallTime)
    case unprotected
    /// DEPLOYMENT_BLOCKED: the service has as many protected tasks as it wants.
    case blocked
    /// ECS will not protect this task: TASK_NOT_VALID, MISSING, or a reason not known here.
    case refused(reason: String)
    /// The task role may not do this.
    case denied(message: String)
    /// Too many requests, at this host or in the account.
    case throttled
    /// Nobody knows: no answer, or a failure on the way. The protection may or may not have been
    /// changed.
    case unclear(cause: String)
    /// An answer that is not as documented, or is another task's.
    case malformed(cause: String)
}

package struct TaskProtectionClient: Sendable {
    private let url: String
    private let task: TaskID
    private let http: any HTTPClient

    /// Longer than the agent's own patience of 4 s with ECS and 5 s with its clients (ecs-agent,
    /// `task_server_setup.go`): a shorter one would turn its answers into unclear ones.
    static let deadline: Duration = .seconds(8)

    /// - Parameters:
    ///   - uri: `ECS_AGENT_URI`.
    ///   - task: this task; an answer about another one is none.
    package init(uri: String, task: TaskID, http: any HTTPClient) {
        self.url = uri + "/task-protection/v1/state"
        self.task = task
        self.http = http
    }

    /// Protects the task, and starts the time anew if it is protected.
    ///
    /// - Parameter minutes: 1 to 2880 (ECS API reference, UpdateTaskProtection).
    package func protect(minutes: Int) async -> ProtectionAnswer {
        precondition((1...2880).contains(minutes), "protection of \(minutes) minutes")
        let body = #"{"ProtectionEnabled":true,"ExpiresInMinutes":\#(minutes)}"#
        return await answer(.put, body, asked: true)
    }

    package func unprotect() async -> ProtectionAnswer {
        await answer(.put, #"{"ProtectionEnabled":false}"#, asked: false)
    }

    package func state() async -> ProtectionAnswer {
        await answer(.get, nil, asked: nil)
    }

    private func answer(
        _ method: HTTPRequest.Method,
        _ body: String?,
        asked: Bool?
    ) async -> ProtectionAnswer {
        var request = HTTPRequest(method, url, deadline: Self.deadline)
        if let body {
            request.headers = [(name: "Content-Type", value: "application/json")]
            request.body = Array(body.utf8)
        }
        do {
            return interpret(try await http.send(request), asked: asked)
        } catch {
            return .unclear(cause: "\(error)")
        }
    }

    private func interpret(_ response: HTTPResponse, asked: Bool?) -> ProtectionAnswer {
        // Plain text when it is the agent's own limit.
        if response.status == 429 { return .throttled }
        guard let answer = try? StrictJSON.decode(Answer.self, from: response.body) else {
            return response.status >= 500
                ? .unclear(cause: "HTTP status \(response.status)")
                : .malformed(cause: "HTTP status \(response.status) with a body not as documented")
        }
        switch (answer.protection, answer.failure, answer.error) {
        case (let protection?, nil, nil) where response.status == 200:
            return interpret(protection, asked: asked)
        case (nil, let failure?, nil):
            return interpret(failure)
        case (nil, nil, let error?):
            return interpret(error, status: response.status)
        default:
            return response.status >= 500
                ? .unclear(cause: "HTTP status \(response.status)")
                : .malformed(
                    cause: "HTTP status \(response.status) without exactly one of "
                        + "protection, failure and error"
                )
        }
    }

    private func interpret(_ protection: Answer.Protection, asked: Bool?) -> ProtectionAnswer {
        guard let arn = protection.taskARN, TaskID(arn: arn) == task else {
            return .malformed(cause: "the answer is not about task \(task)")
        }
        guard let isEnabled = protection.isEnabled else {
            return .malformed(cause: "ProtectionEnabled is missing")
        }
        if let asked, asked != isEnabled {
            return .refused(reason: "ProtectionEnabled is still \(isEnabled)")
        }
        guard isEnabled else { return .unprotected }
        guard let text = protection.expires, let expires = WallTime(rfc3339: text) else {
            return .malformed(cause: "ExpirationDate is not a time of RFC 3339")
        }
        return .protected(until: expires)
    }

    private func interpret(_ failure: Answer.Failure) -> ProtectionAnswer {
        switch failure.reason {
        case "DEPLOYMENT_BLOCKED": .blocked
        case let reason?: .refused(reason: reason)
        case nil: .malformed(cause: "a failure without a reason")
        }
    }

    private func interpret(_ error: Answer.Failed, status: Int) -> ProtectionAnswer {
        let code = error.code ?? "no code"
        let message = error.message.map { String($0.prefix(300)) } ?? "no message"
        switch code {
        case "ThrottlingException", "TooManyRequestsException": return .throttled
        case "AccessDeniedException": return .denied(message: message)
        // The agent's words for ECS not answering it in time.
        case "RequestCanceled", "RequestError", "RequestTimeout":
            return .unclear(cause: "\(code): \(message)")
        default:
            return status >= 500
                ? .unclear(cause: "\(code): \(message)") : .refused(reason: "\(code): \(message)")
        }
    }

    /// Exactly one of the first three (ecs-agent, `taskprotection/v1/types`).
    private struct Answer: Decodable {
        let protection: Protection?
        let failure: Failure?
        let error: Failed?

        struct Protection: Decodable {
            let taskARN: String?
            let isEnabled: Bool?
            let expires: String?

            enum CodingKeys: String, CodingKey {
                case taskARN = "TaskArn"
                case isEnabled = "ProtectionEnabled"
                case expires = "ExpirationDate"
            }
        }

        struct Failure: Decodable {
            let reason: String?
            enum CodingKeys: String, CodingKey { case reason = "Reason" }
        }

        struct Failed: Decodable {
            let code: String?
            let message: String?

            enum CodingKeys: String, CodingKey {
                case code = "Code"
                case message = "Message"
            }
        }
    }
}
