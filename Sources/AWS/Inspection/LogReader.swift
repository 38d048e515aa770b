package import Decisions

/// Reads a log group of CloudWatch (CloudWatch Logs API reference, FilterLogEvents).
package struct LogReader: Sendable {
    /// A line as it was written.
    package struct Event: Sendable, Hashable {
        /// The stream; of a container `NAME/CONTAINER/TASK`.
        package let stream: String
        package let at: WallTime
        package let text: String

        package init(stream: String, at: WallTime, text: String) {
            self.stream = stream
            self.at = at
            self.text = text
        }
    }

    private let aws: AWSClient

    package init(_ aws: AWSClient) { self.aws = aws }

    /// Pages of 1 MB each; an answer that goes on beyond has no end.
    private static let mostPages = 500

    /// All lines of a group since then, of each stream in their order.
    ///
    /// - Throws: also `malformedAnswer` for an answer without an end.
    package func read(_ group: String, since: WallTime) async throws(AWSFailure) -> [Event] {
        struct Input: Encodable {
            let logGroupName: String
            let startTime: Int
            let nextToken: String?
        }
        struct Answer: Decodable {
            let events: [Line]?
            let nextToken: String?
            struct Line: Decodable {
                let logStreamName: String?
                let timestamp: Int?
                let message: String?
            }
        }
        var found: [Event] = []
        var token: String?
        for _ in 0..<Self.mostPages {
            let input = Input(
                logGroupName: group,
                startTime: Int(since.milliseconds),
                nextToken: token
            )
            let answer: Answer = try await aws.call(.logs, "FilterLogEvents", .harmless, input)
            found += (answer.events ?? []).map {
                Event(
                    stream: $0.logStreamName ?? "",
                    at: WallTime(milliseconds: $0.timestamp ?? 0),
                    text: $0.message ?? ""
                )
            }
            // A page may be empty and not the last.
            guard let next = answer.nextToken, !next.isEmpty else { return found }
            token = next
        }
        let cause = AWSFailure.Cause.malformedAnswer("more than \(Self.mostPages) pages")
        throw AWSFailure(call: "logs FilterLogEvents", cause: cause, attempts: 1)
    }
}
