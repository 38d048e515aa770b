package import Curl
internal import FoundationEssentials

/// The answer to a run task call: PATCH to the URL that came with it (run tasks integration API,
/// "Run task callback").
package struct TaskResult: Hashable, Sendable {
    package enum Status: String, Sendable { case passed, failed, running }

    package let status: Status
    /// One sentence for the run's page, at most 1,000 characters.
    package let message: String
    /// A page for whoever wants to know more; nil when it would be longer than is taken.
    package let url: String?
    /// Shown as a row of its own where the request says that it takes outcomes.
    package let outcome: Outcome?

    package init(
        _ status: Status,
        _ message: String,
        url: String? = nil,
        outcome: Outcome? = nil
    ) {
        self.status = status
        self.message = String(message.prefix(Self.maximumMessage))
        self.url = url.flatMap { $0.utf8.count <= Self.maximumURL ? $0 : nil }
        self.outcome = outcome
    }

    static let maximumMessage = 1_000
    static let maximumURL = 500

    /// One structured outcome ("Run task callback", relationship `outcomes`).
    package struct Outcome: Hashable, Sendable {
        /// At most 64 characters.
        package let id: String
        /// At most 1,000 characters.
        package let description: String
        /// One to ten of them.
        package let tags: [Tag]

        package init(id: String, description: String, tags: [Tag]) {
            self.id = String(id.prefix(64))
            self.description = String(description.prefix(TaskResult.maximumMessage))
            self.tags = Array(tags.prefix(10))
        }
    }

    /// A name with one label of at most 32 characters; `Status` is shown in a column of its own.
    package struct Tag: Hashable, Sendable {
        package enum Level: String, Sendable { case none, info, warning, error }

        package let name: String
        package let label: String
        package let level: Level

        package init(_ name: String, _ label: String, _ level: Level = .none) {
            self.name = name
            self.label = String(label.prefix(32))
            self.level = level
        }
    }
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
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings and no numbers: there is nothing in it that could not be encoded.
        return (try? encoder.encode(Document(result))).map(Array.init) ?? []
    }
}

/// The body of a callback, as the API documents it.
private struct Document: Encodable {
    let data: TaskResultData

    init(_ result: TaskResult) {
        data = TaskResultData(
            attributes: .init(
                status: result.status.rawValue,
                message: result.message,
                url: result.url
            ),
            relationships: result.outcome.map { outcome in
                .init(outcomes: .init(data: [OutcomeData(outcome, url: result.url)]))
            }
        )
    }

    struct TaskResultData: Encodable {
        let type = "task-results"
        let attributes: Attributes
        let relationships: Relationships?
    }

    struct Attributes: Encodable {
        let status: String
        let message: String
        let url: String?
    }

    struct Relationships: Encodable { let outcomes: Outcomes }
    struct Outcomes: Encodable { let data: [OutcomeData] }

    struct OutcomeData: Encodable {
        let type = "task-result-outcomes"
        let attributes: Attributes

        init(_ outcome: TaskResult.Outcome, url: String?) {
            attributes = Attributes(
                id: outcome.id,
                description: outcome.description,
                url: url,
                tags: Dictionary(
                    outcome.tags.map {
                        ($0.name, [Label(label: $0.label, level: $0.level.rawValue)])
                    },
                    uniquingKeysWith: +
                )
            )
        }

        struct Attributes: Encodable {
            let id: String
            let description: String
            let url: String?
            let tags: [String: [Label]]

            enum CodingKeys: String, CodingKey {
                case id = "outcome-id"
                case description, url, tags
            }
        }
        struct Label: Encodable {
            let label: String
            let level: String
        }
    }
}
