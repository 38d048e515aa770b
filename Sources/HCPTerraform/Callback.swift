package import Curl
internal import FoundationEssentials

/// The answer to a run task call: PATCH to the URL that came with it (run tasks integration API,
/// "Run task callback").
package struct TaskResult: Hashable, Sendable {
    package enum Status: String, Sendable { case passed, failed, running }

    package let status: Status
    /// One sentence for the run's page, at most 1,000 characters.
    package let message: String

    package init(_ status: Status, _ message: String) {
        self.status = status
        self.message = String(message.prefix(Self.maximumMessage))
    }

    static let maximumMessage = 1_000
}

/// What became of a callback.
package enum CallbackOutcome: Hashable, Sendable {
    case accepted
    /// 409: the task result is already final, so an earlier try took effect or HCP Terraform
    /// gave up waiting.
    case alreadyFinal
    /// 401, 404, 422: repeating it would not help.
    case rejected(status: Int)
    /// No answer, 429 or 5xx: may be tried again; a repeat is harmless.
    case unclear(String)
}

package struct CallbackClient: Sendable {
    private let http: any HTTPClient

    package init(_ http: any HTTPClient) { self.http = http }

    /// - Parameters:
    ///   - result: what to say.
    ///   - request: the call that is answered; its URL must have been checked.
    ///   - deadline: for this one try.
    /// - Returns: never throws: a callback that fails has changed nothing here.
    package func send(
        _ result: TaskResult,
        for request: RunTaskRequest,
        deadline: Duration
    ) async -> CallbackOutcome {
        let call = HTTPRequest(
            .patch,
            request.callbackURL,
            headers: [
                ("Authorization", "Bearer " + request.accessToken),
                ("Content-Type", "application/vnd.api+json"),
            ],
            body: Self.body(result),
            deadline: deadline
        )
        do {
            let answer = try await http.send(call)
            switch answer.status {
            case 200..<300: return .accepted
            case 409: return .alreadyFinal
            case 429, 500...: return .unclear("status \(answer.status)")
            default: return .rejected(status: answer.status)
            }
        } catch {
            return .unclear("\(error)")
        }
    }

    static func body(_ result: TaskResult) -> [UInt8] {
        struct Document: Encodable {
            struct Data: Encodable {
                struct Attributes: Encodable {
                    let status: String
                    let message: String
                }
                let type = "task-results"
                let attributes: Attributes
            }
            let data: Data
        }
        let document = Document(
            data: .init(
                attributes: .init(status: result.status.rawValue, message: result.message)
            )
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings and no numbers: there is nothing in it that could not be encoded.
        return (try? encoder.encode(document)).map(Array.init) ?? []
    }
}
